/** The frame of all views: title, tabs, the connection in words, and what needs attention. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { anythingReceived, busAges, busFinding, findings, isReachable } from "../diagnosis.js";
import { banner } from "../widgets.js";
import * as bus from "./bus.js";
import * as history from "./history.js";
import { overview } from "./overview.js";
import * as zoneDialog from "./zone.js";

/**
 * @typedef {object} Page everything a view needs; made anew for each drawing
 * @property {import("../state.js").State} state
 * @property {any} schema
 * @property {import("../i18n.js").I18n} i18n
 * @property {import("../edits.js").Edits} edits
 * @property {number} now seconds of the page's own clock
 * @property {{connection: import("../live.js").Connection, connectionSince: number, route: Route, showUnused: boolean,
 *   dismissed: Set<string>, search: string, allRegisters: boolean, notice: string,
 *   noticeParameters: Record<string, unknown>, recordFailed: boolean}} ui
 * @property {(change: object) => void} update changes the ui and draws again
 * @property {{get: (id: string) => import("../trends.js").Trend | undefined}} trends
 *
 * @typedef {{tab: string, zone: string | null}} Route
 */

const TABS = ["overview", "history", "bus"];
const VIEWS = { overview, history: history.view, bus: bus.view };

/** @param {string} hash of the address @returns {Route} */
export function routeOf(hash) {
  const [tab, ...rest] = hash.replace(/^#/, "").split("/");
  if (tab === "zone" && rest.length === 2) return { tab: "overview", zone: `zone.${rest.join(".")}` };
  return { tab: TABS.includes(tab) ? tab : "overview", zone: null };
}

/** History is there if the gateway keeps one. @param {Page} page */
function tabsOf(page) {
  return TABS.filter((each) => each !== "history" || page.schema?.history);
}

/** @param {Page} page */
export function pageView(page) {
  const { t } = page.i18n;
  const { tab, zone } = page.ui.route;
  return html`
    <header class="bar">
      <h1>${t("title")}</h1>
      <nav aria-label=${t("title")}>
        ${tabsOf(page).map((each) => html`<a href="#${each}" aria-current=${each === tab ? "page" : nothing}>${t(`tab.${each}`)}</a>`)}
      </nav>
      ${connectionLine(page)}
    </header>
    <main class="content">${page.state.received ? received(page, tab) : waiting(page)}</main>
    ${page.state.received ? zoneDialog.view(page, zone) : nothing}
  `;
}

/** Opens or closes the dialog as the address says; called after each drawing. @param {Page} page */
export function showDialog(page) {
  const dialog = /** @type {HTMLDialogElement | null} */ (document.querySelector("dialog"));
  if (!dialog) return;
  const wanted = page.ui.route.zone !== null && dialog.childElementCount > 0;
  if (wanted && !dialog.open) dialog.showModal();
  else if (!wanted && dialog.open) dialog.close();
}

/** Brings the selects in line with what is shown, also after a choice that was refused. @param {HTMLElement} root */
export function alignSelects(root) {
  for (const select of root.querySelectorAll("select")) {
    if (select.value !== select.dataset.value) select.value = select.dataset.value ?? "";
  }
}

/** @param {Page} page */
function received(page, tab) {
  const finding = busFinding(page);
  const attention = findings(page.state.status, finding, isReachable(page));
  // The guide and the Bus tab tell of the bus themselves.
  const firstRun = tab === "overview" && !anythingReceived(page);
  const shown = attention.filter((each) => each.code !== finding.code || !(firstRun || tab === "bus") || !isReachable(page));
  return html`${shown.map((each) => banner(page, each))}${VIEWS[tab](page)}`;
}

/** @param {Page} page */
function waiting(page) {
  return html`${isReachable(page) ? nothing : banner(page, { level: "error", code: "unreachable" })}${skeleton()}`;
}

function skeleton() {
  return html`<div class="skeleton wide"></div>
    <div class="zones"><div class="skeleton"></div><div class="skeleton"></div><div class="skeleton"></div></div>`;
}

/** The age stands outside of the live region: it changes all the time. @param {Page} page */
function connectionLine(page) {
  const { t, age } = page.i18n;
  const level = !isReachable(page) ? "error" : page.state.received ? busFinding(page).level : "info";
  const lastWrite_s = busAges(page).lastWrite_s;
  const key = !isReachable(page) ? "unreachable" : !page.state.received ? "connecting" : { ok: "ok", info: "starting" }[level] ?? "trouble";
  return html`<p class="connection ${level}">
    <span class="dot"></span>
    <span role="status" aria-live="polite">${t(`connection.${key}`)}</span>
    ${lastWrite_s === null ? nothing : html`<span class="age">${age(lastWrite_s)}</span>`}
  </p>`;
}
