/** Everything that the page asks of the gateway on the owner's behalf; views call these and never fetch. */

import { codeOf, get, messageOf, send, statusOf } from "./api.js";
import { takeOwnCommand } from "./commands.js";
import { takeAlong } from "./files.js";
import { askAll, askHistory, failureOf, SPANS } from "./history.js";
import { roomGroup, takeRooms } from "./model.js";
import { signOut } from "./session.js";
import { errorText } from "./words.js";

const UNDO_S = 8;
const SAID_S = 5;
const SYNC_LOOK_MS = 1000;
/** A walk of the base takes half a minute; values that do not come within two are not waited for. */
const SYNC_ROUNDS = 120;
const DAY_S = 86_400;
const DAY_SAMPLES = 480;

/**
 * @typedef {import("../types.d.ts").Ui} Ui
 * @typedef {import("../types.d.ts").RoomChange} RoomChange
 * @typedef {import("../types.d.ts").State} State
 */

/**
 * @param {object} needs
 * @param {State} needs.state
 * @param {Ui} needs.ui
 * @param {(change: Partial<Ui>) => void} needs.update
 * @param {() => import("../types.d.ts").Page} needs.page
 * @param {() => number} needs.clock
 * @param {() => void} needs.closeRoom
 */
export function createActions({ state, ui, update, page, clock, closeRoom }) {
  /** @param {string} text @param {Record<string, unknown>} [parameters] @param {{commands?: string[], failed?: boolean}} [more] */
  function toast(text, parameters = {}, { commands = [], failed = false } = {}) {
    const until = clock() + (commands.length ? UNDO_S : SAID_S);
    const said = page().i18n.t(text, parameters);
    // A live region speaks when it changes; what is done once more is said once more.
    update({ toast: { text, parameters, commands, until, failed }, said: said === ui.said ? `${said}\u00a0` : said });
  }

  /** @param {unknown} error */
  function wordsOf(error) {
    return errorText(page(), { code: codeOf(error), message: messageOf(error) });
  }

  /** @param {unknown} error */
  function sayFailure(error) {
    toast("toast.failed", { why: wordsOf(error) }, { failed: true });
  }

  /** @param {Partial<Ui["history"]>} change */
  function historyUi(change) {
    update({ history: { ...ui.history, ...change } });
  }

  /** @param {string} path @param {{restart?: true}} choice @returns {Promise<boolean>} */
  async function choose(path, choice) {
    try {
      update({ setup: { ...ui.setup, ...(await send("POST", `api/v1/${path}`, choice)) }, setupFailure: null });
      return true;
    } catch (error) {
      // Who restarts may not live to answer.
      const isExpected = choice.restart && codeOf(error) === "unreachable";
      update({ setupFailure: isExpected ? null : wordsOf(error) });
      return false;
    }
  }

  /** In the first guide Home Assistant learns the language of the page; where nobody can store it names stay as they are. */
  async function nameAsHere() {
    if (ui.guide === "first") await send("POST", "api/v1/setup/apply", { language: document.documentElement.lang }).catch(() => null);
  }

  const actions = {
    toast,
    sayFailure,
    closeRoom,

    /** @param {string} point @param {number} value @returns {Promise<any>} the command */
    async put(point, value) {
      const answer = await send("PUT", `api/v1/points/${point}`, { value });
      return answer.command ?? answer;
    },

    /** Takes commands back, newest first. @param {string[]} commands */
    async undo(commands) {
      update({ toast: null });
      try {
        for (const id of [...commands].reverse()) {
          const answer = await send("POST", `api/v1/commands/${id}/undo`);
          for (const given of answer.commands ?? []) {
            const command = await get(`api/v1/commands/${given}`);
            takeOwnCommand(state, command, clock());
          }
        }
        toast("toast.undone");
      } catch (error) {
        sayFailure(error);
      }
    },

    async loadRooms() {
      try {
        takeRooms(state, (await get("api/v1/rooms")).rooms);
      } catch (error) {
        if (statusOf(error) === 404) state.rooms = null;
      }
      update({});
    },

    /** @param {RoomChange[]} rooms those that have changed @returns {Promise<boolean>} */
    async saveRooms(rooms) {
      try {
        const answer = await send("PUT", "api/v1/rooms", { rooms });
        if (answer?.rooms) takeRooms(state, answer.rooms);
        else await actions.loadRooms();
        update({ roomFailure: null });
        if (answer?.stored === false) toast("toast.room_not_stored", {}, { failed: true });
        else toast("toast.room_saved");
        return true;
      } catch (error) {
        update({ roomFailure: wordsOf(error) });
        return false;
      }
    },

    /** @param {number[]} index of the room */
    async forget(index) {
      try {
        await send("DELETE", `api/v1/zones/${index.join("/")}`);
        closeRoom();
        for (const id of [...state.readings.keys()]) {
          const known = state.readings.get(id);
          if (id.startsWith(`${roomGroup(page().schema).key}.${index.join(".")}.`) && known) {
            state.readings.set(id, { ...known, source: "never", value: null, raw: null, age_s: null });
          }
        }
        toast("toast.forgotten");
      } catch (error) {
        sayFailure(error);
      }
    },

    /** The last 24 hours of a room, for its sheet. @param {string} room id @param {string[]} points */
    async loadDay(room, points) {
      const to_s = Date.now() / 1000;
      const empty = { room, at: clock(), series: new Map(), from_s: to_s - DAY_S, to_s, failure: null };
      ui.day = ui.day?.room === room ? { ...ui.day, at: clock() } : empty;
      try {
        const answer = await askHistory(points, to_s - DAY_S, to_s, DAY_SAMPLES);
        if (ui.day.room === room) update({ day: { ...ui.day, ...answer, failure: null } });
      } catch (error) {
        if (ui.day.room === room) update({ day: { ...ui.day, failure: failureOf(error) } });
      }
    },

    history: historyUi,

    /** Asks for what the History tab shows, unless it is there already. @param {string[]} points @param {string} key */
    async loadHistory(points, key) {
      if (ui.history.busy) return;
      historyUi({ busy: true, key, at: clock() });
      const now_s = Date.now() / 1000;
      const { zoom, span } = ui.history;
      try {
        const length_s = SPANS[/** @type {keyof typeof SPANS} */ (span)];
        const answer = zoom
          ? await askHistory(points, zoom.from_s, Math.min(zoom.to_s, now_s))
          : span === "all"
            ? await askAll(points, now_s)
            : await askHistory(points, now_s - length_s, now_s);
        historyUi({ busy: false, answer, failure: null });
      } catch (error) {
        historyUi({ busy: false, failure: failureOf(error) });
      }
    },

    /** Makes the base write all its values anew, and tells how many are still to come. */
    async sync() {
      try {
        await send("POST", "api/v1/sync");
        update({ notice: { key: "bus.sync_begun", parameters: {} } });
        for (let round = 0; round < SYNC_ROUNDS; round += 1) {
          await new Promise((resolve) => setTimeout(resolve, SYNC_LOOK_MS));
          const { refreshing, total } = await get("api/v1/sync");
          if (!refreshing) return update({ notice: { key: "bus.sync_done", parameters: {} } });
          update({ notice: { key: "bus.sync_progress", parameters: { left: refreshing, total } } });
        }
      } catch (error) {
        update({ notice: { key: "bus.sync_failed", parameters: { why: wordsOf(error) } } });
      }
    },

    /** Begins or ends a recording of the bus. @param {boolean} recording */
    async record(recording) {
      try {
        await send("POST", recording ? "api/v1/captures" : "api/v1/captures/stop");
        update({ recordFailed: false });
      } catch {
        update({ recordFailed: true });
      }
    },

    /** Takes a file along. @param {Event} event of the link to it */
    download: (event) => takeAlong(event, sayFailure),

    async signOut() {
      try {
        await signOut();
      } catch (error) {
        sayFailure(error);
      }
    },

    async loadSetup() {
      try {
        update({ setup: await get("api/v1/setup") });
      } catch (error) {
        if (statusOf(error) === 404) update({ setup: null });
      }
    },

    /** Opens what the owner has chosen, and sends nothing. @param {object} choice */
    async listen(choice) {
      await choose("setup/listen", choice);
    },

    /** Keeps what was chosen. @param {{open_port?: true, restart?: true} & Record<string, unknown>} choice */
    async applySetup(choice) {
      const done = await choose("setup/apply", choice);
      if (choice.restart) toast("toast.restarting");
      else if (done && !choice.open_port) {
        toast("toast.setup_kept");
        await nameAsHere();
      }
    },

    /** Leaves the guide; where a converter calls nothing was chosen before. */
    async leaveGuide() {
      const named = nameAsHere();
      update({ guide: null });
      await named;
    },
  };
  return actions;
}
