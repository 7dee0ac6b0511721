/** Search, order and compactness, where there are too many rooms for one look. */

import { html } from "../vendor/lit-html/lit-html.js";
import { icons } from "../parts/icons.js";

const ORDERS = ["floor", "name", "coldest", "furthest"];

/** @param {import("../types.d.ts").Page} page */
export function tools(page) {
  const { t } = page.i18n;
  const { search, order, compact } = page.ui;
  const onSearch = (/** @type {Event} */ event) => page.update({ search: /** @type {HTMLInputElement} */ (event.target).value });
  const onOrder = (/** @type {Event} */ event) => page.update({ order: /** @type {HTMLSelectElement} */ (event.target).value });
  return html`<div class="tools">
    <label class="search">${icons.search}<span class="aside">${t("rooms.search")}</span>
      <input type="search" placeholder=${t("rooms.search")} .value=${search} @input=${onSearch} />
    </label>
    <label class="order"><span class="aside">${t("rooms.order")}</span>
      <select @change=${onOrder}>
        ${ORDERS.map((each) => html`<option value=${each} ?selected=${each === order}>${t(`rooms.order.${each}`)}</option>`)}
      </select>${icons.down}
    </label>
    <button type="button" class="round" aria-pressed=${compact ? "true" : "false"} aria-label=${t("rooms.compact")} title=${t("rooms.compact")}
      @click=${() => page.update({ compact: !compact })}>${compact ? icons.cards : icons.list}</button>
  </div>`;
}
