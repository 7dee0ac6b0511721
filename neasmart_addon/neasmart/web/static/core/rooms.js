/** What a room does, as plain values: pure functions from readings to what a card, a list or a sheet tells. */

import { liveCommand } from "./commands.js";
import { optionOf, roomGroup, roomRows } from "./model.js";

/**
 * @typedef {import("../types.d.ts").Page} Page
 * @typedef {import("../types.d.ts").Row} Row
 * @typedef {import("../types.d.ts").Samples} Samples
 */

/** How far from its target a room may be and still count as being there. */
const ENOUGH_K = 0.2;
/** A slope below this, in K in an hour, is steady. */
const STEADY_K = 0.15;
const SLOPE_S = 3600;
/** From here on cards alone are no overview. */
export const MANY_ROOMS = 12;
const DAMP_PERCENT = 65;
const DRY_PERCENT = 30;

/** Rooms that exist, in the owner's order; hidden ones only when they are asked for. @param {Page} page */
export function roomsOf(page) {
  const rows = roomRows(page.state, page.schema).filter((row) =>
    page.ui.showUnused ? true : row.exists && !recordOf(page, row.index)?.hidden,
  );
  const place = (/** @type {Row} */ row) => recordOf(page, row.index)?.position ?? Number.MAX_SAFE_INTEGER;
  return rows.map((row, at) => ({ row, at })).sort((a, b) => place(a.row) - place(b.row) || a.at - b.at).map(({ row }) => row);
}

/** @param {Page} page @param {number[]} index */
export function recordOf(page, index) {
  return page.state.rooms?.get(index.join("."));
}

/** The owner's name of a room, or its place. @param {Page} page @param {number[]} index */
export function roomName(page, index) {
  const key = index.join(".");
  return recordOf(page, index)?.name || page.state.names.get(key) || page.i18n.t(`group.${roomGroup(page.schema).key}`, index);
}

/** @param {Page} page @param {number[]} index */
export function isNamed(page, index) {
  return Boolean(recordOf(page, index)?.name || page.state.names.get(index.join(".")));
}

/** @param {Page} page @param {number[]} index */
export function floorOf(page, index) {
  return recordOf(page, index)?.floor ?? "";
}

/**
 * What a point is set to: by the owner just now, by a command on its way, or by the base.
 * @param {Page} page @param {string} point @returns {number | null}
 */
export function shownValue(page, point) {
  const edit = page.edits.get(point);
  if (edit && edit.phase !== "failed") return edit.value;
  const value = liveCommand(page.state, point)?.value ?? page.state.readings.get(point)?.value ?? null;
  return value === null ? null : Number(value);
}

/**
 * The change of a value over the last hour, null where less than ten minutes are known.
 * @param {Samples | undefined} samples @param {number} to_s when `now` holds @param {number | null} now @returns {number | null} in an hour
 */
export function slopeOf(samples, to_s, now) {
  if (!samples || now === null) return null;
  const begin_s = to_s - SLOPE_S;
  let from = null;
  for (const [at, value] of samples) {
    if (at > begin_s && from !== null) break;
    from = value === null ? null : { at: Math.max(at, begin_s), value };
  }
  return from && to_s - from.at >= 600 ? ((now - from.value) * SLOPE_S) / (to_s - from.at) : null;
}

/**
 * What a room does: the tint and the trend in words.
 * @param {Page} page @param {Row} row
 * @returns {{tint: "warm" | "cool" | "enough" | "off", trend: string, arrow: string}}
 */
export function activityOf(page, row) {
  const actual = numberOf(row.readings["temperature"]?.value);
  const target = shownValue(page, `${row.id}.setpoint`);
  const state = optionOf(page.schema, `${row.id}.state`, shownValue(page, `${row.id}.state`));
  const known = page.trends.get(`${row.id}.temperature`);
  const slope = slopeOf(known?.points, known?.to_s ?? 0, actual);
  const direction = slope === null ? null : slope > STEADY_K ? 1 : slope < -STEADY_K ? -1 : 0;
  const arrow = direction === null ? "" : (["↘", "→", "↗"][direction + 1] ?? "");
  const drift = direction === null ? "" : (["falling", "steady", "rising"][direction + 1] ?? "");
  if (state === "standby" || actual === null) return { tint: "off", arrow, trend: drift };
  if (target === null) return { tint: "enough", arrow, trend: drift };
  const isCooling = optionOf(page.schema, "global.mode", shownValue(page, "global.mode")).endsWith("cooling");
  return { arrow, ...(isCooling ? cooled(actual - target, direction) : warmed(actual - target, direction)) };
}

/** @param {number} above the target, in K @param {number | null} direction @returns {{tint: "warm" | "enough", trend: string}} */
function warmed(above, direction) {
  const trend = direction === 1 ? "warming" : direction === -1 ? "falling" : null;
  if (above >= -ENOUGH_K) return { tint: "enough", trend: trend ?? "warm_enough" };
  return { tint: "warm", trend: trend ?? "below" };
}

/** @param {number} above the target, in K @param {number | null} direction @returns {{tint: "cool" | "enough", trend: string}} */
function cooled(above, direction) {
  if (above <= ENOUGH_K) return { tint: "enough", trend: direction === 1 ? "rising" : "cool_enough" };
  return { tint: "cool", trend: direction === -1 ? "cooling" : direction === 1 ? "rising" : "above" };
}

/** How the air feels, as a key of the texts. @param {number} percent relative humidity */
export function airOf(percent) {
  return percent >= DAMP_PERCENT ? "damp" : percent < DRY_PERCENT ? "dry" : "good";
}

/** @param {unknown} value @returns {number | null} */
export function numberOf(value) {
  return typeof value === "number" ? value : null;
}

/** The mean of what rooms report, null where nothing does. @param {Row[]} rows */
export function averageOf(rows) {
  const values = rows.map((row) => numberOf(row.readings["temperature"]?.value)).filter((value) => value !== null);
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
}

/**
 * Rooms that the owner looks for, in the order wished; by floor each floor is a group of its own.
 * @param {Page} page @param {Row[]} rows @returns {{floor: string, rows: Row[]}[]}
 */
export function arranged(page, rows) {
  const words = page.ui.search.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const text = (/** @type {Row} */ row) => `${roomName(page, row.index)} ${floorOf(page, row.index)} ${row.index.join(".")}`.toLocaleLowerCase();
  const found = words.length ? rows.filter((row) => words.every((word) => text(row).includes(word))) : [...rows];
  const actual = (/** @type {Row} */ row) => numberOf(row.readings["temperature"]?.value) ?? Infinity;
  // By what the base has: a room whose target is being set stays under the finger.
  const gap = (/** @type {Row} */ row) => {
    const target = numberOf(row.readings["setpoint"]?.value);
    return target === null || actual(row) === Infinity ? -1 : Math.abs(actual(row) - target);
  };
  switch (page.ui.order) {
    case "name": {
      const names = new Intl.Collator(page.i18n.locale, { numeric: true });
      return [{ floor: "", rows: found.sort((a, b) => names.compare(roomName(page, a.index), roomName(page, b.index))) }];
    }
    case "coldest":
      return [{ floor: "", rows: found.sort((a, b) => actual(a) - actual(b)) }];
    case "furthest":
      return [{ floor: "", rows: found.sort((a, b) => gap(b) - gap(a)) }];
    default: {
      /** @type {Map<string, Row[]>} */
      const floors = new Map();
      for (const row of found) {
        const floor = floorOf(page, row.index);
        floors.set(floor, [...(floors.get(floor) ?? []), row]);
      }
      return [...floors].map(([floor, there]) => ({ floor, rows: there }));
    }
  }
}
