/**
 * What the owner has just set and the gateway has not answered yet. Rapid presses become one request, which does not wait
 * where the page is left; a refused one is kept for a while to tell why.
 */

import { codeOf, messageOf } from "./api.js";

const COALESCE_MS = 1000;

/** @typedef {import("../types.d.ts").Edit} Edit */

/**
 * @param {object} needs
 * @param {(point: string, value: number) => Promise<any>} needs.put
 * @param {(command: any) => void} needs.onCommand
 * @param {(point: string) => void} needs.onFailure
 * @param {() => void} needs.onChange
 * @param {() => number} needs.clock seconds
 * @returns {import("../types.d.ts").Edits}
 */
export function createEdits({ put, onCommand, onFailure, onChange, clock }) {
  /** @type {Map<string, Edit>} */
  const edits = new Map();
  /** @type {Map<string, number>} */
  const timers = new Map();

  /** @param {string} point @param {Edit} edit */
  function change(point, edit) {
    edits.set(point, edit);
    onChange();
    return edit;
  }

  /** @param {string} point */
  async function send(point) {
    const waiting = edits.get(point);
    if (!waiting || waiting.phase !== "waiting") return;
    const sending = change(point, { ...waiting, phase: "sending" });
    try {
      const command = await put(point, sending.value);
      onCommand(command);
      // A newer press during the request stays and is sent by its own timer.
      if (edits.get(point) === sending) edits.delete(point);
      onChange();
    } catch (error) {
      if (edits.get(point) !== sending) return;
      change(point, { ...sending, phase: "failed", code: codeOf(error), message: messageOf(error), failedAt: clock() });
      onFailure(point);
    }
  }

  function sendAll() {
    for (const [point, timer] of timers) {
      clearTimeout(timer);
      send(point);
    }
  }

  // Who steps and leaves at once has meant it; a page that was asleep would send it when it wakes, hours later.
  addEventListener("pagehide", sendAll);
  document.addEventListener("visibilitychange", () => document.hidden && sendAll());

  return {
    get: (point) => edits.get(point),
    set(point, value, { delay_ms = COALESCE_MS } = {}) {
      clearTimeout(timers.get(point));
      change(point, { value, phase: "waiting", code: null, message: null, failedAt: 0 });
      timers.set(point, window.setTimeout(() => send(point), delay_ms));
    },
  };
}
