/** Starts the page: texts and schema, then the state as it comes, drawn at most once per frame. */

import { render } from "./vendor/lit-html/lit-html.js";
import { language, texts } from "./early.js";
import { createActions } from "./core/actions.js";
import { speakAges, tickAges } from "./core/ages.js";
import { get } from "./core/api.js";
import { newestByPoint, takeOwnCommand } from "./core/commands.js";
import { createEdits } from "./core/edits.js";
import { findingsOf, isReachable, UNREACHABLE_AFTER_S } from "./core/findings.js";
import { createI18n, loadTexts, numberLocale, wantsFahrenheit } from "./core/i18n.js";
import { createLazy } from "./core/lazy.js";
import { createLive } from "./core/live.js";
import { anythingReceived, applyMessage, emptyState, isOfBefore, pageClock, pointOf, roomRows, wasReceived } from "./core/model.js";
import { createRouter, routeOf } from "./core/route.js";
import { keepSession } from "./core/session.js";
import { createSight } from "./core/sight.js";
import { followTheme } from "./core/theme.js";
import { createTrends } from "./core/trends.js";
import { firstUi, keep } from "./core/ui.js";
import { fulfil } from "./core/wants.js";
import { isFading, outcomeText, placeName, pointName, valueText } from "./core/words.js";
import { showLayers } from "./layers.js";
import { pageView } from "./page.js";

const RETRY_MS = 2000;
const TICK_MS = 1000;
/** The sheet of a room is there before the first tap, and after the first card. */
const SHEET_AFTER_MS = 800;
/** Every so many times news is drawn where nobody looks, too: a search within the page, a reader aloud. */
const UNSEEN_LOOKS = 10;
const RELOADED_FOR = "neasmart-reloaded-for";

const root = /** @type {HTMLElement} */ (document.getElementById("page"));
const state = emptyState();
const ui = firstUi(routeOf(location.hash), pageClock());
/** @type {import("./types.d.ts").Schema | null} */
let schema = null;
/** @type {import("./types.d.ts").I18n | null} */
let i18n = null;
/** @type {string | null} */
let version = null;
let isScheduled = false;
let hasNews = false;
/** Whether the next drawing is of everything, also of cards that nobody sees. */
let isWhole = true;
let looks = 0;
let sheetTimer = 0;

const sight = createSight(schedule);
const router = createRouter((route) => update({ route, menu: null, question: null, roomFailure: null }));
const actions = createActions({ state, ui, update, page, clock: pageClock, closeRoom: router.closeRoom });
const edits = createEdits({ put: actions.put, onCommand, onFailure, onChange: schedule, clock: pageClock });
const trends = createTrends({ pointsOf: trendPoints, onChange: schedule });
const lazy = createLazy({ learn, onLoad: schedule, onFailure: (tab) => update({ failedTab: tab }) });

/** @returns {import("./types.d.ts").Page} */
function page() {
  const told = /** @type {import("./types.d.ts").Schema} */ (schema);
  const spoken = /** @type {import("./types.d.ts").I18n} */ (i18n);
  const now = pageClock();
  return { state, schema: told, i18n: spoken, edits, now, ui, update, actions, trends, lazy: lazy.views, newest: newestByPoint(state), isDrawn: (id) => isWhole || sight.has(id) };
}

async function learn() {
  i18n?.learn(await loadTexts(language, "later"));
}

function trendPoints() {
  if (!schema?.history) return [];
  const rows = roomRows(state, schema).filter((row) => row.exists);
  return rows.slice(0, schema.history.points_limit).map((row) => `${row.id}.temperature`);
}

/** The first card does not wait for the next frame. */
function schedule() {
  isWhole = true;
  if (root.hasAttribute("aria-busy") && state.received && schema && i18n) draw();
  frame();
}

function frame() {
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(draw);
}

function draw() {
  isScheduled = false;
  hasNews = false;
  // Until there is something to show the skeleton of index.html stays, unless the gateway keeps the owner waiting.
  const isWaiting = !state.received && pageClock() - ui.connectionSince < UNREACHABLE_AFTER_S;
  if (!i18n || (!schema && state.received) || isWaiting) return;
  if (ui.toast && ui.toast.until <= pageClock()) ui.toast = null;
  if (root.hasAttribute("aria-busy")) {
    root.removeAttribute("aria-busy");
    root.replaceChildren();
  }
  const shown = page();
  const held = /** @type {HTMLElement | null} */ (document.activeElement);
  render(pageView(shown), root);
  // What is moved to another place loses the focus; what has gone keeps none.
  if (held?.isConnected && held !== document.activeElement) held.focus({ preventScroll: true });
  showLayers(shown, root);
  isWhole = false;
  if (!state.received) return;
  trends.start();
  if (ui.route.tab !== "rooms") lazy.load(ui.route.tab);
  else if (ui.guide === "first") lazy.load("connection");
  if (ui.route.room) lazy.load("sheet");
  else sheetTimer ||= setTimeout(() => lazy.load("sheet"), SHEET_AFTER_MS);
  fulfil(shown);
}

/** @param {Partial<import("./types.d.ts").Ui>} change */
function update(change) {
  Object.assign(ui, change);
  keep(ui);
  schedule();
}

/** The ages count on by themselves, and news is drawn with them; all else only when it changes by the clock. */
function tick() {
  tickAges(pageClock());
  if (!i18n || !schema) return;
  const shown = page();
  if (isFading(shown) || !isReachable(shown) || !state.received) return schedule();
  if (!hasNews) return fulfil(shown);
  looks += 1;
  if (looks % UNSEEN_LOOKS === 0) isWhole = true;
  frame();
}

/** @param {any} message @param {number} [askedAt] when a snapshot was asked for */
function onMessage(message, askedAt = 0) {
  if (message.type === "hello") return onVersion(message.version);
  const hadRooms = state.status["rooms"];
  const knewNothing = !anythingReceived(state);
  noteTurned(message);
  const ended = applyMessage(state, message, pageClock(), askedAt);
  forgetResolved();
  if (message.type !== "changes" && !anythingReceived(state)) ui.guide = "first";
  // A gateway may answer before its storage is open: then the rooms of before come a moment later.
  else if (knewNothing && ui.guide === "first" && isOfBefore(state)) ui.guide = null;
  if (i18n && schema && ended.length) ui.said = ended.map((command) => outcomeText(page(), command)).join(" ");
  if (message.type !== "changes" || state.status["rooms"] !== hadRooms) actions.loadRooms();
  // Four times a second rooms may report; a look once a second is calmer, and what somebody does is seen at once.
  if (message.type === "changes" && !message.commands.length) hasNews = true;
  else schedule();
}

/** What was put away and has gone is worth a banner when it comes again. */
function forgetResolved() {
  if (!ui.dismissed.size || !i18n || !schema || !isReachable(page())) return;
  const present = new Set(findingsOf(page()).map((each) => each.cause));
  for (const cause of ui.dismissed) if (!present.has(cause)) ui.dismissed.delete(cause);
}

/** A thermostat that is turned shows which room it is; a first value is no turn. @param {any} message */
function noteTurned(message) {
  for (const reading of message.type === "changes" ? (message.readings ?? []) : []) {
    const known = state.readings.get(reading.id);
    const isTarget = schema && pointOf(schema, reading.id)?.part === "target";
    if (isTarget && wasReceived(known) && known.value !== reading.value) ui.turned.add(reading.id.slice(0, reading.id.lastIndexOf(".")));
  }
}

/** @param {any} command */
function onCommand(command) {
  takeOwnCommand(state, command, pageClock());
  const shown = page();
  const parameters = {
    place: placeName(shown, command.point),
    what: pointName(shown, command.point),
    value: valueText(shown, command.point, command.value),
  };
  actions.toast("toast.set", parameters, { commands: [command.id] });
}

/** @param {string} point */
function onFailure(point) {
  const failed = edits.get(point);
  if (failed) actions.toast("toast.not_taken", { place: placeName(page(), point) }, { failed: true });
}

/** After an update of the gateway this page is the old one; once is enough, whatever the gateway says next. @param {string} told */
function onVersion(told) {
  version ??= told;
  if (told === version || sessionStorage.getItem(RELOADED_FOR) === told) return;
  sessionStorage.setItem(RELOADED_FOR, told);
  location.reload();
}

/** @param {import("./types.d.ts").Connection} connection */
function onConnection(connection) {
  if (connection === ui.connection) return;
  const wasGone = ["cut_off", "gateway_down"].includes(ui.connection);
  const isGone = ["cut_off", "gateway_down"].includes(connection);
  update(wasGone && isGone ? { connection } : { connection, connectionSince: pageClock() });
}

/** @template T @param {() => Promise<T>} task @returns {Promise<T>} */
async function persistently(task) {
  for (;;) {
    try {
      return await task();
    } catch {
      schedule();
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

function start() {
  document.documentElement.lang = language;
  followTheme();
  setInterval(tick, TICK_MS);
  persistently(async () => (await texts) ?? loadTexts(language)).then((loaded) => {
    i18n = createI18n(numberLocale(language), loaded, { fahrenheit: wantsFahrenheit() });
    speakAges(i18n.age);
    schedule();
  });
  persistently(() => get("api/v1/schema")).then((table) => {
    schema = table;
    schedule();
  });
  // Sooner than the socket, and all there is where sockets do not get through. The index has asked for it already.
  get("api/v1/snapshot").then((message) => {
    if (!state.received) onMessage(message);
  }, schedule);
  createLive({ onMessage, onConnection }).start();
  keepSession();
}

start();
