/** What the lines of a chart are, each with its value under the cursor or its newest; a tap takes one away. */

import { html } from "../vendor/lit-html/lit-html.js";
import { icons } from "../parts/icons.js";

/**
 * @typedef {object} Line
 * @property {string} id
 * @property {string} name
 * @property {string} colour
 * @property {number[]} dash
 * @property {string} value
 * @property {string} drop what a tap does
 */

/** @param {string} time that the values are of @param {Line[]} lines @param {(id: string) => void} onDrop */
export function legend(time, lines, onDrop) {
  return html`<p class="caption">${time}</p>
    <ul class="chosen" role="list">
      ${lines.map(
        ({ id, name, colour, dash, value, drop }) => html`<li><button type="button" class="chip" title=${drop} @click=${() => onDrop(id)}>
          <svg class="swatch" viewBox="0 0 20 4" aria-hidden="true"><path d="M0 2H20" stroke=${colour} stroke-dasharray=${dash.join(" ")}></path></svg>
          <span dir="auto">${name}</span><b>${value}</b>${icons.close}</button></li>`,
      )}
    </ul>`;
}
