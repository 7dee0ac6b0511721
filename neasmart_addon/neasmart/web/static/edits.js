/**
 * What the owner has just set and the gateway has not answered yet. Rapid presses become one request; a refused one is
 * kept for a while to tell why.
 */

const COALESCE_MS = 600;

/**
 * @typedef {object} Edit
 * @property {number} value
 * @property {"waiting" | "sending" | "failed"} phase
 * @property {string | null} code of the error
 * @property {string | null} message of the error, as the gateway has put it
 * @property {number} failedAt seconds of the page's own clock
 */

/**
 * @param {object} needs
 * @param {(point: string, value: number) => Promise<any>} needs.put
 * @param {(command: any) => void} needs.onCommand
 * @param {() => void} needs.onChange
 * @param {() => number} needs.clock seconds
 */
export function createEdits({ put, onCommand, onChange, clock }) {
  /** @type {Map<string, Edit>} */
  const edits = new Map();
  /** @type {Map<string, number>} */
  const timers = new Map();

  function change(point, edit) {
    edits.set(point, edit);
    onChange();
    return edit;
  }

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
      const code = error.code ?? "failed";
      change(point, { ...sending, phase: "failed", code, message: error.message, failedAt: clock() });
    }
  }

  return {
    /** @param {string} point @returns {Edit | undefined} */
    get: (point) => edits.get(point),
    /**
     * @param {string} point @param {number} value
     * @param {{delay_ms?: number}} [options] how long to wait for a newer value, 0 for not at all
     */
    set(point, value, { delay_ms = COALESCE_MS } = {}) {
      clearTimeout(timers.get(point));
      change(point, { value, phase: "waiting", code: null, message: null, failedAt: 0 });
      timers.set(point, setTimeout(() => send(point), delay_ms));
    },
    /** Forgets a failure that the owner has read. @param {string} point */
    dismiss(point) {
      if (edits.get(point)?.phase === "failed") edits.delete(point);
      onChange();
    },
  };
}

/** @typedef {ReturnType<typeof createEdits>} Edits */
