/** What needs attention, in words; it can be put away, and returns when its cause is a new one. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { icons } from "./icons.js";

/**
 * @typedef {import("../types.d.ts").Page} Page
 * @typedef {import("../types.d.ts").Finding} Finding
 */

/** @param {Page} page @param {Finding} finding @param {{closable?: boolean}} [options] */
export function banner(page, finding, { closable = false } = {}) {
  const { t } = page.i18n;
  const parameters = { others: t("value.none"), ...finding.parameters };
  const onClose = () => {
    page.ui.dismissed.add(finding.cause);
    page.update({});
  };
  return html`<section class="banner ${finding.level}" data-finding=${finding.code}>
    ${finding.level === "ok" ? icons.check : finding.level === "info" ? icons.info : icons.alert}
    <div>
      <h2>${t(finding.title, parameters)}</h2>
      ${finding.help ? html`<p>${t(finding.help, parameters)}</p>` : nothing}
      ${finding.detail ? html`<details><summary>${t("find.detail")}</summary><p class="raw" lang="en">${finding.detail}</p></details>` : nothing}
    </div>
    ${closable
      ? html`<button type="button" class="close" aria-label=${t("action.dismiss")} @click=${onClose}>${icons.close}</button>`
      : nothing}
  </section>`;
}
