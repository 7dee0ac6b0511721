/**
 * What the page knows of the gateway: readings, commands, rooms and statuses, joined from snapshots and changes. Ages
 * count on from those that the gateway told, by a clock that never jumps.
 */

import { takeCommands } from "./commands.js";

/**
 * @typedef {import("../types.d.ts").State} State
 * @typedef {import("../types.d.ts").Reading} Reading
 * @typedef {import("../types.d.ts").Schema} Schema
 * @typedef {import("../types.d.ts").Row} Row
 */

/** What a change leaves out because it is nearly always so. */
const USUAL = { quality: "good", source: "bus", stale: false, pending: null, age_s: 0 };
/** @type {WeakMap<import("../types.d.ts").Group, ReturnType<typeof placesOf>>} */
const placesKnown = new WeakMap();
/** @type {WeakMap<Schema, Map<string, import("../types.d.ts").Point | undefined>>} */
const pointsKnown = new WeakMap();

/** @returns {State} */
export function emptyState() {
  return {
    received: false,
    readings: new Map(),
    derived: new Map(),
    commands: new Map(),
    names: new Map(),
    rooms: null,
    status: {},
    statusAt: {},
  };
}

/** Seconds of a clock that only runs forward. */
export function pageClock() {
  return performance.now() / 1000;
}

/**
 * Takes a snapshot or changes.
 * @param {State} state @param {any} message @param {number} now @param {number} askedAt when a snapshot was asked for
 * @returns {import("../types.d.ts").Command[]} commands that have ended with this message
 */
export function applyMessage(state, message, now, askedAt) {
  const ended = takeCommands(state, message, now, askedAt);
  for (const reading of message.readings ?? []) {
    state.readings.set(reading.id, { ...state.readings.get(reading.id), ...USUAL, ...reading, receivedAt: now });
  }
  for (const [id, value] of Object.entries(message.derived ?? {})) state.derived.set(id, value);
  for (const zone of message.zones ?? []) {
    const key = `${zone.base_id}.${zone.zone_id}`;
    if (zone.name) state.names.set(key, zone.name);
    else state.names.delete(key);
  }
  for (const [part, status] of Object.entries(message.status ?? {})) {
    state.status[part] = status;
    state.statusAt[part] = now;
  }
  if (message.type !== "changes") state.received = true;
  return ended;
}

/** @param {State} state @param {import("../types.d.ts").Room[]} rooms */
export function takeRooms(state, rooms) {
  state.rooms = new Map(rooms.map((room) => [`${room.base_id}.${room.zone_id}`, room]));
}

/** The instant of the page's own clock at which a value was young. @param {Reading | undefined} reading */
export function bornAt(reading) {
  return !reading || reading.age_s === null ? null : reading.receivedAt - reading.age_s;
}

/** @param {Reading | undefined} reading @param {number} now @returns {number | null} */
export function ageOf(reading, now) {
  const born = bornAt(reading);
  return born === null ? null : Math.max(0, now - born);
}

/**
 * When something happened that a status told as an age.
 * @param {State} state @param {string} part @param {number | null | undefined} age_s
 */
export function statusBorn(state, part, age_s) {
  return age_s === null || age_s === undefined ? null : (state.statusAt[part] ?? 0) - age_s;
}

/** @param {Reading | undefined} reading @returns {reading is Reading} */
export function wasReceived(reading) {
  return reading !== undefined && reading.source !== "never";
}

/** @param {State} state */
export function anythingReceived(state) {
  for (const reading of state.readings.values()) if (wasReceived(reading)) return true;
  return false;
}

/** Whether something is known from before the start of the gateway. @param {State} state */
export function isOfBefore(state) {
  for (const reading of state.readings.values()) if (reading.source === "stored") return true;
  return false;
}

/**
 * The repetitions of a group in the order of the schema, each with its readings by point.
 * @param {State} state @param {Schema} schema @param {string} key of the group
 * @returns {Row[]}
 */
export function rowsOf(state, schema, key) {
  const group = schema.groups.find((each) => each.key === key);
  if (!group) return [];
  const places = placesKnown.get(group) ?? placesOf(group);
  placesKnown.set(group, places);
  return places.map(({ id, index, ids }) => {
    /** @type {Row["readings"]} */
    const readings = {};
    for (const [point, full] of ids) readings[point] = state.readings.get(full);
    const decisive = group.exists_by ? [readings[group.exists_by]] : Object.values(readings);
    return { id, index, readings, exists: decisive.some(wasReceived) };
  });
}

/** What repetitions a group has, and the ids of their points; worked out once. @param {import("../types.d.ts").Group} group */
function placesOf(group) {
  /** @type {number[][]} */
  let indices = [[]];
  for (const axis of group.axes) {
    const numbers = Array.from({ length: axis.high - axis.low + 1 }, (_, offset) => axis.low + offset);
    indices = indices.flatMap((index) => numbers.map((number) => [...index, number]));
  }
  return indices.map((index) => {
    const id = [group.key, ...index].join(".");
    return { id, index, ids: group.points.map((point) => /** @type {const} */ ([point.key, `${id}.${point.key}`])) };
  });
}

/** @param {Schema} schema @returns {import("../types.d.ts").Group} the one of which each repetition is a room */
export function roomGroup(schema) {
  return /** @type {import("../types.d.ts").Group} */ (schema.groups.find((group) => group.rooms));
}

/** @param {State} state @param {Schema} schema */
export function roomRows(state, schema) {
  return rowsOf(state, schema, roomGroup(schema).key);
}

/** @param {Schema} schema @param {string} id of a point */
export function groupOf(schema, id) {
  return schema.groups.find((group) => id.startsWith(`${group.key}.`));
}

/** @param {Schema} schema @param {string} id of a point, derived or not */
export function pointOf(schema, id) {
  const known = pointsKnown.get(schema) ?? new Map();
  pointsKnown.set(schema, known);
  if (!known.has(id)) {
    const group = groupOf(schema, id);
    known.set(id, [...(group?.points ?? []), ...(group?.derived ?? [])].find((point) => id.endsWith(`.${point.key}`)));
  }
  return known.get(id);
}

/** What a value of a point is called in the API, such as "standby". @param {Schema} schema @param {string} id @param {unknown} value */
export function optionOf(schema, id, value) {
  return pointOf(schema, id)?.options?.[String(value)] ?? "";
}

/** The range in which people set a setpoint now: that of the global mode. @param {State} state @param {Schema} schema */
export function setpointLimits(state, schema) {
  const mode = optionOf(schema, "global.mode", state.readings.get("global.mode")?.value) || "auto";
  return /** @type {import("../types.d.ts").Limits} */ (schema.setpoint_limits[mode] ?? schema.setpoint_limits["auto"]);
}

/**
 * A word of the bus as people compare it.
 * @param {number | null} word
 */
export function hex(word) {
  return word === null ? "" : `0x${word.toString(16).toUpperCase().padStart(4, "0")}`;
}
