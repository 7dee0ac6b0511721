/** The bar of the whole house: outside, the state of all rooms and the season. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { restReason } from "../core/findings.js";
import { bornAt, optionOf, wasReceived } from "../core/model.js";
import { shownValue } from "../core/rooms.js";
import { fateOf, optionText, placeName, pointTitle } from "../core/words.js";
import { segment } from "../parts/choices.js";

/** @typedef {import("../types.d.ts").Page} Page */

/** What is a step too far to be taken by one tap. @type {Record<string, string>} */
const ASKED = { standby: "off", holiday: "holiday" };

/** @param {Page} page */
export function houseBar(page) {
  const rests = restReason(page) !== null;
  return html`<section class="house" aria-label=${placeName(page, "global.")}>
    ${outside(page)}
    <div class="all">
      <p class="caption">${placeName(page, "global.")} · <span class="state">${stateText(page)}</span>${told(page, "global.state")}</p>
      ${segment(page, "global.state", pointTitle(page, "global.state"), { rests, onChoose: (value) => setAll(page, value) })}
    </div>
    <div class="season">
      <p class="caption">${pointTitle(page, "global.mode")} · <span class="state">${modeText(page)}</span>${told(page, "global.mode")}</p>
      ${segment(page, "global.mode", pointTitle(page, "global.mode"), { rests, onChoose: (value) => page.edits.set("global.mode", value, { delay_ms: 0 }) })}
    </div>
  </section>`;
}

/** How a change fares, in the same line. @param {Page} page @param {string} point */
function told(page, point) {
  const fate = fateOf(page, [point]);
  return fate ? html` · <span class="fate ${fate.kind}" data-fate=${fate.kind} title=${fate.why}>${fate.why || fate.text}</span>` : nothing;
}

/** Off and holiday change every room for days, so they are asked for first. @param {Page} page @param {number} value */
function setAll(page, value) {
  const key = ASKED[optionOf(page.schema, "global.state", value)];
  const onYes = () => page.edits.set("global.state", value, { delay_ms: 0 });
  if (!key) return onYes();
  return page.update({
    question: { title: `ask.${key}`, text: `ask.${key}_why`, yes: `ask.${key}_yes`, parameters: {}, onYes },
  });
}

/** @param {Page} page */
function stateText(page) {
  const { t } = page.i18n;
  const value = shownValue(page, "global.state");
  if (value === null) return t(page.state.readings.get("global.state")?.quality === "mixed" ? "state.mixed" : "value.not_known");
  return optionText(page, "global.state", optionOf(page.schema, "global.state", value));
}

/** @param {Page} page */
function modeText(page) {
  const value = shownValue(page, "global.mode");
  return value === null ? page.i18n.t("value.not_known") : optionText(page, "global.mode", optionOf(page.schema, "global.mode", value));
}

/** @param {Page} page */
function outside(page) {
  const { t, temperature } = page.i18n;
  const now = page.state.readings.get("global.outside_temperature");
  const average = page.state.readings.get("global.filtered_outside_temperature");
  const born = bornAt(now);
  return html`<div class="outside ${now?.stale ? "old" : ""}">
    <span class="caption">${t("house.outside")}</span>
    <span class="now">${temperature(now?.value)}</span>
    ${wasReceived(now) && now.stale && born !== null
      ? html`<span class="caption"><age-of since=${born.toFixed(0)}></age-of></span>`
      : typeof average?.value === "number"
        ? html`<span class="caption">${t("house.average", { value: temperature(average.value) })}</span>`
        : nothing}
  </div>`;
}
