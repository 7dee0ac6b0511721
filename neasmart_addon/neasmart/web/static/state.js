/**
 * What the page knows of the gateway: readings, commands, names and statuses, joined from snapshots and changes. Ages
 * count on from those that the gateway told, by a clock that never jumps.
 */

const COMMANDS_KEPT = 200;
const PROGRESS = { queued: 0, delivered: 1, confirmed: 2, superseded: 2, rejected: 2, expired: 2 };

/**
 * @typedef {object} Reading
 * @property {string} id
 * @property {string} group
 * @property {number[]} index
 * @property {string} point
 * @property {number} address
 * @property {number | boolean | null} value
 * @property {number | null} raw
 * @property {string} quality
 * @property {"bus" | "stored" | "never"} source
 * @property {boolean} stale
 * @property {number | null} age_s
 * @property {Command | null} pending
 * @property {number} receivedAt seconds of the page's own clock
 *
 * @typedef {object} Command
 * @property {string} id
 * @property {string} point
 * @property {number} value
 * @property {"queued" | "delivered" | "confirmed" | "superseded" | "rejected" | "expired"} state
 * @property {string} origin
 * @property {string} queued_at
 * @property {string | null} delivered_at
 * @property {string | null} ended_at
 * @property {string | null} reason
 * @property {string | null} warning
 * @property {number | null} [endSeenAt] seconds of the page's own clock, if the end was seen while the page was open
 *
 * @typedef {object} State
 * @property {boolean} received whether a snapshot has arrived
 * @property {Map<string, Reading>} readings
 * @property {Map<string, Command>} commands
 * @property {Map<string, string>} names by "base.zone"
 * @property {Record<string, any>} status
 * @property {Record<string, number>} statusAt seconds of the page's own clock
 */

/** @returns {State} */
export function emptyState() {
  return { received: false, readings: new Map(), commands: new Map(), names: new Map(), status: {}, statusAt: {} };
}

/** Seconds of a clock that only runs forward. */
export function pageClock() {
  return performance.now() / 1000;
}

/** @param {State} state @param {any} message a snapshot or changes @param {number} now */
export function applyMessage(state, message, now) {
  for (const command of message.commands ?? []) takeCommand(state, command, now);
  for (const reading of message.readings ?? []) state.readings.set(reading.id, { ...reading, receivedAt: now });
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
  if (state.commands.size > COMMANDS_KEPT) {
    const kept = newestFirst(state).slice(0, COMMANDS_KEPT / 2);
    state.commands = new Map(kept.map((command) => [command.id, command]));
  }
}

/**
 * Takes a command unless something newer is known of it; the answer to a PUT may come after the end was told.
 * @param {State} state @param {Command} command @param {number} now
 */
export function takeCommand(state, command, now) {
  const known = state.commands.get(command.id);
  if (known && PROGRESS[known.state] > PROGRESS[command.state]) return;
  const endedNow = known && isLive(known) && !isLive(command);
  state.commands.set(command.id, { ...command, endSeenAt: endedNow ? now : (known?.endSeenAt ?? null) });
}

/** Takes the answer to a PUT: the command is pending until the gateway tells more. @param {State} state */
export function takeOwnCommand(state, command, now) {
  takeCommand(state, command, now);
  const reading = state.readings.get(command.point);
  if (reading && isLive(state.commands.get(command.id))) {
    state.readings.set(command.point, { ...reading, pending: command });
  }
}

/** @param {Command} command */
export function isLive(command) {
  return command.state === "queued" || command.state === "delivered";
}

/** @param {State} state @param {string} point @returns {Command | null} */
export function liveCommand(state, point) {
  const pending = state.readings.get(point)?.pending;
  if (!pending) return null;
  const known = state.commands.get(pending.id) ?? pending;
  return isLive(known) ? known : null;
}

/** @param {State} state */
export function newestFirst(state) {
  return [...state.commands.values()].sort((a, b) => (a.queued_at < b.queued_at ? 1 : -1));
}

/** @param {Reading | undefined} reading @param {number} now @returns {number | null} */
export function ageOf(reading, now) {
  if (!reading || reading.age_s === null) return null;
  return reading.age_s + Math.max(0, now - reading.receivedAt);
}

/** An age that a status told, counted on. @param {State} state @param {string} part @param {number | null | undefined} age_s */
export function statusAge(state, part, age_s, now) {
  if (age_s === null || age_s === undefined) return null;
  return age_s + Math.max(0, now - (state.statusAt[part] ?? now));
}

/** @param {Reading | undefined} reading */
export function wasReceived(reading) {
  return reading !== undefined && reading.source !== "never";
}

/**
 * The repetitions of a group in the order of the schema, each with its readings by point.
 * @param {State} state @param {any} schema @param {string} key of the group
 */
export function rowsOf(state, schema, key) {
  const group = schema.groups.find((each) => each.key === key);
  if (!group) return [];
  let indices = [[]];
  for (const axis of group.axes) {
    const numbers = Array.from({ length: axis.high - axis.low + 1 }, (_, offset) => axis.low + offset);
    indices = indices.flatMap((index) => numbers.map((number) => [...index, number]));
  }
  return indices.map((index) => {
    const readings = Object.fromEntries(
      group.points.map((point) => [point.key, state.readings.get([key, ...index, point.key].join("."))]),
    );
    return { id: [key, ...index].join("."), index, readings };
  });
}

/** A zone exists when its temperature has been received. @param {ReturnType<typeof rowsOf>[0]} row */
export function zoneExists(row) {
  return wasReceived(row.readings.temperature);
}

/** @param {any} schema @param {string} id of a point */
export function pointOf(schema, id) {
  const parts = id.split(".");
  return schema.groups.find((group) => group.key === parts[0])?.points.find((point) => point.key === parts.at(-1));
}

/** The range in which people set a setpoint now: that of the global mode. @param {State} state @param {any} schema */
export function setpointLimits(state, schema) {
  const modes = pointOf(schema, "global.mode")?.options ?? {};
  const mode = modes[state.readings.get("global.mode")?.value] ?? "auto";
  return schema.setpoint_limits[mode] ?? schema.setpoint_limits.auto;
}
