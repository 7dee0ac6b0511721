/** States over time as bands of colour with their words in them; a gap stays empty. */

import { html, nothing, svg } from "../vendor/lit-html/lit-html.js";
import { icons } from "../parts/icons.js";

/**
 * @typedef {import("../types.d.ts").Page} Page
 * @typedef {import("../types.d.ts").Plot} Plot
 */

const WIDTH = 1000;
/** A band that is narrower than this many thousandths has no room for a word; its title and the list tell it. */
const WORD_WIDTH = 90;
const SHORTEST_S = 1;

/** @param {Page} page @param {Plot} plot @param {(id: string) => void} onDrop */
export function bands(page, plot, onDrop) {
  if (!plot.bands.length) return nothing;
  const { clock, t } = page.i18n;
  return html`<div class="bands">
    ${plot.bands.map((band) => {
      const parts = partsOf(band.points, plot);
      return html`<figure>
        <figcaption><button type="button" class="chip" title=${t("history.drop", { name: band.name })} @click=${() => onDrop(band.id)}>
          <span dir="auto">${band.name}</span>${icons.close}</button></figcaption>
        <div class="band">
          <svg viewBox="0 0 ${WIDTH} 10" preserveAspectRatio="none" aria-hidden="true">
            ${parts.map((part) => svg`<rect class="kind-${band.kind(part.value)}" x=${part.x.toFixed(1)} y="0" width=${Math.max(1, part.width).toFixed(1)} height="10"><title>${band.text(part.value)}, ${clock(part.from_s)}</title></rect>`)}
          </svg>
          ${html`<ul role="list" class="words">${parts.filter((part) => part.width >= WORD_WIDTH).map((part) => html`<li data-at=${Math.round(part.x)} .style=${`inset-inline-start:${part.x / 10}%;inline-size:${part.width / 10}%`}>${band.text(part.value)}</li>`)}</ul>`}
        </div>
        ${parts.length ? nothing : html`<p class="note">${t("history.nothing_known")}</p>`}
      </figure>`;
    })}
  </div>`;
}

/** @param {import("../types.d.ts").Samples} samples @param {Plot} plot */
function partsOf(samples, plot) {
  const x = (/** @type {number} */ at) => ((Math.min(plot.to_s, Math.max(plot.from_s, at)) - plot.from_s) / (plot.to_s - plot.from_s)) * WIDTH;
  return samples.flatMap(([at, value], place) => {
    const until_s = samples[place + 1]?.[0] ?? plot.to_s;
    if (value === null || until_s - Math.max(at, plot.from_s) < SHORTEST_S) return [];
    return [{ from_s: at, value, x: x(at), width: x(until_s) - x(at) }];
  });
}
