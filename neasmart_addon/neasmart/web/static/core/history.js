/** Asks what points were, for the History tab and for a room's day. The first sample is sought where all is wanted. */

import { addressOf, codeOf, get, messageOf } from "./api.js";

const DAY_S = 86_400;
export const SPANS = { day: DAY_S, week: 7 * DAY_S, month: 30 * DAY_S, all: 730 * DAY_S };
const SAMPLES = 1500;
/** Asking this coarsely narrows the beginning down a hundredfold each time. */
const SEARCH_SAMPLES = 300;
const SEARCHES = 3;
/** Two years take a small computer a while. */
const PATIENCE_MS = 60_000;

/** @typedef {import("../types.d.ts").Samples} Samples */

/** @param {string[]} points @param {number} from_s @param {number} to_s */
function question(points, from_s, to_s) {
  const iso = (/** @type {number} */ at_s) => new Date(at_s * 1000).toISOString();
  return `api/v1/history?points=${points.join(",")}&from=${iso(from_s)}&to=${iso(to_s)}`;
}

/** @param {string[]} points @param {number} from_s @param {number} to_s */
export function csvAddress(points, from_s, to_s) {
  return addressOf(`${question(points, from_s, to_s)}&format=csv`).href;
}

/**
 * @param {string[]} points @param {number} from_s @param {number} to_s @param {number} [samples] of each at most
 * @returns {Promise<{from_s: number, to_s: number, series: Map<string, Samples>}>}
 */
export async function askHistory(points, from_s, to_s, samples = SAMPLES) {
  const answer = await get(`${question(points, from_s, to_s)}&max_points=${samples}`, PATIENCE_MS);
  return {
    from_s: Date.parse(answer.from) / 1000,
    to_s: Date.parse(answer.to) / 1000,
    series: new Map(answer.series.map((/** @type {any} */ each) => [each.id, each.points])),
  };
}

/** From the first sample on, whenever that was. @param {string[]} points @param {number} to_s */
export async function askAll(points, to_s) {
  let from_s = to_s - SPANS.all;
  for (let search = 0; search < SEARCHES; search += 1) {
    const coarse = await askHistory(points, from_s, to_s, SEARCH_SAMPLES);
    const firsts = [...coarse.series.values()].flatMap((samples) => samples.filter(([, value]) => value !== null).slice(0, 1));
    if (!firsts.length) break;
    const stretch_s = ((to_s - from_s) * 3) / SEARCH_SAMPLES;
    const found_s = Math.max(from_s, Math.min(...firsts.map(([at]) => at)) - stretch_s);
    const isNear = to_s - found_s > (to_s - from_s) * 0.7;
    from_s = found_s;
    if (isNear) break;
  }
  const all = await askHistory(points, from_s, to_s);
  const first_s = Math.min(...[...all.series.values()].flatMap((samples) => samples.slice(0, 1).map(([at]) => at)), to_s - 600);
  return { ...all, from_s: Math.max(all.from_s, first_s) };
}

/** Why it did not work, for the sentence on the page. @param {unknown} error */
export function failureOf(error) {
  return codeOf(error) === "unreachable" ? "" : messageOf(error).replace(/\.$/, "");
}
