/** Values, commands and their reasons as people read them. */

import { isLive } from "./commands.js";
import { groupOf, optionOf, pointOf, setpointLimits } from "./model.js";
import { roomName, shownValue } from "./rooms.js";

/**
 * @typedef {import("../types.d.ts").Page} Page
 * @typedef {import("../types.d.ts").Command} Command
 */

const CONFIRMED_SHOWN_S = 4;
const FAILED_SHOWN_S = 60;
const FAILED = ["rejected", "expired", "overridden"];

/** @param {Page} page @param {string} point @param {string} name as the API has it */
export function optionText(page, point, name) {
  const key = `${pointOf(page.schema, point)?.vocabulary}.${name}`;
  return page.i18n.has(key) ? page.i18n.t(key) : name.replaceAll("_", " ");
}

/** The state of a room in a word. @param {Page} page @param {import("../types.d.ts").Row} row */
export function stateText(page, row) {
  const point = `${row.id}.state`;
  const state = optionOf(page.schema, point, shownValue(page, point));
  return state ? optionText(page, point, state) : page.i18n.t("value.not_known");
}

/** @param {Page} page @param {string} point @param {unknown} value */
export function valueText(page, point, value) {
  const { t, temperature, percent, number } = page.i18n;
  const description = pointOf(page.schema, point);
  if (value === null || value === undefined || !description) return t("value.unknown");
  switch (description.kind) {
    case "enum":
      return optionText(page, point, description.options?.[String(value)] ?? String(value));
    case "bit":
      return t(value ? "value.yes" : "value.no");
    case "percent":
      return percent(Number(value));
    case "temperature":
      return temperature(Number(value));
    default:
      return number(Number(value));
  }
}

/** Which room, or the whole house. @param {Page} page @param {string} point */
export function placeName(page, point) {
  const group = groupOf(page.schema, point);
  const index = point.split(".").slice(1, -1).map(Number);
  return group?.rooms ? roomName(page, index) : page.i18n.t(`group.${group?.key}`, index);
}

/** As within a sentence. @param {Page} page @param {string} point */
export function pointName(page, point) {
  const described = pointOf(page.schema, point);
  const key = `point.${groupOf(page.schema, point)?.key}.${described?.key}`;
  return page.i18n.has(key) ? page.i18n.t(key) : (described?.label ?? point);
}

/** As it begins a line. @param {Page} page @param {string} point */
export function pointTitle(page, point) {
  const name = pointName(page, point);
  return name.charAt(0).toLocaleUpperCase(page.i18n.locale) + name.slice(1);
}

/** Why a command ended as it did, empty where there is nothing to tell. @param {Page} page @param {Command} command */
export function reasonText(page, command) {
  const key = `reason.${command.reason_code}`;
  if (!page.i18n.has(key)) return command.warning ? limitText(page) : "";
  const said = command.reason_value;
  return page.i18n.t(key, said === null ? {} : { value: valueText(page, command.point, said) });
}

/** @param {Page} page */
function limitText(page) {
  const { t, temperature } = page.i18n;
  const limits = setpointLimits(page.state, page.schema);
  return t("command.limited", { low: temperature(limits.low), high: temperature(limits.high) });
}

/** Who gave it. @param {Page} page @param {string} origin */
export function originText(page, origin) {
  const key = `origin.${origin}`;
  return page.i18n.has(key) ? page.i18n.t(key) : origin;
}

/** @param {Page} page @param {{code: string | null, message: string | null}} failure */
export function errorText(page, { code, message }) {
  const key = `error.${code}`;
  return page.i18n.t(page.i18n.has(key) ? key : "error.other", { message: message ?? "" });
}

/** Why a course could not be loaded. @param {Page} page @param {string} why empty where no answer came */
export function failureText(page, why) {
  return page.i18n.t(why ? "history.failed_why" : "history.failed", { why });
}

/**
 * How the newest change of some points fares, null if there is nothing to tell (any more).
 * @param {Page} page @param {string[]} points
 * @returns {{kind: "busy" | "done" | "failed", text: string, why: string, key: string} | null}
 */
export function fateOf(page, points) {
  const { t } = page.i18n;
  for (const point of points) {
    const edit = page.edits.get(point);
    if (!edit) continue;
    if (edit.phase !== "failed") return { kind: "busy", text: t("command.sending"), why: "", key: point };
    if (page.now - edit.failedAt > FAILED_SHOWN_S) continue;
    return { kind: "failed", text: t("result.refused"), why: errorText(page, edit), key: point };
  }
  const commands = points.map((point) => page.newest.get(point)).filter((each) => each !== undefined);
  const command = commands.reduce((a, b) => (a && a.queued_at > b.queued_at ? a : b), commands[0]);
  if (!command) return null;
  if (isLive(command)) {
    return { kind: "busy", text: t(`result.${command.state}`), why: command.warning ? limitText(page) : "", key: command.id };
  }
  const seen_s = command.endSeenAt === null || command.endSeenAt === undefined ? Infinity : page.now - command.endSeenAt;
  if (command.state === "confirmed" && seen_s < CONFIRMED_SHOWN_S) {
    return { kind: "done", text: t("result.confirmed"), why: "", key: command.id };
  }
  if (FAILED.includes(command.state) && seen_s < FAILED_SHOWN_S) {
    return { kind: "failed", text: t(`result.${command.state}`), why: reasonText(page, command), key: command.id };
  }
  return null;
}

/** Whether something on the page fades by time alone. @param {Page} page */
export function isFading(page) {
  if (page.ui.toast) return true;
  for (const command of page.state.commands.values()) {
    const seenAt = command.endSeenAt ?? null;
    if (seenAt !== null && page.now - seenAt < FAILED_SHOWN_S + 2) return true;
  }
  return false;
}

/** How a command has ended, in a sentence that is said aloud. @param {Page} page @param {Command} command */
export function outcomeText(page, command) {
  const what = `${placeName(page, command.point)}, ${pointName(page, command.point)}: ${valueText(page, command.point, command.value)}.`;
  return [what, `${page.i18n.t(`result.${command.state}`)}.`, reasonText(page, command)].filter(Boolean).join(" ");
}
