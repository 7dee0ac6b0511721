/** Asks for what is looked at, after it was drawn: a room's day, the chosen history, what the guide can offer. */

import { choiceOf, historyKey } from "./chosen.js";

const DAY_REFRESH_S = 120;
const HISTORY_REFRESH_S = 60;
const SETUP_REFRESH_S = 2;
const DAY_POINTS = ["temperature", "setpoint", "dew_point"];

let setupAt = -Infinity;

/** @param {import("../types.d.ts").Page} page */
export function fulfil(page) {
  const { ui, now, actions } = page;
  if (document.hidden) return;
  const { room, tab } = ui.route;
  if (room && page.schema.history && page.state.readings.has(`${room}.temperature`) && (ui.day?.room !== room || now - ui.day.at > DAY_REFRESH_S)) {
    actions.loadDay(room, DAY_POINTS.map((point) => `${room}.${point}`));
  }
  if (tab === "history") {
    const points = choiceOf(page);
    const key = historyKey(ui.history, points);
    const isOld = (!ui.history.zoom || ui.history.failure !== null) && now - ui.history.at > HISTORY_REFRESH_S;
    if (points.length && !ui.history.busy && (key !== ui.history.key || isOld)) actions.loadHistory(points, key);
  }
  const guided = tab === "connection" || ui.guide === "first";
  if (guided && ui.setup !== null && now - setupAt > SETUP_REFRESH_S) {
    setupAt = now;
    actions.loadSetup();
  }
}
