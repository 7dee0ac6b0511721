/** The view for when something is wrong: the doctor's sentence, the guide, what the wire carries, and what helps helpers. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { busFinding } from "../core/findings.js";
import { isBehindLogin } from "../core/session.js";
import { banner } from "../parts/banner.js";
import { commandLog } from "./commands.js";
import { evidence } from "./evidence.js";
import { guide } from "./guide.js";
import { keys } from "./keys.js";
import { registers } from "./registers.js";
import { counters, traffic } from "./traffic.js";

/** @typedef {import("../types.d.ts").Page} Page */

/** @param {Page} page */
export function view(page) {
  const { t } = page.i18n;
  return html`${page.ui.guide
      ? guided(page)
      : html`${banner(page, busFinding(page))}
          <p class="foot"><button type="button" class="outlined" @click=${() => page.update({ guide: "asked" })}>${t("guide.open_it")}</button></p>`}
    <div class="columns">${traffic(page)} ${counters(page)}</div>
    ${evidence(page)} ${commandLog(page)} ${registers(page)} ${keys(page)}
    ${isBehindLogin() ? signOut(page) : nothing}`;
}

/** @param {Page} page */
function signOut(page) {
  return html`<p class="foot"><button type="button" class="outlined" @click=${page.actions.signOut}>${page.i18n.t("session.sign_out")}</button></p>`;
}

/** Where nothing has ever been received the guide is the first page, until the owner is done. @param {Page} page */
export function firstRun(page) {
  return html`<h2 class="welcome">${page.i18n.t("guide.title")}</h2>
    ${guided(page)}`;
}

/** The doctor's sentence is where one looks: with the adapter that is listened to, else first. @param {Page} page */
function guided(page) {
  return html`${page.ui.setup?.listening ? nothing : banner(page, busFinding(page))} ${guide(page)}`;
}
