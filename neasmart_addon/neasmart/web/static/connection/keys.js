/** Makes a key for programs, as `neasmart token` does where there is a shell; it never leaves the browser by itself. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";

const KEY_BYTES = 32;

/** @param {import("../types.d.ts").Page} page */
export function keys(page) {
  const { t } = page.i18n;
  const { newKey } = page.ui;
  const select = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.target).select();
  return html`<section class="panel" aria-labelledby="keys">
    <h2 id="keys">${t("keys.title")}</h2>
    <p class="caption">${t("keys.why")}</p>
    ${newKey === null ? nothing : html`<label><span class="aside">${t("keys.key")}</span><input readonly class="raw" autocomplete="off" .value=${newKey} @focus=${select} /></label><p>${t("keys.enter")}</p>`}
    <p class="actions"><button type="button" class="outlined" @click=${() => page.update({ newKey: made() })}>${t("keys.make")}</button></p>
  </section>`;
}

/** What nobody guesses, in letters that stand in a URL, too. */
function made() {
  const bytes = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace("=", "");
}
