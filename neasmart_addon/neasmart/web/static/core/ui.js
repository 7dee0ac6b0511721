/** What the owner looks at, apart from what the gateway tells; a few choices are kept by the browser. */

/** @typedef {import("../types.d.ts").Ui} Ui */

const KEPT_AS = "neasmart-view";
/** A reload finds the guide as it was; a new visit does not. */
const GUIDE_KEPT_AS = "neasmart-guide";

/** @param {import("../types.d.ts").Route} route @param {number} now @returns {Ui} */
export function firstUi(route, now) {
  const kept = read();
  return {
    connection: "connecting",
    connectionSince: now,
    route,
    showUnused: false,
    search: "",
    order: kept["order"] ?? "floor",
    compact: kept["compact"] === "yes",
    dismissed: new Set(),
    toast: null,
    question: null,
    menu: null,
    said: "",
    failedTab: null,
    history: { points: null, span: "day", zoom: null, search: "", answer: null, key: "", at: -Infinity, busy: false, failure: null },
    turned: new Set(),
    day: null,
    registers: { search: "", all: false, open: false },
    notice: null,
    recordFailed: false,
    newKey: null,
    roomFailure: null,
    setup: undefined,
    guide: guideAsLeft(),
    setupFailure: null,
  };
}

let last = "";

/** @param {Ui} ui */
export function keep(ui) {
  keepGuide(ui.guide);
  const text = JSON.stringify({ order: ui.order, compact: ui.compact ? "yes" : "no" });
  if (text === last) return;
  last = text;
  try {
    localStorage.setItem(KEPT_AS, text);
  } catch {
    // A browser that keeps nothing shows the page all the same.
  }
}

/** @returns {Record<string, string>} */
function read() {
  try {
    return JSON.parse(localStorage.getItem(KEPT_AS) ?? "{}");
  } catch {
    return {};
  }
}

/** @param {Ui["guide"]} guide */
function keepGuide(guide) {
  try {
    if ((guide ?? "") !== (sessionStorage.getItem(GUIDE_KEPT_AS) ?? "")) sessionStorage.setItem(GUIDE_KEPT_AS, guide ?? "");
  } catch {
    // As above.
  }
}

/** @returns {Ui["guide"]} */
function guideAsLeft() {
  try {
    const kept = sessionStorage.getItem(GUIDE_KEPT_AS);
    return kept === "first" || kept === "asked" ? kept : null;
  } catch {
    return null;
  }
}
