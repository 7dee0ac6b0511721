/** What the owner calls a room and where it is shown: name, floor, order, hidden, forgotten. Edited in place. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { recordOf, roomName, roomsOf } from "../core/rooms.js";
import { icons } from "../parts/icons.js";

/**
 * @typedef {import("../types.d.ts").Page} Page
 * @typedef {import("../types.d.ts").Row} Row
 * @typedef {import("../types.d.ts").Room} Room
 */

const LONGEST = 60;

/** @param {Page} page @param {Row} row */
export function roomForm(page, row) {
  const { t } = page.i18n;
  const [base = 0, zone = 0] = row.index;
  if (!page.state.rooms) return html`<p class="note">${t("room.place", { base, zone })}</p>`;
  const record = recordOf(page, row.index) ?? freshRecord(page, row);
  const floors = [...new Set([...page.state.rooms.values()].map((each) => each.floor).filter(Boolean))];
  const save = (/** @type {Partial<Room>} */ change) => page.actions.saveRooms([{ base_id: base, zone_id: zone, ...change }]);
  const onSubmit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const fields = new FormData(/** @type {HTMLFormElement} */ (event.target));
    save({ name: String(fields.get("name")).trim(), floor: String(fields.get("floor")).trim() });
  };
  const onForget = () =>
    page.update({
      question: {
        title: "ask.forget",
        text: "ask.forget_why",
        yes: "ask.forget_yes",
        parameters: { name: roomName(page, row.index) },
        onYes: () => page.actions.forget(row.index),
      },
    });
  return html`<section class="mine" aria-label=${t("room.mine")}>
    <h3>${t("room.mine")}</h3>
    <form @submit=${onSubmit}>
      <label><span>${t("room.name")}</span><input name="name" maxlength=${LONGEST} autocomplete="off" .value=${record.name || (page.state.names.get(row.index.join(".")) ?? "")} /></label>
      <label><span>${t("room.floor")}</span><input name="floor" maxlength=${LONGEST} autocomplete="off" list="floors" .value=${record.floor} /></label>
      <datalist id="floors">${floors.map((floor) => html`<option value=${floor}></option>`)}</datalist>
      <button class="filled">${t("action.save")}</button>
    </form>
    ${page.ui.roomFailure ? html`<p class="failure" role="alert">${t("room.not_saved", { why: page.ui.roomFailure })}</p>` : nothing}
    <p class="more">
      <button type="button" class="plain" @click=${() => move(page, row, -1)}>${icons.up}${t("room.earlier")}</button>
      <button type="button" class="plain" @click=${() => move(page, row, 1)}>${icons.down}${t("room.later")}</button>
      <button type="button" class="plain" aria-pressed=${record.hidden ? "true" : "false"} @click=${() => save({ hidden: !record.hidden })}>${t(record.hidden ? "room.show" : "room.hide")}</button>
      ${record.in_home_assistant === false
        ? html`<button type="button" class="plain" @click=${() => save({ in_home_assistant: true })}>${t("room.in_home_assistant")}</button>`
        : nothing}
      <button type="button" class="plain danger" @click=${onForget}>${t("room.forget")}</button>
    </p>
    <p class="note">${t("room.place", { base, zone })}</p>
  </section>`;
}

/** @param {Page} page @param {Row} row @returns {Room} */
function freshRecord(page, row) {
  const [base_id = 0, zone_id = 0] = row.index;
  return { base_id, zone_id, name: page.state.names.get(row.index.join(".")) ?? "", floor: "", position: null, hidden: false };
}

/** Exchanges a room with its neighbour of the same floor; positions are counted anew. @param {Page} page @param {Row} row @param {-1 | 1} by */
function move(page, row, by) {
  const rooms = roomsOf(page).map((each) => recordOf(page, each.index) ?? freshRecord(page, each));
  const floor = recordOf(page, row.index)?.floor ?? "";
  const at = rooms.findIndex((each) => each.base_id === row.index[0] && each.zone_id === row.index[1]);
  let to = at + by;
  while (rooms[to] && rooms[to]?.floor !== floor) to += by;
  const mine = rooms[at];
  if (!rooms[to] || !mine) return;
  rooms.splice(at, 1);
  rooms.splice(to, 0, mine);
  page.actions.saveRooms(rooms.map(({ base_id, zone_id }, place) => ({ base_id, zone_id, position: place + 1 })));
}
