/**
 * The thermostat's dial: an arc of 270 degrees with the setpoint as its handle and the actual temperature as a mark.
 * Moves by pointer and by the keys of a slider.
 */

import { html, nothing, svg } from "./vendor/lit-html/lit-html.js";
import { keyHandler, snapped } from "./widgets.js";

const SIZE = 280;
const CENTRE = SIZE / 2;
const RADIUS = 116;
const MARK_RADIUS = 98;
const BEGIN_DEG = 135;
const SWEEP_DEG = 270;

/**
 * @param {object} show
 * @param {() => number | null} show.present setpoint in degC, null where there is none
 * @param {number | null} show.actual degC
 * @param {{low: number, high: number, step: number}} show.limits
 * @param {string} show.label
 * @param {string} show.valueText
 * @param {unknown} show.content in the middle
 * @param {(value: number, isFinal: boolean) => void} show.onChange
 */
export function dial({ present, actual, limits, label, valueText, content, onChange }) {
  const target = present();
  const unset = target === null;
  const onKey = keyHandler(present, limits, (value) => onChange(value, true));
  const onDown = (event) => {
    if (unset || event.button > 0) return;
    const area = event.currentTarget;
    const isOnRing = Math.abs(distanceOf(area, event) - RADIUS) < 34;
    if (!isOnRing) return;
    event.preventDefault();
    area.setPointerCapture(event.pointerId);
    area.dataset.dragging = "";
    area.focus({ preventScroll: true });
    onChange(pointedValue(area, event, limits), false);
  };
  const onMove = (event) => {
    if ("dragging" in event.currentTarget.dataset) onChange(pointedValue(event.currentTarget, event, limits), false);
  };
  const onUp = (event) => {
    const area = event.currentTarget;
    if (!("dragging" in area.dataset)) return;
    delete area.dataset.dragging;
    onChange(pointedValue(area, event, limits), true);
  };
  const handle = unset ? null : pointAt(shareOf(target, limits));
  const mark = actual === null ? null : pointAt(shareOf(actual, limits), MARK_RADIUS);
  return html`<div class="dial">
    <svg
      viewBox="0 0 ${SIZE} ${SIZE}"
      role="slider"
      tabindex="0"
      aria-label=${label}
      aria-valuemin=${limits.low}
      aria-valuemax=${limits.high}
      aria-valuenow=${unset ? limits.low : target}
      aria-valuetext=${valueText}
      aria-disabled=${unset ? "true" : nothing}
      autofocus
      @keydown=${onKey}
      @pointerdown=${onDown}
      @pointermove=${onMove}
      @pointerup=${onUp}
      @pointercancel=${onUp}
    >
      <path class="track" d=${arc(0, 1)}></path>
      ${unset ? nothing : svg`<path class="fill" d=${arc(0, shareOf(target, limits))}></path>`}
      ${unset || actual === null
        ? nothing
        : svg`<path class="gap" d=${between(shareOf(actual, limits), shareOf(target, limits))}></path>`}
      ${mark ? svg`<circle class="mark" cx=${mark.x} cy=${mark.y} r="5"></circle>` : nothing}
      ${handle ? svg`<circle class="halo" cx=${handle.x} cy=${handle.y} r="20"></circle>` : nothing}
      ${handle ? svg`<circle class="handle" cx=${handle.x} cy=${handle.y} r="13"></circle>` : nothing}
    </svg>
    <div class="middle">${content}</div>
  </div>`;
}

/** Where a value lies on the arc, 0 to 1. */
function shareOf(value, { low, high }) {
  return Math.min(1, Math.max(0, (value - low) / (high - low)));
}

/** @param {number} share 0 to 1 */
function pointAt(share, radius = RADIUS) {
  const angle = ((BEGIN_DEG + SWEEP_DEG * share) * Math.PI) / 180;
  return { x: round(CENTRE + radius * Math.cos(angle)), y: round(CENTRE + radius * Math.sin(angle)) };
}

function arc(from, to) {
  const begin = pointAt(from);
  const end = pointAt(to);
  const isLarge = (to - from) * SWEEP_DEG > 180 ? 1 : 0;
  return `M${begin.x} ${begin.y}A${RADIUS} ${RADIUS} 0 ${isLarge} 1 ${end.x} ${end.y}`;
}

function between(a, b) {
  return arc(Math.min(a, b), Math.max(a, b));
}

function offsetOf(area, event) {
  const box = area.getBoundingClientRect();
  const scale = SIZE / box.width;
  return { x: (event.clientX - box.left) * scale - CENTRE, y: (event.clientY - box.top) * scale - CENTRE };
}

function distanceOf(area, event) {
  const { x, y } = offsetOf(area, event);
  return Math.hypot(x, y);
}

function pointedValue(area, event, limits) {
  const { x, y } = offsetOf(area, event);
  const turned = ((Math.atan2(y, x) * 180) / Math.PI - BEGIN_DEG + 720) % 360;
  // The gap at the bottom belongs to the nearer end.
  const share = turned <= SWEEP_DEG ? turned / SWEEP_DEG : turned < SWEEP_DEG + (360 - SWEEP_DEG) / 2 ? 1 : 0;
  return snapped(limits.low + share * (limits.high - limits.low), limits);
}

function round(value) {
  return Math.round(value * 100) / 100;
}
