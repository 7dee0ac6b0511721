/**
 * What deserves the owner's attention. The state of the bus is the doctor's alone: its code finds the words, and where
 * the page has none for a code the doctor's own are shown.
 */

import { bornAt, statusBorn } from "./model.js";

/**
 * @typedef {import("../types.d.ts").Page} Page
 * @typedef {import("../types.d.ts").Finding} Finding
 */

/** A gateway that comes back within this time is not worth an alarm. */
export const UNREACHABLE_AFTER_S = 4;
/** What the base itself may have to say, worst first. */
const MESSAGES = /** @type {const} */ (["error", "warning", "hint"]);

/** @param {Page} page */
export function isReachable(page) {
  const { connection, connectionSince } = page.ui;
  return connection === "live" || connection === "polling" || page.now - connectionSince < UNREACHABLE_AFTER_S;
}

/** Whether what is shown is alive: the gateway answers and hears the base. @param {Page} page */
export function isAlive(page) {
  return isReachable(page) && page.state.status["doctor"]?.receiving !== false;
}

/** Whether the doctor says that nothing comes from the base. @param {Page} page */
function isSilent(page) {
  const doctor = page.state.status["doctor"];
  return doctor?.receiving === false && String(doctor.code).startsWith("silent");
}

/** Why controls rest, as a key of the texts, null where they work. @param {Page} page */
export function restReason(page) {
  if (!isReachable(page)) return `rest.${page.ui.connection === "cut_off" ? "cut_off" : "gateway_down"}`;
  if (page.state.status["link"]?.connected === false) return "rest.no_link";
  return isSilent(page) ? "rest.silent" : null;
}

/** @param {Page} page @returns {Finding} */
export function busFinding(page) {
  const doctor = page.state.status["doctor"] ?? { code: "starting", level: "info" };
  const code = doctor.code ?? doctor.state;
  const detail = [doctor.sentence, doctor.advice, ...(doctor.evidence ?? [])].filter(Boolean).join(" · ");
  const worded = page.i18n.has(`find.${code}`);
  return {
    code,
    level: doctor.level ?? "info",
    title: worded ? `find.${code}` : (doctor.sentence ?? code),
    help: worded ? `help.${code}` : (doctor.advice ?? ""),
    parameters: doctor.parameters ?? {},
    detail: code === "healthy" ? null : detail,
    cause: `${code}@${doctor.since ?? ""}`,
  };
}

/** @param {Page} page @returns {Finding | null} */
function pathFinding(page) {
  if (isReachable(page)) return null;
  const code = page.ui.connection === "cut_off" ? "cut_off" : "gateway_down";
  return { code, level: "error", title: `find.${code}`, help: `help.${code}`, cause: `${code}@${page.ui.connectionSince}` };
}

/**
 * After a start, until the base has reported: what is known is of before, and what is waited for, in one sentence.
 * @param {Page} page @returns {Finding | null}
 */
function restartFinding(page) {
  let newest = -Infinity;
  for (const reading of page.state.readings.values()) {
    if (reading.source === "bus") return null;
    if (reading.source === "stored") newest = Math.max(newest, bornAt(reading) ?? -Infinity);
  }
  if (newest === -Infinity) return null;
  const { time, t } = page.i18n;
  const { title, parameters } = busFinding(page);
  const at = new Date(Date.now() - (page.now - newest) * 1000).toISOString();
  const key = page.state.status["link"]?.connected ? "find.from_before" : "find.from_before_no_link";
  return { code: "from_before", level: "info", title: key, help: null, parameters: { time: time(at), why: t(title, parameters) }, cause: "from_before" };
}

/**
 * What deserves a banner, most important first. While the gateway does not answer nothing else is known.
 * @param {Page} page @returns {Finding[]}
 */
export function findingsOf(page) {
  const path = pathFinding(page);
  if (path) return [path];
  /** @type {Finding[]} */
  const found = [];
  /** @type {(level: Finding["level"], code: string, detail?: string | null, cause?: string) => void} */
  const add = (level, code, detail, cause) =>
    found.push({ level, code, title: `find.${code}`, help: `help.${code}`, detail: detail ?? null, cause: `${code}@${cause ?? detail ?? ""}` });
  for (const kind of MESSAGES) {
    const reading = page.state.readings.get(`global.${kind}`);
    if (reading?.value === true) add(kind === "hint" ? "info" : kind, `base_${kind}`);
  }
  const bus = busFinding(page);
  const { settings, store, mqtt, rooms } = page.state.status;
  if (settings?.problem) add("error", "settings_error", settings.problem);
  else if (bus.level === "error" || bus.level === "warning") found.push(bus);
  const restarted = restartFinding(page);
  if (restarted) found.push(restarted);
  if (settings?.refused) add("warning", "settings_refused", settings.refused);
  if (settings?.restart_needed?.length) add("info", "settings_restart", settings.restart_needed.join(", "));
  if (store && (store.using_fallback || !store.healthy)) add("warning", "store_fallback", store.detail);
  if (rooms?.detail) add("warning", "rooms_not_stored", rooms.detail);
  if (mqtt?.no_broker) add("info", "mqtt_none");
  else if (mqtt?.enabled && !mqtt.connected) add("warning", "mqtt_off", mqtt.detail);
  return found;
}

/** The worst of what is found, for the lamp in the header. @param {Page} page @returns {Finding["level"]} */
export function overallLevel(page) {
  if (!page.state.received) return isReachable(page) ? "info" : "error";
  const levels = [...findingsOf(page), busFinding(page)].map((each) => each.level);
  return levels.includes("error") ? "error" : levels.includes("warning") ? "warning" : busFinding(page).level;
}

/** When the base last reported anything, in seconds of the page's clock. @param {Page} page */
export function lastWriteAt(page) {
  const told = statusBorn(page.state, "bus", page.state.status["bus"]?.last_write_age_s);
  let newest = told;
  for (const reading of page.state.readings.values()) {
    const born = reading.source === "bus" ? bornAt(reading) : null;
    if (born !== null && (newest === null || born > newest)) newest = born;
  }
  return newest;
}
