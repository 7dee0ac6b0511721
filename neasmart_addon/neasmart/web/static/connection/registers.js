/** Every register in one table that can be searched and taken along. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { guard } from "../vendor/lit-html/directives/guard.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { bornAt, groupOf, hex, wasReceived } from "../core/model.js";
import { roomName } from "../core/rooms.js";
import { valueText } from "../core/words.js";
import { icons } from "../parts/icons.js";
import { saveRegisters } from "./save.js";

/** Between these an id may go on in the next line. */
const PARTS = /[^._]+[._]?/g;
const COLUMNS = ["address", "id", "raw", "value", "age", "source"];

/**
 * @typedef {import("../types.d.ts").Page} Page
 * @typedef {import("../types.d.ts").Reading} Reading
 */

/** @param {Page} page */
export function registers(page) {
  const { t, count } = page.i18n;
  const { search, all: isAll } = page.ui.registers;
  const all = [...page.state.readings.values()].sort((a, b) => a.address - b.address);
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = all
    .filter((reading) => isAll || wasReceived(reading))
    .map((reading) => ({ reading, line: lineOf(page, reading) }))
    .filter(({ line }) => words.every((word) => line.text.includes(word)));
  const save = (/** @type {"csv" | "json"} */ format) => () => saveRegisters(page, shown.map(({ reading }) => reading), format);
  const set = (/** @type {Partial<Page["ui"]["registers"]>} */ change) => page.update({ registers: { ...page.ui.registers, ...change } });
  return html`<section class="panel wide" aria-labelledby="registers">
    <h2 id="registers">${t("bus.registers")}</h2>
    <div class="tools">
      <label class="search">${icons.search}<span class="aside">${t("bus.search")}</span>
        <input type="search" placeholder=${t("bus.search")} .value=${search} @input=${(/** @type {Event} */ event) => set({ search: /** @type {HTMLInputElement} */ (event.target).value })} />
      </label>
      <label class="check"><input type="checkbox" .checked=${isAll} @change=${() => set({ all: !isAll })} /><span>${t("bus.all_registers")}</span></label>
      <span class="files">
        <button type="button" class="outlined" @click=${save("csv")}>${icons.download}CSV</button>
        <button type="button" class="outlined" @click=${save("json")}>${icons.download}JSON</button>
      </span>
    </div>
    <p class="caption">${t("bus.shown", { shown: count(shown.length), all: count(all.length) })}</p>
    <div class="scroll" tabindex="0" role="group" aria-label=${t("bus.registers")}>
      <table class="registers">
        <thead><tr>${COLUMNS.map((column) => html`<th scope="col">${t(`bus.${column}`)}</th>`)}</tr></thead>
        <tbody>
          ${repeat(shown, ({ reading }) => reading.id, ({ reading, line }) => html`${guard([reading, line.name], () => row(page, reading, line))}`)}
        </tbody>
      </table>
    </div>
  </section>`;
}

/** @param {Page} page @param {Reading} reading */
function lineOf(page, reading) {
  const { t } = page.i18n;
  const decoded = reading.value === null ? t(`quality.${reading.quality}`) : valueText(page, reading.id, reading.value);
  const name = groupOf(page.schema, reading.id)?.rooms ? roomName(page, reading.index) : "";
  const raw = hex(reading.raw);
  const source = t(`source.${reading.source}`);
  return { name, decoded, raw, source, text: [reading.address, reading.id, name, raw, decoded, source].join(" ").toLowerCase() };
}

/** @param {Page} page @param {Reading} reading @param {ReturnType<typeof lineOf>} line */
function row(page, reading, line) {
  const { t } = page.i18n;
  const born = bornAt(reading);
  return html`<tr>
    <td class="address">${reading.address}</td>
    <td><code>${reading.id.match(PARTS)?.map((part) => html`${part}<wbr />`)}</code>${line.name ? html`<small dir="auto">${line.name}</small>` : nothing}</td>
    <td><code>${line.raw}</code></td>
    <td class="short">${line.decoded}</td>
    <td class="short">
      ${wasReceived(reading) ? html`<age-of since=${born === null ? "" : born.toFixed(1)}></age-of>` : t("value.unknown")}
      ${wasReceived(reading) && reading.stale ? html`<small class="stale">${t("value.old")}</small>` : nothing}
    </td>
    <td>${line.source}</td>
  </tr>`;
}
