/** Loads a tab, or the sheet of rooms, with its style sheet and its words when it is opened for the first time. */

import { filesAddress } from "./i18n.js";

const RETRY_MS = 5000;
/** @type {Record<string, () => Promise<any[]>>} */
const PARTS = {
  history: () => Promise.all([import("../history/history.js"), styled("history/history.css")]),
  connection: () => Promise.all([import("../connection/connection.js"), styled("connection/connection.css")]),
  sheet: () => Promise.all([import("../sheet/sheet.js"), styled("sheet/sheet.css")]),
};

/** @param {{learn: () => Promise<void>, onLoad: () => void, onFailure: (tab: string) => void}} needs */
export function createLazy({ learn, onLoad, onFailure }) {
  /** @type {Record<string, any>} */
  const views = {};
  /** @type {Set<string>} */
  const asked = new Set();
  let isLearned = false;
  return {
    views,
    /** @param {string} tab */
    async load(tab) {
      const load = PARTS[tab];
      if (!load || asked.has(tab)) return;
      asked.add(tab);
      try {
        const [[module]] = await Promise.all([load(), isLearned || learn()]);
        isLearned = true;
        views[tab] = module;
        onLoad();
      } catch {
        onFailure(tab);
        setTimeout(() => {
          asked.delete(tab);
          onLoad();
        }, RETRY_MS);
      }
    },
  };
}

/** @param {string} path of a style sheet of the page's own */
function styled(path) {
  return new Promise((resolve, reject) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = new URL(path, filesAddress()).href;
    link.addEventListener("load", resolve);
    link.addEventListener("error", reject);
    document.head.append(link);
  });
}
