/** A setpoint with its minus and plus, as a spin button; presses become one command. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { setpointLimits } from "../core/model.js";
import { shownValue } from "../core/rooms.js";
import { icons } from "./icons.js";

const PAGE_STEPS = 4;

/**
 * @typedef {import("../types.d.ts").Page} Page
 * @typedef {import("../types.d.ts").Limits} Limits
 */

/** Keeps a value in its range and on its step. @param {number} value @param {Limits} limits */
export function snapped(value, limits) {
  const onStep = Math.round(value / limits.step) * limits.step;
  return Math.min(limits.high, Math.max(limits.low, Number(onStep.toFixed(4))));
}

/**
 * The next value on the step grid from what is read, which is rounded to a tenth; from 21.3 up is 21.5.
 * @param {number} value @param {number} steps may be negative @param {Limits} limits
 */
export function stepped(value, steps, limits) {
  const position = Math.round(value * 10) / 10 / limits.step;
  const from = steps > 0 ? Math.floor(position + 1e-2) : Math.ceil(position - 1e-2);
  return snapped((from + steps) * limits.step, limits);
}

/** The limits as they are shown: whole degrees where Fahrenheit is read. @param {Page} page @returns {Limits} */
export function shownLimits(page) {
  const limits = setpointLimits(page.state, page.schema);
  const { toShown, fahrenheit } = page.i18n;
  if (!fahrenheit) return limits;
  return { low: Math.ceil(toShown(limits.low)), high: Math.floor(toShown(limits.high)), step: 1 };
}

/** @param {string} key @param {number} value @param {Limits} limits @returns {number | null} what a key means, null if nothing */
function keyedValue(key, value, limits) {
  switch (key) {
    case "ArrowUp":
    case "ArrowRight":
      return stepped(value, 1, limits);
    case "ArrowDown":
    case "ArrowLeft":
      return stepped(value, -1, limits);
    case "PageUp":
      return stepped(value, PAGE_STEPS, limits);
    case "PageDown":
      return stepped(value, -PAGE_STEPS, limits);
    case "Home":
      return limits.low;
    case "End":
      return limits.high;
    default:
      return null;
  }
}

/**
 * What a setpoint's controls share: values as they are shown, sent in degC.
 * @param {Page} page @param {string} point
 */
export function setpointControl(page, point) {
  const { toShown, toCelsius } = page.i18n;
  const limits = shownLimits(page);
  // Asked for anew at each press: quick ones come before the page is drawn again.
  const present = () => {
    const value = shownValue(page, point);
    return value === null ? null : toShown(value);
  };
  const change = (/** @type {number} */ wanted, /** @type {{delay_ms?: number}} */ options = {}) => {
    const sent = toCelsius(wanted);
    if (sent !== shownValue(page, point) || page.edits.get(point)) page.edits.set(point, sent, options);
  };
  return {
    limits,
    present,
    change,
    /** @param {number} steps */
    step(steps) {
      const value = present();
      if (value !== null) change(stepped(value, steps, limits));
    },
    /** @param {KeyboardEvent} event */
    onKey(event) {
      const value = present();
      if (value === null || event.ctrlKey || event.metaKey || event.altKey) return;
      const wanted = keyedValue(event.key, value, limits);
      if (wanted === null) return;
      event.preventDefault();
      change(wanted);
    },
  };
}

/** @param {Page} page @param {string} point @param {string} name of the room @param {boolean} rests whether it cannot be used now */
export function stepper(page, point, name, rests) {
  const { t, degrees, temperature } = page.i18n;
  const control = setpointControl(page, point);
  const value = shownValue(page, point);
  const shown = control.present();
  const off = shown === null || rests;
  const label = t("room.setpoint_of", { name });
  return html`<div class="stepper" role="group" aria-label=${label}>
    <button type="button" tabindex="-1" aria-label=${t("room.colder", { name })}
      ?disabled=${off || shown <= control.limits.low} @click=${() => control.step(-1)}>${icons.minus}</button>
    <span class="target" role="spinbutton" tabindex=${off ? -1 : 0} aria-label=${label}
      aria-valuemin=${control.limits.low} aria-valuemax=${control.limits.high} aria-valuenow=${shown === null ? nothing : round(shown)}
      aria-valuetext=${temperature(value)} aria-disabled=${off ? "true" : nothing}
      @keydown=${off ? null : control.onKey}>${degrees(value)}${shown === null ? nothing : "°"}</span>
    <button type="button" tabindex="-1" aria-label=${t("room.warmer", { name })}
      ?disabled=${off || shown >= control.limits.high} @click=${() => control.step(1)}>${icons.plus}</button>
  </div>`;
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 10) / 10;
}
