/** What has just been done, with its undo for a few seconds, and said aloud. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";

/** @param {import("../types.d.ts").Page} page */
export function toastView(page) {
  const { toast } = page.ui;
  const { t, count } = page.i18n;
  const left_s = toast ? Math.max(1, Math.ceil(toast.until - page.now)) : 0;
  return html`<div class="toasts">${toast
      ? html`<div class="toast ${toast.failed ? "failed" : ""}">
          <span>${t(toast.text, toast.parameters)}</span>
          ${toast.commands.length
            ? html`<button type="button" aria-label=${t("action.undo")} @click=${() => page.actions.undo(toast.commands)}>
                ${t("action.undo")}<span aria-hidden="true"> · ${count(left_s)} s</span>
              </button>`
            : nothing}
        </div>`
      : nothing}</div>
    <p class="aside" aria-live="polite" data-said>${page.ui.said}</p>`;
}
