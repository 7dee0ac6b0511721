/** What the wire carries: when each side last spoke, what was counted, and what was left aside and why. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { statusBorn } from "../core/model.js";
import { icons } from "../parts/icons.js";

/** Counters of what went well; others are told where they are not zero. */
const USED = ["frames", "broadcasts", "writes", "registers_written", "polls", "replies"];

/** @typedef {import("../types.d.ts").Page} Page */

/** @param {Page} page */
export function traffic(page) {
  const { t, number } = page.i18n;
  const bus = page.state.status["bus"] ?? {};
  const link = page.state.status["link"] ?? {};
  const age = (/** @type {number | null | undefined} */ age_s) => {
    const born = statusBorn(page.state, "bus", age_s);
    return html`<age-of since=${born === null ? "" : born.toFixed(1)}></age-of>`;
  };
  const fact = (/** @type {string} */ name, /** @type {unknown} */ value) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  return html`<section class="panel" aria-labelledby="traffic">
    <h2 id="traffic">${t("bus.traffic")}</h2>
    <dl class="facts">
      ${fact(t("bus.link"), html`<span dir="auto">${link.description || t("value.unknown")}</span>`)}
      ${fact(t("bus.frames_per_s"), number(bus.frames_per_s ?? 0))}
      ${fact(t("bus.last_frame"), age(bus.last_frame_age_s))} ${fact(t("bus.last_write"), age(bus.last_write_age_s))}
      ${Object.entries(bus.last_poll_age_s ?? {}).map(([id, age_s]) => fact(t("bus.last_poll", { id }), age(/** @type {number | null} */ (age_s))))}
      ${link.peers?.length ? fact(t("bus.peers"), link.peers.join(", ")) : nothing}
    </dl>
    <p class="actions">
      <button type="button" class="outlined" ?disabled=${link.connected === false} @click=${() => page.actions.sync()}>${icons.refresh}${t("bus.sync")}</button>
      <span class="caption" role="status">${page.ui.notice ? t(page.ui.notice.key, page.ui.notice.parameters) : nothing}</span>
    </p>
  </section>`;
}

/** @param {Page} page */
export function counters(page) {
  const { t, count, has } = page.i18n;
  const seen = page.state.status["bus"]?.counters ?? {};
  const ignored = Object.keys(seen).filter((key) => seen[key] && has(`counter.${key}.why`));
  return html`<section class="panel" aria-labelledby="counters">
    <h2 id="counters">${t("bus.counters")}</h2>
    <dl class="facts">${USED.map((key) => html`<div><dt>${t(`counter.${key}`)}</dt><dd>${count(seen[key] ?? 0)}</dd></div>`)}</dl>
    <h3>${t("bus.ignored")}</h3>
    ${ignored.length
      ? html`<dl class="facts ignored">
          ${ignored.map((key) => html`<div><dt>${t(`counter.${key}`)}<small>${t(`counter.${key}.why`)}</small></dt><dd>${count(seen[key])}</dd></div>`)}
        </dl>`
      : html`<p class="caption">${t("bus.nothing_ignored")}</p>`}
  </section>`;
}
