/** Icons on a grid of 24 by 24: decoration only, words stand beside them. */

import { html, svg } from "../vendor/lit-html/lit-html.js";

/** @param {string} outline */
const drawn = (outline) =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${svg`<path d=${outline}></path>`}</svg>`;

const CLOCK = "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 7.5V12l3 2";
const FLAME = "M12 21a6 6 0 0 0 6-6c0-4-4-6-4-11.5-4 2-8 6.5-8 11.5a6 6 0 0 0 6 6z";
const FLAKE = "M12 3v18M4.2 7.5l15.6 9M19.8 7.5l-15.6 9";
const HAND = "M17.5 20.5h5M20 18v5";
const SMALL_FLAME = "M10 19.5a5 5 0 0 0 5-5c0-3.3-3.3-5-3.3-9.5-3.3 1.6-6.7 5.3-6.7 9.5a5 5 0 0 0 5 5z";
const SMALL_FLAKE = "M10 4v14M4 7.5l12 7M16 7.5l-12 7";

export const icons = {
  minus: drawn("M6 12h12"),
  plus: drawn("M6 12h12M12 6v12"),
  close: drawn("M6 6l12 12M18 6L6 18"),
  check: drawn("M5 12.5l4.5 4.5L19 7.5"),
  back: drawn("M15 5l-7 7 7 7"),
  forward: drawn("M9 5l7 7-7 7"),
  up: drawn("M6 15l6-6 6 6"),
  down: drawn("M6 9l6 6 6-6"),
  drop: drawn("M12 3.5c3.2 4 5.2 6.7 5.2 9.7a5.2 5.2 0 0 1-10.4 0c0-3 2-5.7 5.2-9.7z"),
  alert: drawn("M12 4.5L2.8 20h18.4zM12 10v4.5M12 17.3v.2"),
  info: drawn("M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 11v5.5M12 7.6v.2"),
  search: drawn("M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L20 20"),
  cards: drawn("M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z"),
  list: drawn("M4 6.5h16M4 12h16M4 17.5h16"),
  download: drawn("M12 4v11M6.5 9.5L12 15l5.5-5.5M5 20h14"),
  refresh: drawn("M19.5 12a7.5 7.5 0 1 1-2.4-5.5M19.5 3.5v4h-4"),
  rooms: drawn("M4 11l8-7 8 7v9H4zM10 20v-5h4v5"),
  history: drawn("M4 5v15h16M8 15l3.5-5 3 3L19 7"),
  connection: drawn("M8 4v5M16 4v5M6 9h12v3a6 6 0 0 1-12 0zM12 18v3"),
  usb: drawn("M8 9h8v11H8zM9.5 9V4h5v5M11 6.5h.1M13 6.5h.1"),
  network: drawn("M4 14h16v6H4zM8 17h.1M12 17h.1M12 14V9M8 9a5.5 5.5 0 0 1 8 0M5.5 6.5a9 9 0 0 1 13 0"),
  normal: drawn(
    "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6l1.4 1.4M17 17l1.4 1.4M5.6 18.4L7 17M17 7l1.4-1.4",
  ),
  reduced: drawn("M20 14.5A8 8 0 0 1 9.5 4a8 8 0 1 0 10.5 10.5z"),
  standby: drawn("M12 4v8M7 6.5a8 8 0 1 0 10 0"),
  time_program: drawn(CLOCK),
  party: drawn("M5 19l4-11 7 7zM14 4v3M20 10h-3M18.5 4.5l-2.5 2.5"),
  holiday: drawn("M4 8.5h16v11H4zM9 8.5V5h6v3.5M8 12.5v3M16 12.5v3"),
  auto: drawn("M4 12a8 8 0 0 1 13.7-5.7L20 8.5M20 4v4.5h-4.5M20 12a8 8 0 0 1-13.7 5.7L4 15.5M4 20v-4.5h4.5"),
  heating: drawn(FLAME),
  cooling: drawn(FLAKE),
  manual_heating: drawn(`${SMALL_FLAME}${HAND}`),
  manual_cooling: drawn(`${SMALL_FLAKE}${HAND}`),
};

/** @param {string} name of a tab, or of a state or mode as the API has it */
export function iconOf(name) {
  return /** @type {Record<string, unknown>} */ (icons)[name] ?? icons.info;
}
