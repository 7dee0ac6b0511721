/** What can be said of the bus and of the gateway at the moment a page is drawn. */

import { diagnoseBus } from "./diagnosis.js";
import { statusAge, wasReceived } from "./state.js";

/** A gateway that comes back within this time is not worth an alarm. */
const UNREACHABLE_AFTER_S = 4;

/** @typedef {import("./views/page.js").Page} Page */

/** @param {Page} page */
export function busAges(page) {
  const { state, now } = page;
  const bus = state.status.bus ?? {};
  const polls = Object.values(bus.last_poll_age_s ?? {}).filter((age_s) => age_s !== null);
  return {
    lastWrite_s: statusAge(state, "bus", bus.last_write_age_s, now),
    lastPoll_s: polls.length ? statusAge(state, "bus", Math.min(...polls), now) : null,
  };
}

/** @param {Page} page @returns {import("../diagnosis.js").Finding} */
export function busFinding(page) {
  const ages = busAges(page);
  const finding = diagnoseBus(page.state.status, ages);
  return { ...finding, parameters: { age: page.i18n.age(ages.lastWrite_s), ids: unitIds(page) } };
}

/** @param {Page} page */
function unitIds(page) {
  return Object.keys(page.state.status.bus?.last_poll_age_s ?? {}).join(", ");
}

/** @param {Page} page */
export function anythingReceived(page) {
  for (const reading of page.state.readings.values()) if (wasReceived(reading)) return true;
  return false;
}

/** @param {Page} page */
export function isReachable(page) {
  const { connection, connectionSince } = page.ui;
  return connection === "live" || connection === "polling" || page.now - connectionSince < UNREACHABLE_AFTER_S;
}
