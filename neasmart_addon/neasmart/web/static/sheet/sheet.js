/** One room in full: dial, state, its day as a chart, what became of the last commands, and what the owner calls it. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { isAlive, restReason } from "../core/findings.js";
import { bornAt, roomGroup, roomRows, wasReceived } from "../core/model.js";
import { activityOf, airOf, numberOf, roomName, shownValue } from "../core/rooms.js";
import { fateOf, pointTitle, stateText, valueText } from "../core/words.js";
import { segment } from "../parts/choices.js";
import { icons } from "../parts/icons.js";
import { setpointControl, stepper } from "../parts/stepper.js";
import { dayChart } from "./day.js";
import { dial } from "./dial.js";
import { lastCommands } from "./log.js";
import { roomForm } from "./form.js";

/** A dial that is held this long is sent; a drag that never ends, because the sheet was closed, too. */
const DRAG_MS = 3000;

/**
 * @typedef {import("../types.d.ts").Page} Page
 * @typedef {import("../types.d.ts").Row} Row
 */

/** @param {Page} page @param {string} id such as "zone.1.3" */
export function sheet(page, id) {
  const row = roomRows(page.state, page.schema).find((each) => each.id === id);
  const { t } = page.i18n;
  const name = row ? roomName(page, row.index) : t("room.no_such");
  return html`<div class="sheet ${row ? activityOf(page, row).tint : ""}" data-zone=${id}>
    <header>
      <h2 id="sheet-title" dir="auto">${name}</h2>
      <button type="button" class="round" aria-label=${t("action.close")} @click=${() => page.actions.closeRoom()}>${icons.close}</button>
    </header>
    ${row ? room(page, row, name) : html`<p class="note">${t("room.no_such_why")}</p>`}
  </div>`;
}

/** @param {Page} page @param {Row} row @param {string} name */
function room(page, row, name) {
  const { t, temperature } = page.i18n;
  const point = `${row.id}.setpoint`;
  const rest = restReason(page);
  const control = setpointControl(page, point);
  const target = shownValue(page, point);
  const actual = numberOf(row.readings["temperature"]?.value);
  const fate = fateOf(page, [point, `${row.id}.state`]);
  return html`
    ${dial({
      present: control.present,
      actual: actual === null ? null : page.i18n.toShown(actual),
      limits: control.limits,
      label: t("room.setpoint_of", { name }),
      valueText: temperature(target),
      rests: rest !== null,
      content: middle(page, row, actual),
      onKey: control.onKey,
      onChange: (value, isFinal) => control.change(value, isFinal ? {} : { delay_ms: DRAG_MS }),
    })}
    <div class="under">
      ${stepper(page, point, name, rest !== null)}
      <p class="fate ${fate?.kind ?? ""}" data-fate=${fate?.kind ?? nothing}>${fateText(page, row, fate, rest, target)}</p>
    </div>
    <div class="states">
      <p class="caption">${t("room.state")} · <b>${stateText(page, row)}</b></p>
      ${segment(page, `${row.id}.state`, t("room.state"), {
        rests: rest !== null,
        onChoose: (value) => page.edits.set(`${row.id}.state`, value, { delay_ms: 0 }),
      })}
    </div>
    ${air(page, row)} ${dayChart(page, row, name)} ${lastCommands(page, row.id)} ${roomForm(page, row)}
  `;
}

/** @param {Page} page @param {Row} row @param {ReturnType<typeof fateOf>} fate @param {string | null} rest @param {number | null} target */
function fateText(page, row, fate, rest, target) {
  const { t } = page.i18n;
  if (fate) return `${fate.text}${fate.why ? ` · ${fate.why}` : ""}`;
  if (rest) return t(rest);
  if (target === null && row.readings["setpoint"]?.quality === "not_applicable") return t("room.no_setpoint");
  return "";
}

/** @param {Page} page @param {Row} row @param {number | null} actual */
function middle(page, row, actual) {
  const { t, degrees } = page.i18n;
  const { temperature } = row.readings;
  const activity = activityOf(page, row);
  const born = bornAt(temperature);
  return html`
    <span class="caption">${t("room.actual")}</span>
    <span class="now"><span class="big">${degrees(actual)}</span>${actual === null ? nothing : html`<sup>°</sup>`}</span>
    ${wasReceived(temperature) && temperature.stale && born !== null
      ? html`<span class="caption"><age-of since=${born.toFixed(0)}></age-of></span>`
      : isAlive(page)
        ? html`<span class="trend">${activity.arrow} ${activity.trend ? t(`trend.${activity.trend}`) : ""}</span>`
        : nothing}
  `;
}

/** Humidity, what is only told of a room, and what follows from it; of risks those that there are. @param {Page} page @param {Row} row */
function air(page, row) {
  const { t } = page.i18n;
  const group = roomGroup(page.schema);
  const humidity = row.readings["humidity"];
  const percent = numberOf(humidity?.value);
  const kind = percent === null ? "" : airOf(percent);
  const told = [...group.points.filter((point) => !point.part), ...group.derived]
    .map((point) => `${row.id}.${point.key}`)
    .map((id) => ({ id, value: page.state.readings.get(id)?.value ?? page.state.derived.get(id) ?? null }))
    .filter(({ value }) => value !== null && value !== false);
  if (!kind && !told.length) return nothing;
  return html`<p class="air ${kind}" data-air=${kind || nothing}>
    ${humidity && kind ? html`${icons.drop}<span>${pointTitle(page, humidity.id)} <b>${valueText(page, humidity.id, percent)}</b></span>` : nothing}
    ${told.map(({ id, value }) => html`<span>${pointTitle(page, id)}${value === true ? nothing : html` <b>${valueText(page, id, value)}</b>`}</span>`)}
    ${kind ? html`<span class="verdict">${t(`air.${kind}`)}</span>` : nothing}
  </p>`;
}
