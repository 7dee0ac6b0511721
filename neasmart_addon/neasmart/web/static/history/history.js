/** The view that tells how it was: points of the owner's choice, as far back as there is anything, zoomed at will. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { choiceOf, historyKey, MOST, placesOf } from "../core/chosen.js";
import { csvAddress, SPANS } from "../core/history.js";
import { optionOf } from "../core/model.js";
import { failureText, valueText } from "../core/words.js";
import { icons } from "../parts/icons.js";
import { bands } from "./bands.js";
import { chooser } from "./choose.js";
import "./chart.js";

/**
 * @typedef {import("../types.d.ts").Page} Page
 * @typedef {import("../types.d.ts").Plot} Plot
 * @typedef {import("../core/chosen.js").Choice} Choice
 */

const SHORTEST_S = 600;

/** Made anew only when the answer is: the chart compares by identity. @type {{answer: unknown, points: string, plot: Plot | null}} */
const made = { answer: null, points: "", plot: null };

/** @param {Page} page */
export function view(page) {
  const { t } = page.i18n;
  const history = page.ui.history;
  const places = placesOf(page);
  const known = new Map(places.flatMap((place) => place.points.map((point) => [point.id, point])));
  const points = choiceOf(page).filter((id) => known.has(id));
  const plot = plotOf(page, points, known);
  const drop = (/** @type {string} */ id) => page.actions.history({ points: points.filter((each) => each !== id) });
  return html`<section class="history" aria-labelledby="history">
    <h2 id="history" class="aside">${t("tab.history")}</h2>
    ${toolbar(page, points, plot)}
    ${history.failure !== null
      ? html`<p class="failure" role="status">${failureText(page, history.failure)}</p>`
      : nothing}
    ${plot && points.length
      ? html`${plot.series.length
            ? html`<history-chart tabindex="0" role="application" aria-label=${t("history.chart")} .words=${page.i18n} .plot=${plot}
                @zoom=${(/** @type {CustomEvent} */ event) => zoomTo(page, event.detail)} @drop=${(/** @type {CustomEvent} */ event) => drop(event.detail)}></history-chart>`
            : nothing}
          ${bands(page, plot, drop)}`
      : html`<p class="note">${points.length ? (history.failure === null ? t("history.loading") : nothing) : t("history.none")}</p>`}
    ${chooser(page, places, points, MOST)}
  </section>`;
}

/** @param {Page} page @param {string[]} points @param {Plot | null} plot */
function toolbar(page, points, plot) {
  const { t } = page.i18n;
  const { span, zoom, key, busy } = page.ui.history;
  const isWaiting = busy && key === historyKey(page.ui.history, points);
  const by = (/** @type {number} */ shift, /** @type {number} */ scale) => () => plot && zoomBy(page, plot, shift, scale);
  const round = (/** @type {string} */ name, /** @type {unknown} */ icon, /** @type {() => void} */ onClick) =>
    html`<button type="button" class="round" aria-label=${t(`history.${name}`)} title=${t(`history.${name}`)} ?disabled=${!plot} @click=${onClick}>${icon}</button>`;
  return html`<div class="tools" aria-busy=${isWaiting ? "true" : "false"}>
    <div class="spans" role="group" aria-label=${t("history.span")}>
      ${Object.keys(SPANS).map(
        (each) => html`<button type="button" aria-pressed=${each === span && !zoom ? "true" : "false"}
          @click=${() => page.actions.history({ span: each, zoom: null })}>${t(`history.${each}`)}</button>`,
      )}
    </div>
    <div class="zooming" role="group" aria-label=${t("history.zoom")}>
      ${round("earlier", icons.back, by(-0.5, 1))} ${round("zoom_in", icons.plus, by(0, 0.5))}
      ${round("zoom_out", icons.minus, by(0, 2))} ${round("later", icons.forward, by(0.5, 1))}
    </div>
    ${plot && points.length
      ? html`<a class="outlined" href=${csvAddress(points, plot.from_s, plot.to_s)} @click=${page.actions.download}>${icons.download}CSV</a>`
      : nothing}
  </div>`;
}

/** @param {Page} page @param {{from_s: number, to_s: number} | null} range null for back to the span */
function zoomTo(page, range) {
  if (!range) return page.actions.history({ zoom: null });
  const now_s = Date.now() / 1000;
  const to_s = Math.min(range.to_s, now_s);
  return page.actions.history({ zoom: { from_s: Math.min(range.from_s, to_s - SHORTEST_S), to_s } });
}

/** @param {Page} page @param {Plot} plot @param {number} shift in widths @param {number} scale */
function zoomBy(page, plot, shift, scale) {
  const length_s = plot.to_s - plot.from_s;
  const middle_s = (plot.from_s + plot.to_s) / 2 + shift * length_s;
  const now_s = Date.now() / 1000;
  const half_s = (length_s * scale) / 2;
  const to_s = Math.min(now_s, middle_s + half_s);
  zoomTo(page, { from_s: to_s - 2 * half_s, to_s });
}

/**
 * Since when there is something to see: the first hour has no day yet.
 * @param {import("../types.d.ts").Samples[]} courses @param {{from_s: number, to_s: number}} range
 */
function knownFrom(courses, { from_s, to_s }) {
  const firsts = courses.flatMap((samples) => samples.filter(([, value]) => value !== null).slice(0, 1));
  return Math.max(from_s, Math.min(to_s - SHORTEST_S, ...firsts.map(([at]) => at)));
}

/** @param {Page} page @param {string[]} points @param {Map<string, Choice>} known @returns {Plot | null} */
function plotOf(page, points, known) {
  const { answer } = page.ui.history;
  if (!answer) return null;
  if (made.answer === answer && made.points === points.join()) return made.plot;
  const text = (/** @type {string} */ id) => (/** @type {number | null} */ value) => valueText(page, id, value);
  const told = points.flatMap((id) => {
    const choice = known.get(id);
    const samples = answer.series.get(id);
    return choice && samples ? [{ id, choice, samples }] : [];
  });
  const isLine = (/** @type {Choice} */ choice) => choice.kind === "temperature" || choice.kind === "percent";
  const { toShown, fahrenheit } = page.i18n;
  const plot = {
    series: told
      .filter(({ choice }) => isLine(choice))
      .map(({ id, choice, samples }) => {
        const isTemperature = choice.kind === "temperature";
        return {
          id,
          name: choice.title,
          unit: isTemperature ? (fahrenheit ? "°F" : "°C") : "%",
          points: isTemperature && fahrenheit ? samples.map(([at, value]) => /** @type {[number, number | null]} */ ([at, value === null ? null : toShown(value)])) : samples,
        };
      }),
    bands: told
      .filter(({ choice }) => !isLine(choice))
      .map(({ id, choice, samples }) => ({
        id,
        name: choice.title,
        text: text(id),
        kind: (/** @type {number} */ value) => optionOf(page.schema, id, value) || (value ? "on" : "off"),
        points: samples,
      })),
    from_s: page.ui.history.zoom ? answer.from_s : knownFrom(told.map(({ samples }) => samples), answer),
    to_s: answer.to_s,
  };
  Object.assign(made, { answer, points: points.join(), plot });
  return plot;
}
