/** The three wires between base and adapter, drawn. */

import { html, svg } from "../vendor/lit-html/lit-html.js";

const ROWS = [74, 106, 138];
const KINDS = ["one", "two", "ground"];
const TERMINALS = ["SYSBUS 1", "SYSBUS 2", "GND"];

/**
 * @param {object} show
 * @param {string} show.base @param {string} show.adapter words over the two boxes
 * @param {string[]} show.ends words at the adapter's terminals
 * @param {boolean} show.swapped whether the first two wires cross
 * @param {string} show.label
 */
export function wires({ base, adapter, ends, swapped, label }) {
  const to = (/** @type {number} */ row) => ROWS[swapped && row < 2 ? 1 - row : row] ?? 0;
  return html`<svg class="wires" viewBox="0 0 420 170" role="img" aria-label=${label}>
    <rect x="4" y="8" width="152" height="154" rx="12"></rect>
    <text x="80" y="36" text-anchor="middle" class="caption">${base}</text>
    <rect x="264" y="8" width="152" height="154" rx="12"></rect>
    <text x="340" y="36" text-anchor="middle" class="caption">${adapter}</text>
    ${ROWS.map(
      (y, row) => svg`
        <path class="wire ${KINDS[row]}" d="M142 ${y}C200 ${y} 220 ${to(row)} 278 ${to(row)}"></path>
        <circle class="end ${KINDS[row]}" cx="138" cy=${y} r="7"></circle>
        <text x="120" y=${y + 5} text-anchor="end">${TERMINALS[row]}</text>
        <circle class="end ${KINDS[row]}" cx="282" cy=${to(row)} r="7"></circle>
        <text x="300" y=${(ROWS[row] ?? 0) + 5}>${ends[row]}</text>`,
    )}
  </svg>`;
}
