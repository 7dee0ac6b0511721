/**
 * Says in one finding what is wrong with the bus, from the link's code and the counters, and which other parts need
 * the owner's attention. The texts are looked up by the finding's code.
 */

import { statusAge, wasReceived } from "./state.js";

const LINK_CODES = [
  "starting",
  "settings_error",
  "no_device",
  "no_permission",
  "device_busy",
  "device_lost",
  "cannot_dial",
  "cannot_listen",
  "waiting_for_peer",
  "not_configured",
  "stopped",
];
/** The doctor's hints and states on an open link, and the finding that words them. */
const DOCTOR_CODES = {
  swapped: "swapped",
  speed_or_parity: "wrong_speed",
  no_common_ground: "damaged",
  rtu_on_tcp: "rtu_on_tcp",
  noise: "noise",
  not_for_us: "foreign",
  no_writes: "no_writes",
  no_polls: "never_asked",
  too_late: "too_late",
  rival: "rival",
};
const MINOR = ["never_asked", "no_writes"];
/** A gateway that comes back within this time is not worth an alarm. */
export const UNREACHABLE_AFTER_S = 4;
const QUIET_AFTER_S = 30;
const UNASKED_AFTER_S = 60;
/** Enough bytes that a base must have said something valid among them. */
const NOISE_BYTES = 64;

/**
 * @typedef {import("./views/page.js").Page} Page
 *
 * @typedef {object} Finding
 * @property {"ok" | "info" | "warning" | "error"} level
 * @property {string} code
 * @property {Record<string, unknown>} [parameters]
 * @property {string | null} [detail] the gateway's own words
 */

/**
 * @param {Record<string, any>} status
 * @param {{lastWrite_s: number | null, lastPoll_s: number | null}} ages
 * @returns {Finding}
 */
export function diagnoseBus(status, ages) {
  const { link, bus } = status;
  if (!link) return { level: "info", code: "starting" };
  if (!link.connected) {
    const code = LINK_CODES.includes(link.code) ? link.code : "disconnected";
    const calm = code === "starting" || code === "waiting_for_peer" || code === "not_configured";
    return { level: calm ? "warning" : "error", code, detail: link.detail };
  }
  const told = toldByDoctor(status.doctor);
  if (told) return told;
  const seen = bus?.counters ?? {};
  if (ages.lastWrite_s === null) return diagnoseStart(seen);
  if (ages.lastWrite_s > (bus.stale_after_s ?? 180)) return { level: "error", code: "silent" };
  if (ages.lastWrite_s > QUIET_AFTER_S) return { level: "warning", code: "silent" };
  if (!seen.polls || (ages.lastPoll_s !== null && ages.lastPoll_s > UNASKED_AFTER_S)) {
    return { level: "warning", code: "never_asked" };
  }
  return { level: "ok", code: "well" };
}

/**
 * What the gateway's wiring doctor has found on an open link; silence and health are judged here, by age.
 * @param {Record<string, any> | undefined} doctor
 * @returns {Finding | null}
 */
function toldByDoctor(doctor) {
  const code = DOCTOR_CODES[doctor?.hint] ?? DOCTOR_CODES[doctor?.state];
  if (!code) return null;
  const detail = [doctor.sentence, doctor.advice, ...(doctor.evidence ?? [])].filter(Boolean).join(" \u00b7 ");
  return { level: MINOR.includes(code) ? "warning" : "error", code, detail };
}

/** Nothing has been written since the start: how far do the signals come? @param {Record<string, number>} seen */
function diagnoseStart(seen) {
  if (seen.rtu_on_tcp) return { level: "error", code: "rtu_on_tcp" };
  if (seen.polls) return { level: "info", code: "polls_only" };
  if (seen.frames) return { level: "error", code: "foreign" };
  if ((seen.bytes_received ?? 0) >= NOISE_BYTES) return { level: "error", code: "noise" };
  return { level: "warning", code: "silence" };
}

/**
 * What deserves a banner, most important first.
 * @param {Record<string, any>} status
 * @param {Finding} busFinding
 * @param {boolean} reachable whether the gateway answers the page
 * @returns {Finding[]}
 */
export function findings(status, busFinding, reachable) {
  if (!reachable) return [{ level: "error", code: "unreachable" }];
  const found = [];
  const problem = status.settings?.problem;
  if (problem) found.push({ level: "error", code: "settings_error", detail: problem });
  else if (busFinding.level === "error" || busFinding.level === "warning") found.push(busFinding);
  const { store, mqtt, settings } = status;
  if (settings?.refused) found.push({ level: "warning", code: "settings_refused", detail: settings.refused });
  if (settings?.restart_needed?.length) {
    found.push({ level: "info", code: "settings_restart", detail: settings.restart_needed.join(", ") });
  }
  if (store && (store.using_fallback || !store.healthy)) {
    found.push({ level: "warning", code: "store_fallback", detail: store.detail });
  }
  if (mqtt && mqtt.enabled && !mqtt.connected) {
    found.push({ level: "warning", code: "mqtt_off", detail: mqtt.detail });
  }
  return found;
}

/**
 * The way of the signals, as a list of what has been reached.
 * @param {Record<string, any>} status @param {number} rooms
 * @returns {{key: string, reached: boolean}[]}
 */
export function progress(status, rooms) {
  const seen = status.bus?.counters ?? {};
  return [
    { key: "link", reached: Boolean(status.link?.connected) },
    { key: "bytes", reached: (seen.bytes_received ?? 0) > 0 },
    { key: "frames", reached: (seen.frames ?? 0) > 0 },
    { key: "polls", reached: (seen.polls ?? 0) > 0 },
    { key: "rooms", reached: rooms > 0 },
  ];
}

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
