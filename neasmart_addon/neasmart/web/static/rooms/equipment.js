/** Mixed circuits, pumps and dehumidifiers in one compact table; only what the base has reported. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { bornAt, rowsOf, wasReceived } from "../core/model.js";
import { placeName, pointTitle, valueText } from "../core/words.js";

/**
 * @typedef {import("../types.d.ts").Page} Page
 * @typedef {import("../types.d.ts").Row & {running: string}} Device
 */

/** @param {Page} page */
export function equipment(page) {
  const { t } = page.i18n;
  const devices = page.schema.groups.filter((group) => group.axes.length && !group.rooms);
  const rows = devices
    .flatMap((group) => {
      // What says whether the device runs; the others are told beside it.
      const running = group.points.find((point) => point.device_class === "running")?.key ?? "";
      return rowsOf(page.state, page.schema, group.key).map((row) => ({ ...row, running }));
    })
    .filter((row) => page.ui.showUnused || row.exists);
  if (!rows.length) return nothing;
  return html`<section class="equipment" aria-labelledby="equipment">
    <h2 id="equipment">${t("equipment.title")}</h2>
    <table>
      <thead class="aside">
        <tr>${["device", "running", "values"].map((each) => html`<th scope="col">${t(`equipment.${each}`)}</th>`)}</tr>
      </thead>
      <tbody>${rows.map((row) => line(page, row))}</tbody>
    </table>
  </section>`;
}

/** @param {Page} page @param {Device} row */
function line(page, row) {
  const { t } = page.i18n;
  const running = row.readings[row.running];
  const others = Object.values(row.readings).filter((reading) => reading && reading !== running && reading.value !== null);
  const on = running?.value ?? null;
  const born = bornAt(running);
  return html`<tr>
    <th scope="row">${placeName(page, `${row.id}.`)}</th>
    <td class="running">
      <span class="lamp ${on ? "ok" : ""}"></span>${on === null ? t("value.unknown") : t(on ? "equipment.on" : "equipment.off")}
      ${wasReceived(running) && running.stale && born !== null ? html`<span class="caption"><age-of since=${born.toFixed(0)}></age-of></span>` : nothing}
    </td>
    <td class="values">
      ${others.map((reading) => (reading ? html`<span>${pointTitle(page, reading.id)} <b>${valueText(page, reading.id, reading.value)}</b></span>` : nothing))}
    </td>
  </tr>`;
}
