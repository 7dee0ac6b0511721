/** Rooms as lines of a compact list, for houses with many. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { isAlive, restReason } from "../core/findings.js";
import { wasReceived } from "../core/model.js";
import { activityOf, numberOf, roomName } from "../core/rooms.js";
import { addressOfRoom } from "../core/route.js";
import { fateOf } from "../core/words.js";
import { stepper } from "../parts/stepper.js";
import { secondLine, stateButton } from "./card.js";

/**
 * @typedef {import("../types.d.ts").Page} Page
 * @typedef {import("../types.d.ts").Row} Row
 */

/** @param {Page} page @param {Row[]} rows */
export function roomList(page, rows) {
  return html`<ul class="room-list" role="list">${repeat(rows, (row) => row.id, (row) => line(page, row))}</ul>`;
}

/** @param {Page} page @param {Row} row */
function line(page, row) {
  const { degrees, t } = page.i18n;
  const { temperature } = row.readings;
  const name = roomName(page, row.index);
  const fate = fateOf(page, [`${row.id}.setpoint`, `${row.id}.state`]);
  const stale = wasReceived(temperature) && temperature.stale;
  const { tint, arrow } = isAlive(page) ? activityOf(page, row) : { tint: "", arrow: "" };
  const actual = numberOf(temperature?.value);
  return html`<li class="${tint} ${stale ? "old" : ""}" data-zone=${row.id}>
    ${stateButton(page, row, name, fate?.kind === "busy")}
    <div class="who">
      <h3><a class="whole" href=${addressOfRoom(row.index)} dir="auto" title=${name}>${name}</a></h3>
      ${secondLine(page, row, fate, stale)}
    </div>
    <span class="now"><span class="aside">${t("room.actual")}</span><span class="arrow" aria-hidden="true">${arrow}</span>${degrees(actual)}${actual === null ? nothing : "°"}</span>
    ${stepper(page, `${row.id}.setpoint`, name, restReason(page) !== null)}
  </li>`;
}
