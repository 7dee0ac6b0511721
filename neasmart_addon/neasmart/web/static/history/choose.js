/** The choice of what the chart shows: search, all temperatures at once, and the points of each place. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { icons } from "../parts/icons.js";

/**
 * @typedef {import("../types.d.ts").Page} Page
 * @typedef {import("../core/chosen.js").Choice} Choice
 */

/** @param {Page} page @param {import("../core/chosen.js").Place[]} places @param {string[]} points @param {number} most */
export function chooser(page, places, points, most) {
  const { t } = page.i18n;
  const { search } = page.ui.history;
  const known = new Map(places.flatMap((place) => place.points.map((point) => [point.id, point])));
  const set = (/** @type {string[]} */ chosen) => page.actions.history({ points: chosen });
  const toggle = (/** @type {string} */ id) => set(points.includes(id) ? points.filter((each) => each !== id) : [...points, id]);
  const temperatures = [...known.values()].filter((point) => point.ofRoom).map((point) => point.id);
  const words = search.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const found = places
    .map((place) => ({ ...place, points: place.points.filter((point) => words.every((word) => point.title.toLocaleLowerCase().includes(word))) }))
    .filter((place) => place.points.length);
  return html`<section class="chooser" aria-labelledby="chooser">
    <h3 id="chooser">${t("history.choose", { count: points.length, most })}</h3>
    <div class="tools">
      <label class="search">${icons.search}<span class="aside">${t("history.search")}</span>
        <input type="search" placeholder=${t("history.search")} .value=${search}
          @input=${(/** @type {Event} */ event) => page.actions.history({ search: /** @type {HTMLInputElement} */ (event.target).value })} />
      </label>
      <button type="button" class="outlined" @click=${() => set(temperatures.slice(0, most))}>${t("history.all_temperatures")}</button>
      ${points.length ? html`<button type="button" class="outlined" @click=${() => set([])}>${t("history.clear")}</button>` : nothing}
    </div>
    <div class="places">
      ${repeat(
        found,
        (place) => place.id,
        (place) => html`<details ?open=${words.length > 0}>
          <summary dir="auto">${place.name}</summary>
          <ul role="list">
            ${repeat(
              place.points,
              (point) => point.id,
              (point) => html`<li><label class="check"><input type="checkbox" .checked=${points.includes(point.id)}
                ?disabled=${!points.includes(point.id) && points.length >= most} @change=${() => toggle(point.id)} /><span>${point.name}</span></label></li>`,
            )}
          </ul>
        </details>`,
      )}
    </div>
    ${found.length ? nothing : html`<p class="note">${t("history.not_found")}</p>`}
  </section>`;
}
