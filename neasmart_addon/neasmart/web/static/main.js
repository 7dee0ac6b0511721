/** Starts the page: texts and schema, then the state as it comes, drawn at most once per frame. */

import { render } from "./vendor/lit-html/lit-html.js";
import { get, setPoint } from "./api.js";
import { createEdits } from "./edits.js";
import { chooseLanguage, createI18n, loadTexts, wantedLanguages } from "./i18n.js";
import { createLive } from "./live.js";
import { applyMessage, emptyState, pageClock, takeOwnCommand } from "./state.js";
import { followTheme } from "./theme.js";
import { pageView, routeOf } from "./views/page.js";
import { showZoneDialog } from "./views/zone.js";

const RETRY_MS = 2000;
const TICK_MS = 1000;
const RELOADED_FOR = "neasmart-reloaded-for";
/** Views that few people open are loaded when they are. */
const LATE_VIEWS = { bus: () => import("./views/bus.js").then((module) => module.busView) };

const language = chooseLanguage(wantedLanguages());
const root = /** @type {HTMLElement} */ (document.getElementById("page"));
const state = emptyState();
const lateViews = {};
const ui = {
  connection: "connecting",
  connectionSince: pageClock(),
  route: routeOf(location.hash),
  showUnused: false,
  dismissed: new Set(),
  search: "",
  allRegisters: false,
  notice: "",
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

function schedule() {
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(draw);
}

function draw() {
  isScheduled = false;
  if (!i18n) return;
  const page = { state, schema, i18n, edits, now: pageClock(), ui, update, lateViews };
  if (root.hasAttribute("aria-busy")) {
    root.removeAttribute("aria-busy");
    root.replaceChildren();
  }
  render(pageView(page), root);
  showZoneDialog(page);
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
  const mine = version ?? schema.version;
  version = mine;
  if (told === mine || sessionStorage.getItem(RELOADED_FOR) === told) return;
  sessionStorage.setItem(RELOADED_FOR, told);
  location.reload();
}

function onConnection(connection) {
  if (connection === ui.connection) return;
  update({ connection, connectionSince: pageClock() });
}

async function openLateView() {
  const { tab } = ui.route;
  if (!(tab in LATE_VIEWS) || tab in lateViews) return;
  lateViews[tab] = await persistently(LATE_VIEWS[tab]);
  schedule();
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
    openLateView();
    schedule();
  });
  setInterval(schedule, TICK_MS);
  const texts = persistently(() => loadTexts(language)).then((loaded) => {
    i18n = createI18n(language, loaded);
    schedule();
  });
  const table = persistently(() => get("api/v1/schema")).then((loaded) => {
    schema = loaded;
  });
  openLateView();
  Promise.all([texts, table]).then(() => createLive({ onMessage, onConnection }).start());
}

start();
