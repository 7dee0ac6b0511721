/** The course of a room's last day as a line, with its target dashed and gaps where nothing is known. */

import { html, nothing, svg } from "../vendor/lit-html/lit-html.js";

const WIDTH = 300;
const HEIGHT = 46;
const EDGE = 4;
const SLOPE_S = 900;
/** The first minutes already fill the width. */
const SHORTEST_S = 120;

/** @typedef {import("../types.d.ts").Samples} Samples */

/**
 * The outline of values that hold until the next; what follows soon after is joined by a slope, because a temperature
 * does not jump. A gap begins a new stroke.
 * @param {Samples} samples @param {number} to_s until when the last one holds
 * @param {(at_s: number) => number} x @param {(value: number) => number} y
 * @param {{isStepped?: boolean}} [options] whether it does jump, as a target does
 * @returns {{line: string, area: string}}
 */
export function outlineOf(samples, to_s, x, y, { isStepped = false } = {}) {
  const number = (/** @type {number} */ value) => value.toFixed(1);
  let line = "";
  let area = "";
  /** @type {[number, number][]} */
  let stroke = [];
  const close = (/** @type {number} */ until_s) => {
    if (!stroke.length) return;
    const last = /** @type {[number, number]} */ (stroke.at(-1));
    const points = [...stroke, /** @type {[number, number]} */ ([until_s, last[1]])];
    const text = points.map(([at, value]) => `${number(x(at))} ${number(y(value))}`).join("L");
    line += `M${text}`;
    area += `M${text}V9999H${number(x(points[0]?.[0] ?? 0))}Z`;
    stroke = [];
  };
  for (const [at, value] of samples) {
    if (value === null) {
      close(at);
      continue;
    }
    const last = stroke.at(-1);
    const held_s = isStepped ? at : at - SLOPE_S;
    if (last && held_s > last[0]) stroke.push([held_s, last[1]]);
    stroke.push([at, value]);
  }
  close(to_s);
  return { line, area };
}

/**
 * @param {Samples | undefined} samples @param {number | null} now the present value @param {number | null} target
 * @param {{to_s: number, label: string}} options
 */
export function spark(samples, now, target, { to_s, label }) {
  const known = (samples ?? []).filter(([, value]) => value !== null);
  if (now === null) return html`<svg class="spark" viewBox="0 0 ${WIDTH} ${HEIGHT}" aria-hidden="true"></svg>`;
  const first_s = Math.min(known[0]?.[0] ?? to_s, to_s - SHORTEST_S);
  const values = [...known.map(([, value]) => Number(value)), now, ...(target === null ? [] : [target])];
  const low = Math.min(...values);
  const high = Math.max(...values);
  // At least one degree fills the height, so that a steady room looks steady.
  const spread = Math.max(1, high - low);
  const middle = (low + high) / 2;
  const x = (/** @type {number} */ at) => (Math.max(0, at - first_s) / (to_s - first_s)) * WIDTH;
  const y = (/** @type {number} */ value) => HEIGHT / 2 - ((value - middle) / spread) * (HEIGHT - 2 * EDGE);
  /** @type {Samples} */
  const all = [...(samples ?? []).filter(([at]) => at < to_s), [to_s, now]];
  const { line, area } = outlineOf(all, to_s, x, y);
  return html`<svg class="spark" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${label}>
    ${svg`<path class="area" d=${area}></path><path class="line" d=${line} vector-effect="non-scaling-stroke"></path>`}
    ${target === null
      ? nothing
      : svg`<path class="goal" d=${`M0 ${y(target).toFixed(1)}H${WIDTH}`} vector-effect="non-scaling-stroke"></path>`}
  </svg>`;
}
