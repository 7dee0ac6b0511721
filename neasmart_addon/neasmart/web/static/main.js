/** Starts the page: texts and schema, then the state as it comes, drawn at most once per frame. */

import { render } from "./vendor/lit-html/lit-html.js";
import { get, setPoint } from "./api.js";
import { UNREACHABLE_AFTER_S } from "./diagnosis.js";
import { createI18n, language, loadTexts, numberLocale, texts } from "./early.js";
import { createEdits } from "./edits.js";
import { createLive } from "./live.js";
import { applyMessage, emptyState, pageClock, rowsOf, takeOwnCommand, zoneExists } from "./state.js";
import { followTheme } from "./theme.js";
import { createTrends } from "./trends.js";
import { alignSelects, pageView, routeOf, showDialog } from "./views/page.js";

const RETRY_MS = 2000;
const TICK_MS = 1000;
const RELOADED_FOR = "neasmart-reloaded-for";

const root = /** @type {HTMLElement} */ (document.getElementById("page"));
const state = emptyState();
const ui = {
  connection: "connecting",
  connectionSince: pageClock(),
  route: routeOf(location.hash),
  showUnused: false,
  dismissed: new Set(),
  search: "",
  allRegisters: false,
  notice: "",
  noticeParameters: {},
  recordFailed: false,
};
let schema = null;
let i18n = null;
let version = null;
let isScheduled = false;

const edits = createEdits({
  put: setPoint,
  onCommand: (command) => takeOwnCommand(state, command, pageClock()),
  onChange: schedule,
  clock: pageClock,
});

const trends = createTrends({ pointsOf: trendPoints, onChange: schedule });

function trendPoints() {
  const rows = rowsOf(state, schema, "zone").filter(zoneExists);
  return rows.slice(0, schema.history.points_limit).map((row) => `${row.id}.temperature`);
}

/** The first card does not wait for the next frame. */
function schedule() {
  if (root.hasAttribute("aria-busy") && state.received && schema && i18n) draw();
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(draw);
}

function draw() {
  isScheduled = false;
  // Until there is something to show the skeleton of index.html stays, unless the gateway keeps the owner waiting.
  const isWaiting = !state.received && pageClock() - ui.connectionSince < UNREACHABLE_AFTER_S;
  if (!i18n || (!schema && state.received) || isWaiting) return;
  const page = { state, schema, i18n, edits, now: pageClock(), ui, update, trends };
  if (root.hasAttribute("aria-busy")) {
    root.removeAttribute("aria-busy");
    root.replaceChildren();
  }
  render(pageView(page), root);
  alignSelects(root);
  showDialog(page);
  if (state.received && schema.history) trends.start();
}

function update(change) {
  Object.assign(ui, change);
  schedule();
}

function onMessage(message) {
  if (message.type === "hello") onVersion(message.version);
  else applyMessage(state, message, pageClock());
  schedule();
}

/** After an update of the gateway this page is the old one; once is enough, whatever the gateway says next. */
function onVersion(told) {
  version ??= told;
  if (told === version || sessionStorage.getItem(RELOADED_FOR) === told) return;
  sessionStorage.setItem(RELOADED_FOR, told);
  location.reload();
}

function onConnection(connection) {
  if (connection === ui.connection) return;
  update({ connection, connectionSince: pageClock() });
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
  addEventListener("hashchange", () => {
    ui.route = routeOf(location.hash);
    schedule();
  });
  setInterval(schedule, TICK_MS);
  persistently(async () => (await texts) ?? loadTexts(language)).then((loaded) => {
    i18n = createI18n(numberLocale(language), loaded);
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
}

start();
