/** A room's last 24 hours: temperature and target with numbers, lowest and highest, dew point where humidity is known. */

import { html, nothing, svg } from "../vendor/lit-html/lit-html.js";
import { numberOf } from "../core/rooms.js";
import { failureText, pointTitle } from "../core/words.js";
import { outlineOf } from "../parts/spark.js";

/**
 * @typedef {import("../types.d.ts").Page} Page
 * @typedef {import("../types.d.ts").Samples} Samples
 */

const WIDTH = 400;
const HEIGHT = 170;
const LEFT = 30;
const RIGHT = 6;
const TOP = 8;
const BOTTOM = 22;
/** Nearer to an edge than this a time of day does not fit around its mark. */
const EDGE = 24;
const STEPS_MIN = [5, 15, 30, 60, 120, 180, 360];
const MOST_TIMES = 4.5;
const SHORTEST_S = 600;

/** @param {Page} page @param {import("../types.d.ts").Row} row @param {string} name */
export function dayChart(page, row, name) {
  const { t } = page.i18n;
  const { day } = page.ui;
  if (!page.schema.history) return nothing;
  return html`<section class="day" aria-label=${t("day.title")}>
    <h3>${t("day.title")}</h3>
    ${day?.room === row.id && day.series.size
      ? drawn(page, row, name, day)
      : html`<p class="note" role="status">${day?.room === row.id && day.failure !== null ? failureText(page, day.failure) : t("day.loading")}</p>`}
  </section>`;
}

/** @param {Page} page @param {import("../types.d.ts").Row} row @param {string} name @param {NonNullable<import("../types.d.ts").Ui["day"]>} day */
function drawn(page, row, name, day) {
  const { t, temperature, toShown, clock } = page.i18n;
  const now = numberOf(row.readings["temperature"]?.value);
  const measured = day.series.get(`${row.id}.temperature`) ?? [];
  const target = day.series.get(`${row.id}.setpoint`) ?? [];
  const dew = day.series.get(`${row.id}.dew_point`) ?? [];
  const known = /** @type {[number, number][]} */ (measured.filter(([, value]) => value !== null));
  if (!known.length) return html`<p class="note">${t("day.nothing")}</p>`;
  const from_s = Math.max(day.from_s, Math.min(known[0]?.[0] ?? day.from_s, day.to_s - SHORTEST_S));
  const all = [...measured, ...target, ...dew].map(([, value]) => value).filter((value) => value !== null);
  const low = Math.floor(toShown(Math.min(...all)) - 0.5);
  const high = Math.ceil(toShown(Math.max(...all)) + 0.5);
  const x = (/** @type {number} */ at) => LEFT + (Math.max(0, at - from_s) / (day.to_s - from_s)) * (WIDTH - LEFT - RIGHT);
  const y = (/** @type {number} */ value) => TOP + ((high - toShown(value)) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const lowest = known.reduce((a, b) => (b[1] < a[1] ? b : a));
  const highest = known.reduce((a, b) => (b[1] > a[1] ? b : a));
  const line = (/** @type {Samples} */ samples, isStepped = false) => outlineOf(samples, day.to_s, x, y, { isStepped }).line;
  const step = stepOf(high - low);
  const levels = Array.from({ length: Math.floor((high - low) / step) + 1 }, (_, at) => Math.ceil(low / step) * step + at * step).filter((at) => at <= high);
  const level = (/** @type {number} */ shown) => TOP + ((high - shown) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${t("room.last_day", { name })}>
      ${levels.map((shown) => svg`<path class="grid" d="M${LEFT} ${level(shown).toFixed(1)}H${WIDTH - RIGHT}"></path><text x=${LEFT - 6} y=${(level(shown) + 4).toFixed(1)} text-anchor="end">${page.i18n.count(shown)}°</text>`)}
      ${hoursOf(from_s, day.to_s).map((at) => svg`<text x=${x(at).toFixed(1)} y=${HEIGHT - 4} text-anchor=${x(at) < LEFT + EDGE ? "start" : x(at) > WIDTH - EDGE ? "end" : "middle"}>${clock(at)}</text>`)}
      ${svg`<path class="dew" d=${line(dew)}></path><path class="goal" d=${line(target, true)}></path><path class="line" d=${line(measured)}></path>`}
      ${svg`<circle class="lowest" cx=${x(lowest[0]).toFixed(1)} cy=${y(lowest[1]).toFixed(1)} r="4"></circle><circle class="highest" cx=${x(highest[0]).toFixed(1)} cy=${y(highest[1]).toFixed(1)} r="4"></circle>`}
    </svg>
    <dl class="numbers">
      <div><dt>${t("day.now")}</dt><dd>${temperature(now)}</dd></div>
      <div><dt>${t("day.lowest")}</dt><dd>${temperature(lowest[1])} <small>${clock(lowest[0])}</small></dd></div>
      <div><dt>${t("day.highest")}</dt><dd>${temperature(highest[1])} <small>${clock(highest[0])}</small></dd></div>
      <div><dt>${t("day.mean")}</dt><dd>${temperature(meanOf(measured, day.to_s))}</dd></div>
    </dl>
    <p class="legend"><span class="key line">${pointTitle(page, `${row.id}.temperature`)}</span><span class="key goal">${t("day.target")}</span>${dew.length ? html`<span class="key dew">${pointTitle(page, `${row.id}.dew_point`)}</span>` : nothing}</p>`;
}

/** Round times of day, few enough to be read. @param {number} from_s @param {number} to_s */
function hoursOf(from_s, to_s) {
  const step_min = STEPS_MIN.find((each) => (to_s - from_s) / 60 / each <= MOST_TIMES) ?? 360;
  const midnight = new Date(from_s * 1000).setHours(0, 0, 0, 0);
  const times = Array.from({ length: (2 * 1440) / step_min }, (_, at) => new Date(midnight).setHours(0, at * step_min) / 1000);
  return times.filter((at) => at >= from_s && at <= to_s);
}

/** A grid line for each 1, 2, 5 or 10 degrees. @param {number} range */
function stepOf(range) {
  return [1, 2, 5, 10, 20].find((step) => range / step <= 6) ?? 50;
}

/** The mean over time of what is known. @param {Samples} samples @param {number} to_s */
function meanOf(samples, to_s) {
  let sum = 0;
  let length_s = 0;
  samples.forEach(([at, value], place) => {
    if (value === null) return;
    const held_s = (samples[place + 1]?.[0] ?? to_s) - at;
    sum += value * held_s;
    length_s += held_s;
  });
  return length_s > 0 ? sum / length_s : null;
}
