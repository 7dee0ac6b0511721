/** Fingers on a chart: one tells the values, two stretch and move the time, a double tap goes back. */

const DOUBLE_TAP_MS = 350;
const STILL_PX = 10;

/**
 * @typedef {object} Chart
 * @property {(event: PointerEvent) => boolean} inside
 * @property {(clientX: number) => number} timeAt
 * @property {() => [number, number]} range
 * @property {(from_s: number, to_s: number) => void} show
 * @property {() => void} done
 * @property {(clientX: number, clientY: number) => void} point
 * @property {() => void} back
 */

/** @param {HTMLElement} element @param {Chart} chart @returns {() => void} takes the listeners away */
export function pinching(element, chart) {
  /** @type {Map<number, number>} */
  const fingers = new Map();
  let isPinched = false;
  let tap = { at: 0, x: 0 };
  /** The times that lay under the two fingers when the second came. @type {[number, number] | null} */
  let held = null;

  const onDown = (/** @type {PointerEvent} */ event) => {
    if (event.pointerType === "mouse" || !chart.inside(event)) return;
    fingers.set(event.pointerId, event.clientX);
    if (fingers.size === 1) {
      chart.point(event.clientX, event.clientY);
      const isDouble = event.timeStamp - tap.at < DOUBLE_TAP_MS && Math.abs(event.clientX - tap.x) < STILL_PX * 3;
      tap = { at: isDouble ? 0 : event.timeStamp, x: event.clientX };
      if (isDouble) chart.back();
    } else if (fingers.size === 2) {
      const [a = 0, b = 0] = [...fingers.values()].map((x) => chart.timeAt(x)).sort((left, right) => left - right);
      held = [a, b];
    }
  };

  const onMove = (/** @type {PointerEvent} */ event) => {
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, event.clientX);
    if (fingers.size === 1 && !isPinched) chart.point(event.clientX, event.clientY);
    if (fingers.size !== 2 || !held) return;
    isPinched = true;
    const [left = 0, right = 1] = [...fingers.values()].sort((a, b) => a - b);
    const [from_s, to_s] = chart.range();
    // The scale that puts the held times under the fingers again.
    const now = [chart.timeAt(left), chart.timeAt(right)];
    const scale = (held[1] - held[0]) / Math.max(1, (now[1] ?? 1) - (now[0] ?? 0));
    const begin = held[0] - ((now[0] ?? 0) - from_s) * scale;
    chart.show(begin, begin + (to_s - from_s) * scale);
  };

  const onUp = (/** @type {PointerEvent} */ event) => {
    if (!fingers.delete(event.pointerId)) return;
    held = null;
    if (fingers.size || !isPinched) return;
    isPinched = false;
    chart.done();
  };

  /** @type {[string, any][]} */
  const listeners = [
    ["pointerdown", onDown],
    ["pointermove", onMove],
    ["pointerup", onUp],
    ["pointercancel", onUp],
  ];
  for (const [type, listener] of listeners) element.addEventListener(type, listener);
  return () => {
    for (const [type, listener] of listeners) element.removeEventListener(type, listener);
  };
}
