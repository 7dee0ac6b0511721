/** The first view: the house as a whole, then every room at a glance, floor by floor. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { arranged, averageOf, isNamed, MANY_ROOMS, roomsOf } from "../core/rooms.js";
import { card } from "./card.js";
import { equipment } from "./equipment.js";
import { houseBar } from "./house.js";
import { roomList } from "./list.js";
import { tools } from "./tools.js";

/** @typedef {import("../types.d.ts").Page} Page */

/** @param {Page} page */
export function roomsView(page) {
  if (page.ui.guide === "first") {
    return page.lazy["connection"]?.firstRun?.(page) ?? html`<div class="skeleton wide"></div>`;
  }
  const { t } = page.i18n;
  const rooms = roomsOf(page);
  const many = rooms.length >= MANY_ROOMS;
  const groups = arranged(page, rooms);
  const unnamed = rooms.some((row) => row.exists && !isNamed(page, row.index));
  return html`
    ${houseBar(page)} ${many ? tools(page) : nothing}
    ${groups.map((group) => floor(page, group, groups.length > 1 || group.floor !== "", many && page.ui.compact))}
    ${rooms.length ? nothing : html`<p class="note">${t("rooms.none")}</p>`}
    ${rooms.length && !groups.some((group) => group.rows.length) ? html`<p class="note">${t("rooms.not_found")}</p>` : nothing}
    ${unnamed ? html`<p class="note">${t("rooms.unnamed")}</p>` : nothing} ${equipment(page)}
    <p class="foot">
      <button type="button" class="plain" aria-pressed=${page.ui.showUnused ? "true" : "false"}
        @click=${() => page.update({ showUnused: !page.ui.showUnused })}>${t(page.ui.showUnused ? "rooms.hide_unused" : "rooms.show_unused")}</button>
    </p>
  `;
}

/** @param {Page} page @param {{floor: string, rows: import("../types.d.ts").Row[]}} group @param {boolean} isHeaded @param {boolean} isCompact */
function floor(page, { floor: name, rows }, isHeaded, isCompact) {
  const { t, temperature } = page.i18n;
  const title = name || t("rooms.elsewhere");
  const average = averageOf(rows);
  return html`<section class="floor" aria-label=${isHeaded ? title : t("tab.rooms")}>
    ${isHeaded
      ? html`<h2><span dir="auto">${title}</span>${average === null ? nothing : html`<span>${t("rooms.average", { value: temperature(average) })}</span>`}</h2>`
      : nothing}
    ${isCompact
      ? roomList(page, rows)
      : html`<div class="cards">${repeat(rows, (row) => row.id, (row) => card(page, row))}</div>`}
  </section>`;
}
