/** The choices of a point as a row of icons with words; each is sent when it is chosen, never when it is passed over. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { pointOf } from "../core/model.js";
import { shownValue } from "../core/rooms.js";
import { optionText } from "../core/words.js";
import { iconOf } from "./icons.js";

/** @typedef {import("../types.d.ts").Page} Page */

/**
 * @param {Page} page @param {string} point
 * @returns {{value: number, name: string, text: string, isOn: boolean}[]}
 */
export function optionsOf(page, point) {
  const chosen = shownValue(page, point);
  return Object.entries(pointOf(page.schema, point)?.options ?? {}).map(([value, name]) => ({
    value: Number(value),
    name,
    text: optionText(page, point, name),
    isOn: Number(value) === chosen,
  }));
}

/**
 * @param {Page} page @param {string} point @param {string} label
 * @param {{rests: boolean, onChoose: (value: number) => void}} options
 */
export function segment(page, point, label, { rests, onChoose }) {
  return html`<div class="segment" role="group" aria-label=${label} data-point=${point}>
    ${optionsOf(page, point).map(
      ({ value, name, text, isOn }) => html`<button type="button" class=${isOn ? "on" : ""} data-option=${name} title=${text}
        aria-label=${text} aria-pressed=${isOn ? "true" : "false"} ?disabled=${rests}
        @click=${() => (isOn ? undefined : onChoose(value))}>${iconOf(name)}<span>${text}</span></button>`,
    )}
  </div>`;
}

/** The same as a list, for the menu of a card. @param {Page} page */
export function menuList(page) {
  const menu = page.ui.menu;
  if (!menu) return nothing;
  const choose = (/** @type {number} */ value) => {
    page.update({ menu: null });
    if (value !== shownValue(page, menu.point)) page.edits.set(menu.point, value, { delay_ms: 0 });
  };
  return html`<h2 id="menu-title">${menu.label}</h2>
    <ul role="list">
      ${optionsOf(page, menu.point).map(
        ({ value, name, text, isOn }) => html`<li><button type="button" class=${isOn ? "on" : ""} data-option=${name}
          aria-current=${isOn ? "true" : nothing} ?autofocus=${isOn} @click=${() => choose(value)}>${iconOf(name)}<span>${text}</span></button></li>`,
      )}
    </ul>`;
}
