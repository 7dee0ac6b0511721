/**
 * The thermostat's dial: an arc of 270 degrees with the setpoint as its handle and the actual temperature as a mark.
 * Only the handle drags, so that a thumb that scrolls changes nothing; the keys are those of a slider.
 */

import { html, nothing, svg } from "../vendor/lit-html/lit-html.js";
import { snapped } from "../parts/stepper.js";

const SIZE = 280;
const CENTRE = SIZE / 2;
const RADIUS = 116;
const MARK_RADIUS = 91;
const BEGIN_DEG = 135;
const SWEEP_DEG = 270;
/** Half of what a finger needs. */
const GRIP_RADIUS = 26;

/** @typedef {import("../types.d.ts").Limits} Limits */

/**
 * Values are in the unit that is shown.
 * @param {object} show
 * @param {() => number | null} show.present setpoint, null where there is none
 * @param {number | null} show.actual
 * @param {Limits} show.limits
 * @param {string} show.label
 * @param {string} show.valueText
 * @param {boolean} show.rests
 * @param {unknown} show.content in the middle
 * @param {(event: KeyboardEvent) => void} show.onKey
 * @param {(value: number, isFinal: boolean) => void} show.onChange
 */
export function dial({ present, actual, limits, label, valueText, rests, content, onKey, onChange }) {
  const target = present();
  const off = target === null || rests;
  const areaOf = (/** @type {PointerEvent} */ event) => /** @type {SVGElement} */ (/** @type {Element} */ (event.currentTarget).closest("svg"));
  const onDown = (/** @type {PointerEvent} */ event) => {
    if (off || event.button > 0) return;
    event.preventDefault();
    const grip = /** @type {SVGElement} */ (event.currentTarget);
    grip.setPointerCapture(event.pointerId);
    grip.dataset["dragging"] = "";
    areaOf(event).focus({ preventScroll: true });
  };
  const onMove = (/** @type {PointerEvent} */ event) => {
    if (!("dragging" in /** @type {SVGElement} */ (event.currentTarget).dataset)) return;
    const value = pointedValue(areaOf(event), event, limits);
    if (value !== present()) onChange(value, false);
  };
  const onUp = (/** @type {PointerEvent} */ event) => {
    const grip = /** @type {SVGElement} */ (event.currentTarget);
    if (!("dragging" in grip.dataset)) return;
    delete grip.dataset["dragging"];
    const value = present();
    if (value !== null) onChange(value, true);
  };
  const handle = target === null ? null : pointAt(shareOf(target, limits));
  const mark = actual === null ? null : pointAt(shareOf(actual, limits), MARK_RADIUS);
  return html`<div class="dial">
    <svg viewBox="0 0 ${SIZE} ${SIZE}" role="slider" tabindex="0" aria-label=${label} aria-valuemin=${limits.low} aria-valuemax=${limits.high}
      aria-valuenow=${target === null ? limits.low : Math.round(target * 10) / 10} aria-valuetext=${valueText}
      aria-disabled=${off ? "true" : nothing} autofocus @keydown=${off ? null : onKey}>
      <path class="track" d=${arc(0, 1)}></path>
      ${target === null ? nothing : svg`<path class="fill" d=${arc(0, shareOf(target, limits))}></path>`}
      ${target === null || actual === null ? nothing : svg`<path class="gap" d=${between(shareOf(actual, limits), shareOf(target, limits))}></path>`}
      ${mark ? svg`<circle class="mark" cx=${mark.x} cy=${mark.y} r="4"></circle>` : nothing}
      ${handle
        ? svg`<g class="grip" @pointerdown=${onDown} @pointermove=${onMove} @pointerup=${onUp} @pointercancel=${onUp}>
            <circle class="reach" cx=${handle.x} cy=${handle.y} r=${GRIP_RADIUS}></circle>
            <circle class="handle" cx=${handle.x} cy=${handle.y} r="13"></circle>
          </g>`
        : nothing}
    </svg>
    <div class="middle">${content}</div>
  </div>`;
}

/** Where a value lies on the arc, 0 to 1. @param {number} value @param {Limits} limits */
function shareOf(value, { low, high }) {
  return Math.min(1, Math.max(0, (value - low) / (high - low)));
}

/** @param {number} share 0 to 1 */
function pointAt(share, radius = RADIUS) {
  const angle = ((BEGIN_DEG + SWEEP_DEG * share) * Math.PI) / 180;
  return { x: round(CENTRE + radius * Math.cos(angle)), y: round(CENTRE + radius * Math.sin(angle)) };
}

/** @param {number} from @param {number} to */
function arc(from, to) {
  const begin = pointAt(from);
  const end = pointAt(to);
  const isLarge = (to - from) * SWEEP_DEG > 180 ? 1 : 0;
  return `M${begin.x} ${begin.y}A${RADIUS} ${RADIUS} 0 ${isLarge} 1 ${end.x} ${end.y}`;
}

/** @param {number} a @param {number} b */
function between(a, b) {
  return arc(Math.min(a, b), Math.max(a, b));
}

/** @param {SVGElement} area @param {PointerEvent} event @param {Limits} limits */
function pointedValue(area, event, limits) {
  const box = area.getBoundingClientRect();
  const x = event.clientX - box.left - box.width / 2;
  const y = event.clientY - box.top - box.height / 2;
  const turned = ((Math.atan2(y, x) * 180) / Math.PI - BEGIN_DEG + 720) % 360;
  // The gap at the bottom belongs to the nearer end.
  const share = turned <= SWEEP_DEG ? turned / SWEEP_DEG : turned < SWEEP_DEG + (360 - SWEEP_DEG) / 2 ? 1 : 0;
  return snapped(limits.low + share * (limits.high - limits.low), limits);
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 100) / 100;
}
