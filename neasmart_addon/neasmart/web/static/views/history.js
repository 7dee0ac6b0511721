/** The view that tells how it was: points of the owner's choice over a day, a week, a month or all there is. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { addressOf, get } from "../api.js";
import { rowsOf, wasReceived, zoneExists } from "../state.js";
import { icons, valueText, zoneName } from "../widgets.js";

const DAY_S = 86_400;
const SPANS = { day: DAY_S, week: 7 * DAY_S, month: 30 * DAY_S, all: 730 * DAY_S };
const SAMPLES = 1200;
const CHOSEN_FIRST = 3;
const MOST = 8;
const REFRESH_S = 60;
/** Two years take a small computer a while. */
const PATIENCE_MS = 60_000;

/** @typedef {import("./page.js").Page} Page */

/** The chart is the larger half of the page, so only who looks at it loads it. */
const chart = { styleSheet: /** @type {string | null} */ (null), isAsked: false };

/** What is chosen outlives a look at another tab. */
const chosen = { span: "day", points: /** @type {string[] | null} */ (null) };
const asked = { key: "", at: -Infinity, plot: /** @type {any} */ (null), failed: false, isBusy: false };

/** @param {Page} page */
export function view(page) {
  const { t } = page.i18n;
  const groups = groupsOf(page);
  const known = new Map(groups.flatMap((group) => group.points.map((point) => [point.id, point])));
  chosen.points ??= firstChoice(page, known);
  const points = chosen.points.filter((id) => known.has(id));
  loadChart(page);
  ask(page, points, known);
  return html`<section class="card history" aria-labelledby="history">
    <h2 id="history" class="hidden">${t("tab.history")}</h2>
    <div class="tools">
      <div class="spans" role="group" aria-label=${t("history.span")}>
        ${Object.keys(SPANS).map(
          (span) => html`<button type="button" class="text" aria-pressed=${span === chosen.span ? "true" : "false"}
            @click=${() => change(page, { span })}>${t(`history.${span}`)}</button>`,
        )}
      </div>
      <div class="buttons">
        <a class="outlined" href=${csvAddress(points)} download>${icons.download}CSV</a>
      </div>
    </div>
    ${asked.failed ? html`<p class="padded" role="status">${t("history.failed")}</p>` : nothing}
    ${points.length && asked.plot && chart.styleSheet
      ? html`<link rel="stylesheet" href=${chart.styleSheet} />
          <history-chart tabindex="0" role="application" .plot=${asked.plot}></history-chart>`
      : html`<p class="note padded">${t(points.length ? "history.loading" : "history.none")}</p>`}
    <details class="padded" ?open=${!points.length}>
      <summary>${t("history.choose", { count: points.length, most: MOST })}</summary>
      <div class="choices">${groups.map((group) => checks(page, group, points))}</div>
    </details>
  </section>`;
}

/** Asks again with the next drawing if it did not come. @param {Page} page */
async function loadChart(page) {
  if (chart.isAsked) return;
  chart.isAsked = true;
  try {
    chart.styleSheet = (await import("../chart.js")).STYLE_SHEET;
    page.update({});
  } catch {
    chart.isAsked = false;
  }
}

/** @param {Page} page */
function checks(page, group, points) {
  return html`<fieldset>
    <legend dir="auto">${group.name}</legend>
    ${group.points.map(
      (point) => html`<label class="check">
        <input type="checkbox" .checked=${points.includes(point.id)}
          ?disabled=${!points.includes(point.id) && points.length >= MOST}
          @change=${(event) => toggle(page, points, point.id, event.target.checked)} />
        <span class="what">${point.name}</span>
      </label>`,
    )}
  </fieldset>`;
}

function toggle(page, points, id, isOn) {
  change(page, { points: isOn ? [...points, id] : points.filter((each) => each !== id) });
}

function change(page, choice) {
  Object.assign(chosen, choice);
  page.update({});
}

/** Everything that has been received, by place. @param {Page} page */
function groupsOf(page) {
  const { t } = page.i18n;
  return page.schema.groups
    .flatMap((group) => rowsOf(page.state, page.schema, group.key).map((row) => ({ group, row })))
    .filter(({ group, row }) => (group.key === "zone" ? zoneExists(row) : Object.values(row.readings).some(wasReceived)))
    .map(({ group, row }) => {
      const name =
        group.key === "zone" ? zoneName(page, row.index) : group.key === "global" ? t("overview.system") : t(`equipment.${group.key}`, { number: row.index[0] });
      const points = group.points
        .filter((point) => wasReceived(row.readings[point.key]))
        .map((point) => ({
          id: `${row.id}.${point.key}`,
          name: t(`point.${point.key}`),
          title: `${name}: ${t(`point.${point.key}`)}`,
          scale: point.unit ?? "step",
        }));
      return { name, points };
    });
}

/** @param {Page} page */
function firstChoice(page, known) {
  const rooms = rowsOf(page.state, page.schema, "zone").filter(zoneExists).slice(0, CHOSEN_FIRST);
  return [...rooms.map((row) => `${row.id}.temperature`), "global.outside_temperature"].filter((id) => known.has(id));
}

function question(points) {
  const to = new Date();
  const from = new Date(to.getTime() - SPANS[chosen.span] * 1000);
  return `api/v1/history?points=${points.join(",")}&from=${from.toISOString()}&to=${to.toISOString()}`;
}

function csvAddress(points) {
  return addressOf(`${question(points)}&format=csv`).href;
}

/** Asks for what is chosen, once, and again when it has grown old. @param {Page} page */
async function ask(page, points, known) {
  const key = `${chosen.span} ${points.join(" ")}`;
  const isOld = page.now - asked.at > REFRESH_S;
  if (asked.isBusy || !points.length || (key === asked.key && !isOld)) return;
  if (key.split(" ")[0] !== asked.key.split(" ")[0]) asked.plot = null;
  Object.assign(asked, { key, at: page.now, isBusy: true });
  try {
    const answer = await get(`${question(points)}&max_points=${SAMPLES}`, PATIENCE_MS);
    const first_s = Math.min(...answer.series.flatMap((each) => each.points.slice(0, 1).map(([at]) => at)), Infinity);
    const to_s = Date.parse(answer.to) / 1000;
    const begin_s = Date.parse(answer.from) / 1000;
    asked.plot = {
      series: answer.series.map((each) => ({
        name: known.get(each.id)?.title ?? each.id,
        scale: known.get(each.id)?.scale ?? "step",
        text: (value) => valueText(page, each.id, value),
        points: each.points,
      })),
      from_s: chosen.span === "all" && Number.isFinite(first_s) ? Math.max(begin_s, first_s) : begin_s,
      to_s,
      locale: page.i18n.locale,
      timeLabel: page.i18n.t("history.time"),
      label: page.i18n.t("history.chart"),
    };
    asked.failed = false;
  } catch {
    asked.failed = true;
  } finally {
    asked.isBusy = false;
    page.update({});
  }
}
