/** Which points the History tab shows: the owner's choice, or the first rooms where nothing was chosen yet. */

import { rowsOf, wasReceived } from "./model.js";
import { roomsOf } from "./rooms.js";
import { placeName, pointName } from "./words.js";

const CHOSEN_FIRST = 3;
export const MOST = 12;

/**
 * @typedef {import("../types.d.ts").Page} Page
 * @typedef {{id: string, name: string, title: string, unit: string | null, kind: string, ofRoom: boolean}} Choice
 * @typedef {{id: string, name: string, points: Choice[]}} Place
 */

/** Everything that has been received, by place. @param {Page} page @returns {Place[]} */
export function placesOf(page) {
  return page.schema.groups.flatMap((group) => {
    const rows = group.rooms ? roomsOf(page).filter((row) => row.exists) : rowsOf(page.state, page.schema, group.key);
    return rows
      .map((row) => {
        const name = placeName(page, `${row.id}.`);
        const points = [...group.points, ...group.derived]
          .filter((point) => isKnown(page, `${row.id}.${point.key}`))
          .map((point) => {
            const id = `${row.id}.${point.key}`;
            const what = pointName(page, id);
            return { id, name: what, title: `${name}: ${what}`, unit: point.unit, kind: point.kind, ofRoom: point.key === group.exists_by };
          });
        return { id: row.id, name, points };
      })
      .filter((place) => place.points.length);
  });
}

/** Whether a point, derived or not, was ever told. @param {Page} page @param {string} id */
function isKnown(page, id) {
  return wasReceived(page.state.readings.get(id)) || page.state.derived.has(id);
}

/** @param {Page} page @returns {string[]} */
export function choiceOf(page) {
  const chosen = page.ui.history.points;
  const rooms = roomsOf(page).filter((row) => row.exists).slice(0, CHOSEN_FIRST);
  return (chosen ?? rooms.map((row) => `${row.id}.temperature`)).filter((id) => isKnown(page, id));
}

/** What makes two questions the same. @param {import("../types.d.ts").HistoryUi} history @param {string[]} points */
export function historyKey(history, points) {
  const range = history.zoom ? `${history.zoom.from_s}-${history.zoom.to_s}` : history.span;
  return `${points.join(",")}|${range}`;
}
