/** Line icons, drawn on a 24 by 24 grid; decoration only, words stand beside them. */

import { html, svg } from "./vendor/lit-html/lit-html.js";

const drawn = (outline) =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${svg`<path d=${outline}></path>`}</svg>`;

export const icons = {
  minus: drawn("M5 12h14"),
  plus: drawn("M5 12h14M12 5v14"),
  close: drawn("M6 6l12 12M18 6L6 18"),
  check: drawn("M5 12.5l4.5 4.5L19 7.5"),
  chevron: drawn("M7 10l5 5 5-5"),
  drop: drawn("M12 3.5c3.2 4 5.2 6.7 5.2 9.7a5.2 5.2 0 0 1-10.4 0c0-3 2-5.7 5.2-9.7z"),
  clock: drawn("M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.5l3 1.8"),
  alert: drawn("M12 4.5L2.8 20h18.4zM12 10v4.5M12 17.3v.2"),
  info: drawn("M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 11v5.5M12 7.6v.2"),
  outside: drawn("M7.5 18.5a4 4 0 0 1-.6-7.9 5.3 5.3 0 0 1 10.2-1 4.5 4.5 0 0 1-.3 8.9z"),
  normal: drawn("M14 13.5V6a2 2 0 0 0-4 0v7.5a4 4 0 1 0 4 0zM12 9.5v7"),
  reduced: drawn("M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z"),
  standby: drawn("M12 4v8M7.5 6.7a7.5 7.5 0 1 0 9 0"),
  time_program: drawn("M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.5l3 1.8"),
  party: drawn("M12 3.5l2.2 6.3 6.3 2.2-6.3 2.2L12 20.5l-2.2-6.3L3.5 12l6.3-2.2z"),
  holiday: drawn("M4 8.5h16v11H4zM9 8.5V5h6v3.5M8 12.5v3M16 12.5v3"),
  download: drawn("M12 4v11M6.5 9.5L12 15l5.5-5.5M5 20h14"),
  refresh: drawn("M19.5 12a7.5 7.5 0 1 1-2.4-5.5M19.5 3.5v4h-4"),
};
