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
  outside: drawn("M14 13.5V6a2 2 0 0 0-4 0v7.5a4 4 0 1 0 4 0zM12 9.5v7M17 6h2.5M17 9.5h2.5"),
  upload: drawn("M12 19V6M6.5 11.5L12 6l5.5 5.5"),
  download: drawn("M12 4v11M6.5 9.5L12 15l5.5-5.5M5 20h14"),
  refresh: drawn("M19.5 12a7.5 7.5 0 1 1-2.4-5.5M19.5 3.5v4h-4"),
};
