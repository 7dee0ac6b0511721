/** The guide from a dongle or converter to rooms with names: wires, adapter, what the line says, the rooms. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { busFinding } from "../core/findings.js";
import { ageOf } from "../core/model.js";
import { floorOf, isNamed, numberOf, roomName, roomsOf } from "../core/rooms.js";
import { addressOfRoom } from "../core/route.js";
import { banner } from "../parts/banner.js";
import { icons } from "../parts/icons.js";
import { adapters } from "./adapters.js";
import { wires } from "./drawings.js";

/** A room whose setpoint was told this recently was just turned. */
const TURNED_S = 12;

/** @typedef {import("../types.d.ts").Page} Page */

/** @param {Page} page */
export function guide(page) {
  const { t } = page.i18n;
  const { connected } = page.state.status["link"] ?? {};
  const rooms = roomsOf(page).filter((row) => row.exists);
  const step = (/** @type {number} */ number, /** @type {string} */ name, /** @type {unknown} */ content, /** @type {boolean} */ isDone) => html`<section
    class="panel step ${isDone ? "done" : ""}" aria-labelledby="step-${number}">
    <h3 id="step-${number}"><span class="number" aria-hidden="true">${isDone ? icons.check : number}</span>${t(`guide.${name}`)}${isDone ? html`<span class="aside">${t("guide.done")}</span>` : nothing}</h3>
    ${content}
  </section>`;
  const hasBytes = (page.state.status["bus"]?.counters?.bytes_received ?? 0) > 0;
  return html`<div class="guide">
    ${step(1, "wires", html`<p>${t("guide.wires_why")}</p>${drawings(page)}<p class="caption">${t("guide.baud")}</p>`, hasBytes)}
    ${step(2, "adapter", adapters(page), Boolean(connected) && !page.ui.setup?.listening)} ${step(3, "line", line(page), rooms.length > 0)}
    ${step(4, "rooms", named(page, rooms), rooms.length > 0 && rooms.every((row) => isNamed(page, row.index)))}
  </div>`;
}

/** @param {Page} page */
function drawings(page) {
  const { t } = page.i18n;
  const base = t("guide.base");
  return html`<div class="drawings">
    <figure>${wires({ base, adapter: t("guide.dongle"), ends: ["A / D+", "B / D−", "GND"], swapped: false, label: t("guide.drawing", { adapter: t("guide.dongle"), one: "A", two: "B" }) })}</figure>
    <figure>${wires({ base, adapter: t("guide.converter"), ends: ["485A", "485B", "GND"], swapped: false, label: t("guide.drawing", { adapter: t("guide.converter"), one: "485A", two: "485B" }) })}</figure>
  </div>`;
}

/** What comes on this link, live; nothing is sent while one looks. @param {Page} page */
function line(page) {
  const { t, count } = page.i18n;
  const seen = page.state.status["bus"]?.counters ?? {};
  const before = page.ui.setup?.counted_before ?? {};
  const fresh = (/** @type {string} */ name) => Math.max(0, (seen[name] ?? 0) - (before[name] ?? 0));
  const polled = Object.keys(seen.polls_by_unit ?? {}).filter((id) => seen.polls_by_unit[id] > (before.polls_by_unit?.[id] ?? 0));
  const meter = (/** @type {string} */ name, /** @type {string} */ value) => html`<div><dt>${t(`guide.${name}`)}</dt><dd>${value}</dd></div>`;
  const isSwapped = page.state.status["doctor"]?.code === "noise.swapped";
  return html`<p>${t("guide.line_why")}</p>
    ${page.ui.setup?.listening ? banner(page, busFinding(page)) : nothing}
    <dl class="meters">
      ${meter("bytes", count(fresh("bytes_received")))} ${meter("frames", count(fresh("frames")))}
      ${meter("unit_ids", polled.length ? polled.join(", ") : t("value.unknown"))} ${meter("polls", count(fresh("polls")))}
    </dl>
    ${isSwapped
      ? html`<figure>${wires({ base: t("guide.base"), adapter: t("guide.dongle"), ends: ["A / D+", "B / D−", "GND"], swapped: true, label: t("find.noise.swapped") })}</figure>`
      : nothing}`;
}

/** @param {Page} page @param {import("../types.d.ts").Row[]} rooms */
function named(page, rooms) {
  const { t, count } = page.i18n;
  if (!rooms.length) return html`<p>${t("guide.no_rooms")}</p>`;
  const { listening } = page.ui.setup ?? {};
  const floors = [...new Set(rooms.map((row) => floorOf(page, row.index)).filter(Boolean))];
  return html`<p>${rooms.length === 1 ? t("guide.one_room_why") : t("guide.rooms_why", { count: count(rooms.length) })}</p>
    <ul class="found" role="list">${repeat(rooms, (row) => row.id, (row) => found(page, row))}</ul>
    <datalist id="guide-floors">${floors.map((floor) => html`<option value=${floor}></option>`)}</datalist>
    ${page.ui.roomFailure ? html`<p class="failure" role="alert">${t("room.not_saved", { why: page.ui.roomFailure })}</p>` : nothing}
    ${listening
      ? html`<p class="note">${t("guide.only_listening")} <button type="button" class="filled" @click=${() => page.actions.applySetup(choiceOf(listening))}>${t("guide.keep")}</button></p>`
      : html`<p><a class="filled" href="#rooms" @click=${page.actions.leaveGuide}>${t("guide.finish")}</a></p>`}`;
}

/** @param {any} link */
const choiceOf = ({ device, url }) => (device ? { device } : url ? { url } : { listen: true });

/** One room with its name and floor; the one whose thermostat is turned lights up. @param {Page} page @param {import("../types.d.ts").Row} row */
function found(page, row) {
  const { t, temperature } = page.i18n;
  const [base = 0, zone = 0] = row.index;
  const age_s = ageOf(row.readings["setpoint"], page.now);
  const isTurned = page.ui.turned.has(row.id) && age_s !== null && age_s < TURNED_S;
  const field = (/** @type {"name" | "floor"} */ key, /** @type {string} */ value) => html`<label><span class="aside">${t(`guide.${key}_of`, { base, zone })}</span><input
    maxlength="60" autocomplete="off" list=${key === "floor" ? "guide-floors" : nothing} placeholder=${t(`guide.${key}_it`)} .value=${value}
    @change=${(/** @type {Event} */ event) => page.actions.saveRooms([{ base_id: base, zone_id: zone, [key]: /** @type {HTMLInputElement} */ (event.target).value.trim() }])} /></label>`;
  return html`<li class=${isTurned ? "turned" : ""}>
    <span class="place">${t("room.place", { base, zone })} · ${temperature(numberOf(row.readings["temperature"]?.value))}${isTurned ? html` · <b>${t("guide.turned")}</b>` : nothing}</span>
    ${page.state.rooms
      ? html`${field("name", isNamed(page, row.index) ? roomName(page, row.index) : "")}${field("floor", floorOf(page, row.index))}`
      : html`<a href=${addressOfRoom(row.index)} dir="auto">${roomName(page, row.index)}</a>`}
  </li>`;
}
