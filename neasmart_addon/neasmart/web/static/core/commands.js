/** What the page knows of commands: which are on their way, and how they have ended. */

/**
 * @typedef {import("../types.d.ts").State} State
 * @typedef {import("../types.d.ts").Command} Command
 */

const KEPT = 200;
const LIVE = ["queued", "delivered"];

/**
 * Takes the commands of a snapshot or of changes.
 * @param {State} state @param {any} message @param {number} now @param {number} askedAt when a snapshot was asked for
 * @returns {Command[]} those that have ended with this message
 */
export function takeCommands(state, message, now, askedAt) {
  /** @type {Command[]} */
  const told = message.commands ?? [];
  const ended = told.filter((command) => takeCommand(state, command, now));
  if (message.type !== "changes") ended.push(...forgotten(state, told, now, askedAt));
  if (state.commands.size > KEPT) {
    state.commands = new Map(newestFirst(state).slice(0, KEPT / 2).map((command) => [command.id, command]));
  }
  return ended;
}

/**
 * Ends what was on its way and is not in a snapshot: a gateway that was started anew knows nothing of it. Where older
 * ones are told of it would be among them, unless it has ended so long ago that nothing can be said of it. What was given
 * since the snapshot was asked for cannot be in it.
 * @param {State} state @param {Command[]} told @param {number} now @param {number} askedAt
 */
function forgotten(state, told, now, askedAt) {
  const known = new Set(told.map((command) => command.id));
  const lost = [...state.commands.values()].filter((command) => isLive(command) && command.takenAt < askedAt && !known.has(command.id));
  return lost.flatMap((command) => {
    state.commands.delete(command.id);
    if (told.length && !told.some((each) => each.queued_at < command.queued_at)) return [];
    const ended = { ...command, state: /** @type {const} */ ("expired"), reason_code: "restarted", endSeenAt: now };
    state.commands.set(command.id, ended);
    return [ended];
  });
}

/**
 * Takes a command unless something newer is known of it; the answer to a PUT may come after the end was told.
 * @param {State} state @param {Command} command @param {number} now
 * @returns {boolean} whether it has just ended
 */
function takeCommand(state, command, now) {
  const known = state.commands.get(command.id);
  if (known && progressOf(known) > progressOf(command)) return false;
  const endedNow = known !== undefined && isLive(known) && !isLive(command);
  state.commands.set(command.id, { ...command, takenAt: known?.takenAt ?? now, endSeenAt: endedNow ? now : (known?.endSeenAt ?? null) });
  return endedNow;
}

/**
 * Takes the answer to a PUT: the command is pending until the gateway tells more.
 * @param {State} state @param {Command} command @param {number} now
 */
export function takeOwnCommand(state, command, now) {
  takeCommand(state, command, now);
  const reading = state.readings.get(command.point);
  const known = state.commands.get(command.id);
  if (reading && known && isLive(known)) state.readings.set(command.point, { ...reading, pending: command });
}

/** @param {Command} command */
function progressOf(command) {
  const at = LIVE.indexOf(command.state);
  return at < 0 ? LIVE.length : at;
}

/** @param {Command} command */
export function isLive(command) {
  return LIVE.includes(command.state);
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

/** The newest command of each point. @param {State} state */
export function newestByPoint(state) {
  /** @type {Map<string, Command>} */
  const newest = new Map();
  for (const command of state.commands.values()) {
    const known = newest.get(command.point);
    if (!known || known.queued_at < command.queued_at) newest.set(command.point, command);
  }
  return newest;
}
