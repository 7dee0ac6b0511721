/** A room at a glance. Whatever is told, the card keeps its height, so that nothing moves away under a finger. */

import { html, noChange, nothing } from "../vendor/lit-html/lit-html.js";
import { guard } from "../vendor/lit-html/directives/guard.js";
import { isAlive, restReason } from "../core/findings.js";
import { bornAt, optionOf, setpointLimits, wasReceived } from "../core/model.js";
import { activityOf, numberOf, recordOf, roomName, shownValue } from "../core/rooms.js";
import { addressOfRoom } from "../core/route.js";
import { fateOf, optionText, pointTitle, stateText } from "../core/words.js";
import { openMenu } from "../layers.js";
import { icons, iconOf } from "../parts/icons.js";
import { spark } from "../parts/spark.js";
import { stepper } from "../parts/stepper.js";

/**
 * @typedef {import("../types.d.ts").Page} Page
 * @typedef {import("../types.d.ts").Row} Row
 */

/** A day's line moves by a pixel in five minutes. */
const MINUTE_MS = 60_000;

/** Drawn anew only when something that is seen of this room has changed. @param {Page} page @param {Row} row */
export function card(page, row) {
  // What lies in a grid itself is never laid out without all the rest of the page.
  return html`<div>${page.isDrawn(row.id) ? changed(page, row) : noChange}</div>`;
}

/** @param {Page} page @param {Row} row */
function changed(page, row) {
  const points = [`${row.id}.setpoint`, `${row.id}.state`];
  const fate = fateOf(page, points);
  const { temperature, humidity } = row.readings;
  const told = [
    temperature?.value,
    temperature?.stale && bornAt(temperature),
    humidity?.value,
    ...points.map((point) => shownValue(page, point)),
    ...points.map((point) => page.edits.get(point)),
    fate?.kind,
    fate?.text,
    fate?.why,
    page.trends.get(`${row.id}.temperature`),
    recordOf(page, row.index),
    page.state.names.get(row.index.join(".")),
    shownValue(page, "global.mode"),
    setpointLimits(page.state, page.schema),
    restReason(page),
    isAlive(page),
    page.i18n,
  ];
  return guard(told, () => drawn(page, row, fate));
}

/** @param {Page} page @param {Row} row @param {ReturnType<typeof fateOf>} fate */
function drawn(page, row, fate) {
  const { t, degrees } = page.i18n;
  const { temperature, humidity } = row.readings;
  const isBusy = fate?.kind === "busy";
  const rests = restReason(page) !== null;
  const name = roomName(page, row.index);
  const actual = numberOf(temperature?.value);
  const stale = wasReceived(temperature) && temperature.stale;
  // What is not alive does not warm; how it was the line tells.
  const activity = isAlive(page) ? activityOf(page, row) : { tint: "", arrow: "", trend: "" };
  const trend = page.trends.get(`${row.id}.temperature`);
  const target = shownValue(page, `${row.id}.setpoint`);
  return html`<article class="room ${activity.tint} ${stale ? "old" : ""}" data-zone=${row.id}>
    <div class="who">
      <h3><a class="whole" href=${addressOfRoom(row.index)} dir="auto" title=${name}>${name}</a></h3>
      ${secondLine(page, row, fate, stale)}
    </div>
    <p class="now"><span class="aside">${t("room.actual")}</span><span class="big ${degrees(actual).length > 4 ? "long" : ""}">${degrees(actual)}</span>${actual === null ? nothing : html`<sup>°</sup>`}</p>
    <p class="trend" data-trend=${activity.trend}>${activity.arrow ? html`<span aria-hidden="true">${activity.arrow}</span> ` : nothing}${activity.trend ? t(`trend.${activity.trend}`) : nothing}</p>
    ${guard([trend, target, actual === null, Math.floor(Date.now() / MINUTE_MS), name, page.i18n], () =>
      spark(trend?.points, actual, target, { to_s: Math.max(trend?.to_s ?? 0, Date.now() / 1000), label: t("room.last_day", { name }) }),
    )}
    ${guard([isBusy, target, shownValue(page, `${row.id}.state`), setpointLimits(page.state, page.schema), humidity?.value, rests, name, page.i18n], () =>
      controls(page, row, { name, isBusy, rests }),
    )}
  </article>`;
}

/** @param {Page} page @param {Row} row @param {{name: string, isBusy: boolean, rests: boolean}} told */
function controls(page, row, { name, isBusy, rests }) {
  const { humidity } = row.readings;
  return html`<div class="controls">
    ${stateButton(page, row, name, isBusy)}
    ${typeof humidity?.value === "number"
      ? html`<span class="humidity">${icons.drop}<span class="aside">${pointTitle(page, humidity.id)}</span>${page.i18n.percent(humidity.value)}</span>`
      : nothing}
    ${stepper(page, `${row.id}.setpoint`, name, rests)}
  </div>`;
}

/** The state as a button that opens its six choices; a ring tells that a change is on its way. @param {Page} page @param {Row} row @param {string} name @param {boolean} isBusy */
export function stateButton(page, row, name, isBusy) {
  const { t } = page.i18n;
  const point = `${row.id}.state`;
  const state = optionOf(page.schema, point, shownValue(page, point));
  const label = t("room.state_of", { name });
  const text = state ? `${label}: ${optionText(page, point, state)}` : label;
  return html`<button type="button" class="disc ${isBusy ? "busy" : ""}" aria-haspopup="dialog" aria-label=${text} title=${text}
    ?disabled=${restReason(page) !== null} @click=${(/** @type {Event} */ event) => openMenu(page, event, { point, label })}>${iconOf(state || "normal")}</button>`;
}

/**
 * One line of words: how a change fares, else why the room rests, else how old it is, else its state.
 * @param {Page} page @param {Row} row @param {ReturnType<typeof fateOf>} fate @param {boolean} stale
 */
export function secondLine(page, row, fate, stale) {
  const { t } = page.i18n;
  if (fate) {
    const text = fate.kind === "failed" && fate.why ? fate.why : fate.text;
    return html`<p class="sub ${fate.kind}" data-fate=${fate.kind} title=${`${fate.text}. ${fate.why}`}><span>${text}</span></p>`;
  }
  const born = bornAt(row.readings["temperature"]);
  if (stale && born !== null) return html`<p class="sub stale"><span><age-of since=${born.toFixed(0)}></age-of></span></p>`;
  const rest = restReason(page);
  if (rest) return html`<p class="sub rest" title=${t(rest)}><span>${t(rest)}</span></p>`;
  return html`<p class="sub"><span>${stateText(page, row)}</span></p>`;
}
