/** The first view: the system as a whole, a card for each room, and the equipment. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { anythingReceived } from "../diagnosis.js";
import { ageOf, rowsOf, wasReceived, zoneExists } from "../state.js";
import { choice, climateOf, fateChip, fateOf, fateReason, icons, sparkline, stepper, zoneName } from "../widgets.js";
import { equipment } from "./equipment.js";
import * as guide from "./guide.js";

/** @typedef {import("./page.js").Page} Page */

/** @param {Page} page */
export function overview(page) {
  if (!anythingReceived(page)) return guide.view(page);
  const { t } = page.i18n;
  const zones = rowsOf(page.state, page.schema, "zone").filter((row) => page.ui.showUnused || zoneExists(row));
  const unnamed = zones.some((row) => zoneExists(row) && !page.state.names.has(row.index.join(".")));
  return html`
    ${system(page)}
    <section aria-labelledby="rooms">
      <h2 id="rooms" class="hidden">${t("overview.rooms")}</h2>
      <div class="zones">${zones.map((row) => zoneCard(page, row))}</div>
      ${zones.length ? nothing : html`<p class="note">${t("overview.no_rooms")}</p>`}
      ${unnamed ? html`<p class="note">${t("overview.unnamed")}</p>` : nothing}
    </section>
    ${equipment(page)}
    <p class="foot">
      <button type="button" class="text" aria-pressed=${page.ui.showUnused ? "true" : "false"}
        @click=${() => page.update({ showUnused: !page.ui.showUnused })}>
        ${t(page.ui.showUnused ? "overview.hide_unused" : "overview.show_unused")}
      </button>
    </p>
  `;
}

/** @param {Page} page */
function system(page) {
  const { t, temperature, age } = page.i18n;
  const reading = (point) => page.state.readings.get(`global.${point}`);
  const outside = reading("outside_temperature");
  const filtered = reading("filtered_outside_temperature");
  const fate = fateOf(page, ["global.mode", "global.state"]);
  return html`<section class="card system" aria-label=${t("overview.system")}>
    <div class="outside">
      <span class="disc">${icons.outside}</span>
      <div>
        <span class="label">${t("overview.outside")}</span>
        <span class="figure">${temperature(outside?.value)}</span>
        ${filtered?.value == null
          ? nothing
          : html`<span class="second">${t("overview.filtered", { value: temperature(filtered.value) })}</span>`}
        ${outside?.stale && wasReceived(outside)
          ? html`<span class="second stale">${age(ageOf(outside, page.now))}</span>`
          : nothing}
      </div>
    </div>
    <div class="chips">${["error", "warning", "hint"].map((kind) => message(page, kind))} ${fateChip(page, fate)}</div>
    ${choice(page, "global.mode", t("overview.mode"), { visibleLabel: true })}
    ${choice(page, "global.state", t("overview.state"), { visibleLabel: true })}
    ${fateReason(page, fate)}
  </section>`;
}

/** @param {Page} page @param {"error" | "warning" | "hint"} kind */
function message(page, kind) {
  if (page.state.readings.get(`global.${kind}`)?.value !== true) return nothing;
  const icon = kind === "hint" ? icons.info : icons.alert;
  return html`<span class="chip ${kind}">${icon}<span>${page.i18n.t(`message.${kind}`)}</span></span>`;
}

/** @param {Page} page @param {ReturnType<typeof rowsOf>[0]} row */
function zoneCard(page, row) {
  const { t, degrees, percent, age } = page.i18n;
  const { temperature, humidity } = row.readings;
  const name = zoneName(page, row.index);
  const fate = fateOf(page, [`${row.id}.setpoint`, `${row.id}.state`]);
  const stale = wasReceived(temperature) && temperature.stale;
  const climate = climateOf(page, row.id);
  return html`<article class="card zone ${climate.tint} ${stale ? "old" : ""}" data-zone=${row.id}>
    <header>
      <span class="disc">${climate.icon}</span>
      <div class="name">
        <h3><a class="whole" href="#zone/${row.index.join("/")}" dir="auto">${name}</a></h3>
        <p class="under-name">
          ${humidity?.value == null
            ? nothing
            : html`<span class="humidity">${icons.drop}<span class="hidden">${t("zone.humidity")}</span>${percent(humidity.value)}</span>`}
          ${fateChip(page, fate)}
          ${stale && !fate
            ? html`<span class="chip stale">${icons.clock}<span>${age(ageOf(temperature, page.now))}</span></span>`
            : nothing}
        </p>
      </div>
      <p class="actual">
        <span class="hidden">${t("zone.actual")}</span>
        <span class="big">${degrees(temperature?.value)}</span
        >${temperature?.value == null ? nothing : html`<span class="unit">°C</span>`}
      </p>
    </header>
    ${sparkline(page.trends.get(`${row.id}.temperature`), t("history.last_day", { name }))}
    <div class="controls">
      ${choice(page, `${row.id}.state`, t("zone.state_of", { name }))} ${stepper(page, `${row.id}.setpoint`, name)}
    </div>
    ${fateReason(page, fate)}
  </article>`;
}
