/** Which points the History tab shows: the owner's choice, or the first rooms where nothing was chosen yet. */

import { rowsOf, wasReceived } from "./model.js";
import { roomExists, roomName, roomsOf } from "./rooms.js";
import { pointName } from "./words.js";

const CHOSEN_FIRST = 3;
export const MOST = 12;

/**
 * @typedef {import("../types.d.ts").Page} Page
 * @typedef {{id: string, name: string, title: string, unit: string | null, kind: string}} Choice
 */

/** Everything that has been received, by place. @param {Page} page @returns {{name: string, points: Choice[]}[]} */
export function placesOf(page) {
  const { t } = page.i18n;
  return page.schema.groups.flatMap((group) => {
    const rows = group.key === "zone" ? roomsOf(page).filter(roomExists) : rowsOf(page.state, page.schema, group.key);
    return rows
      .map((row) => {
        const name =
          group.key === "zone"
            ? roomName(page, row.index)
            : group.key === "global"
              ? t("house.title")
              : t(`equipment.${group.key}`, { number: row.index[0] });
        const points = group.points
          .filter((point) => wasReceived(row.readings[point.key]))
          .map((point) => {
            const id = `${row.id}.${point.key}`;
            const what = pointName(page, id);
            return { id, name: what, title: `${name}: ${what}`, unit: point.unit, kind: point.kind };
          });
        return { name, points };
      })
      .filter((place) => place.points.length);
  });
}

/** @param {Page} page @returns {string[]} */
export function choiceOf(page) {
  const isKnown = (/** @type {string} */ id) => wasReceived(page.state.readings.get(id));
  if (page.ui.history.points) return page.ui.history.points.filter(isKnown);
  const rooms = roomsOf(page).filter(roomExists).slice(0, CHOSEN_FIRST);
  return rooms.map((row) => `${row.id}.temperature`);
}

/** What makes two questions the same. @param {import("../types.d.ts").HistoryUi} history @param {string[]} points */
export function historyKey(history, points) {
  const range = history.zoom ? `${history.zoom.from_s}-${history.zoom.to_s}` : history.span;
  return `${points.join(",")}|${range}`;
}
