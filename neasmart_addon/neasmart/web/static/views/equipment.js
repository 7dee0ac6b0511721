/** Mixed circuits, pumps and dehumidifiers in one compact table; only what the base has reported. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { ageOf, rowsOf, wasReceived } from "../state.js";
import { valueText } from "../widgets.js";

const GROUPS = ["mixed_circuit", "pump", "dehumidifier"];
/** The point that says whether the device is running; the others are told beside it. */
const RUNNING = { mixed_circuit: "pump", pump: "running", dehumidifier: "running" };

/** @typedef {import("./page.js").Page} Page */

/** @param {Page} page */
export function equipment(page) {
  const { t } = page.i18n;
  const rows = GROUPS.flatMap((group) =>
    rowsOf(page.state, page.schema, group).map((row) => ({ ...row, group })),
  ).filter((row) => page.ui.showUnused || Object.values(row.readings).some(wasReceived));
  if (!rows.length) return nothing;
  return html`<section class="card flush" aria-labelledby="equipment">
    <h2 id="equipment">${t("equipment.title")}</h2>
    <table class="equipment">
      <thead class="hidden">
        <tr>
          <th scope="col">${t("equipment.device")}</th>
          <th scope="col">${t("equipment.running")}</th>
          <th scope="col">${t("equipment.values")}</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map((row) => line(page, row))}
      </tbody>
    </table>
  </section>`;
}

/** @param {Page} page */
function line(page, row) {
  const { t, age } = page.i18n;
  const running = row.readings[RUNNING[row.group]];
  const others = Object.values(row.readings).filter((reading) => reading && reading !== running && reading.value !== null);
  const on = running?.value;
  const stale = wasReceived(running) && running.stale;
  return html`<tr>
    <th scope="row">${t(`equipment.${row.group}`, { number: row.index[0] })}</th>
    <td>
      <span class="lamp ${on ? "on" : ""}"></span>${on == null ? t("value.unknown") : t(on ? "equipment.on" : "equipment.off")}
      ${stale ? html`<span class="second stale">${age(ageOf(running, page.now))}</span>` : nothing}
    </td>
    <td class="values">
      ${others.map((reading) => html`<span>${t(`equipment.${reading.point}`)} <b>${valueText(page, reading.id, reading.value)}</b></span>`)}
    </td>
  </tr>`;
}
