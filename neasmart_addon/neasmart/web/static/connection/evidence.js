/** What people who help ask for: a recording of the bus and the diagnostics file. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { icons } from "../parts/icons.js";

/** @param {import("../types.d.ts").Page} page */
export function evidence(page) {
  const { t } = page.i18n;
  const recorder = page.state.status["recorder"] ?? {};
  return html`<section class="panel" aria-labelledby="evidence">
    <h2 id="evidence">${t("bus.evidence")}</h2>
    <p class="caption">${t("bus.evidence_why")}</p>
    <p class="actions">
      <button type="button" class="outlined" @click=${() => page.actions.record(!recorder.recording)}>${t(recorder.recording ? "bus.record_stop" : "bus.record")}</button>
      ${recorder.name && !recorder.recording
        ? html`<a class="outlined" href=${`api/v1/captures/${recorder.name}`} @click=${page.actions.download}>${icons.download}${t("bus.capture")}</a>`
        : nothing}
      <a class="outlined" href="api/v1/diagnostics" @click=${page.actions.download}>${icons.download}${t("bus.diagnostics")}</a>
      <span class="caption" role="status">${page.ui.recordFailed ? t("bus.record_failed") : recorder.recording ? t("bus.recording") : nothing}</span>
    </p>
  </section>`;
}
