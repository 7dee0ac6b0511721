/** The frame of all views: title, tabs, the state in words, what needs attention, and what lies over the page. */

import { html, nothing } from "./vendor/lit-html/lit-html.js";
import { repeat } from "./vendor/lit-html/directives/repeat.js";
import { busFinding, findingsOf, isAlive, isReachable, lastWriteAt, overallLevel } from "./core/findings.js";
import { TABS } from "./core/route.js";
import { layers } from "./layers.js";
import { banner } from "./parts/banner.js";
import { iconOf } from "./parts/icons.js";
import { toastView } from "./parts/toast.js";
import { roomsView } from "./rooms/rooms.js";

/** @typedef {import("./types.d.ts").Page} Page */

/** @param {Page} page */
export function pageView(page) {
  const { t } = page.i18n;
  const { tab } = page.ui.route;
  const tabs = TABS.filter((each) => each !== "history" || page.schema?.history);
  return html`
    <header class="bar">
      <h1>${t("title")}</h1>
      <nav aria-label=${t("title")}>
        ${tabs.map(
          (each) => html`<a href="#${each}" aria-current=${each === tab ? "page" : nothing}>${iconOf(each)}<span>${t(`tab.${each}`)}</span></a>`,
        )}
      </nav>
      ${stateLine(page)}
    </header>
    <main class="content ${isAlive(page) ? "" : "resting"}">
      ${page.state.received ? received(page, tab) : waiting(page)}
    </main>
    ${page.ui.route.room ? nothing : toastView(page)}
    ${page.state.received ? layers(page) : nothing}
  `;
}

/** @param {Page} page @param {string} tab */
function received(page, tab) {
  const bus = busFinding(page).code;
  // The Connection tab and the first run tell of the bus themselves.
  const tellsOfBus = isReachable(page) && (tab === "connection" || (tab === "rooms" && page.ui.guide === "first"));
  const shown = findingsOf(page).filter((each) => !(tellsOfBus && each.code === bus) && !page.ui.dismissed.has(each.cause));
  return html`${repeat(shown, (each) => each.code, (each) => banner(page, each, { closable: true }))}${content(page, tab)}`;
}

/** @param {Page} page @param {string} tab */
function content(page, tab) {
  if (tab === "rooms") return roomsView(page);
  const shown = page.lazy[tab]?.view?.(page);
  if (shown) return shown;
  return page.ui.failedTab === tab ? html`<p class="note" role="status">${page.i18n.t("tab.failed")}</p>` : skeleton();
}

/** @param {Page} page */
function waiting(page) {
  return html`${isReachable(page) ? nothing : findingsOf(page).map((each) => banner(page, each))}${skeleton()}`;
}

function skeleton() {
  return html`<div class="skeleton wide"></div>
    <div class="skeletons"><div class="skeleton"></div><div class="skeleton"></div><div class="skeleton"></div></div>`;
}

/** The age stands outside of the live region: it changes all the time. @param {Page} page */
function stateLine(page) {
  const { t } = page.i18n;
  const level = overallLevel(page);
  const key = !isReachable(page)
    ? page.ui.connection
    : !page.state.received
      ? "connecting"
      : level === "ok" || level === "info"
        ? level
        : "attention";
  const at = lastWriteAt(page);
  return html`<p class="state-line ${level}">
    <span class="lamp"></span>
    <span class="what" role="status">${t(`connection.${key}`)}</span>
    ${at === null ? nothing : html`<span class="when">${t("connection.updated")} <age-of since=${at.toFixed(0)}></age-of></span>`}
  </p>`;
}
