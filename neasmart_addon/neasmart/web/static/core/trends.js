/** The last 24 hours of all rooms in one request, asked for again every few minutes while the page is looked at. */

import { get } from "./api.js";

const REFRESH_MS = 300_000;
const RETRY_MS = 30_000;
const SAMPLES = 150;

/** @typedef {import("../types.d.ts").Trend} Trend */

/**
 * @param {{pointsOf: () => string[], onChange: () => void}} options what to ask for, and whom to tell
 * @returns {{get: (id: string) => Trend | undefined, start: () => void}}
 */
export function createTrends({ pointsOf, onChange }) {
  /** @type {Map<string, Trend>} */
  let trends = new Map();
  let isStarted = false;

  async function refresh() {
    let pause_ms = RETRY_MS;
    const points = pointsOf();
    if (document.visibilityState === "visible" && points.length) {
      try {
        const answer = await get(`api/v1/history?points=${points.join(",")}&max_points=${SAMPLES}`);
        const to_s = Date.parse(answer.to) / 1000;
        const from_s = Date.parse(answer.from) / 1000;
        trends = new Map(answer.series.map((/** @type {any} */ each) => [each.id, { points: each.points, from_s, to_s }]));
        pause_ms = REFRESH_MS;
        onChange();
      } catch {
        // The line goes on with what is known; it is asked for again soon.
      }
    }
    setTimeout(refresh, pause_ms);
  }

  return {
    get: (id) => trends.get(id),
    start() {
      if (isStarted || !pointsOf().length) return;
      isStarted = true;
      refresh();
    },
  };
}
