/** One room in detail, as a dialog over the overview: the dial, the state, and what has become of the last commands. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { dial } from "../dial.js";
import { ageOf, newestFirst, rowsOf, setpointLimits, wasReceived } from "../state.js";
import { choice, climateOf, fateChip, fateOf, fateReason, icons, reasonText, shownValue, sparkline, stepper, valueText, zoneName } from "../widgets.js";

const COMMANDS_SHOWN = 5;
/** A dial that is held this long is sent; a drag that never ends, because the dialog was closed, too. */
const DRAG_MS = 3000;

/** @typedef {import("./page.js").Page} Page */

/** @param {Page} page @param {string | null} id such as "zone.1.3" */
export function view(page, id) {
  const row = id && rowsOf(page.state, page.schema, "zone").find((each) => each.id === id);
  const onClose = () => {
    if (location.hash.startsWith("#zone/")) history.back();
  };
  const onPointer = (event) => {
    if (event.target === event.currentTarget) event.currentTarget.close();
  };
  return html`<dialog
    id="zone"
    aria-labelledby=${row ? "zone-name" : nothing}
    @close=${onClose}
    @click=${onPointer}
  >
    ${row ? detail(page, row) : nothing}
  </dialog>`;
}

/** @param {Page} page */
function detail(page, row) {
  const { t, degrees, temperature, percent, age } = page.i18n;
  const { readings, index } = row;
  const name = zoneName(page, index);
  const point = `${row.id}.setpoint`;
  const present = () => shownValue(page, point);
  const target = present();
  const actual = readings.temperature?.value ?? null;
  const fate = fateOf(page, [point, `${row.id}.state`]);
  const stale = wasReceived(readings.temperature) && readings.temperature.stale;
  const onChange = (value, isFinal) => {
    if (isFinal || value !== present()) page.edits.set(point, value, isFinal ? {} : { delay_ms: DRAG_MS });
  };
  const middle = html`
    <span class="label">${t("zone.actual")}</span>
    <span class="actual"><span class="big">${degrees(actual)}</span>${actual === null ? nothing : html`<span class="unit">°C</span>`}</span>
    ${readings.humidity?.value == null
      ? nothing
      : html`<span class="humidity">${icons.drop}<span class="hidden">${t("zone.humidity")}</span>${percent(readings.humidity.value)}</span>`}
    ${stale ? html`<span class="second stale">${age(ageOf(readings.temperature, page.now))}</span>` : nothing}
  `;
  return html`<div class="sheet ${climateOf(page, row.id).tint}">
    <header>
      <h2 id="zone-name" dir="auto">${name}</h2>
      <form method="dialog"><button class="round plain" aria-label=${t("action.close")}>${icons.close}</button></form>
    </header>
    ${dial({
      present,
      actual,
      limits: setpointLimits(page.state, page.schema),
      label: t("zone.setpoint_of", { name }),
      valueText: temperature(target),
      content: middle,
      onChange,
    })}
    <div class="under">
      ${stepper(page, point, name)}
      ${target === null && readings.setpoint?.quality === "not_applicable"
        ? html`<p class="second">${t("zone.no_setpoint")}</p>`
        : nothing}
    </div>
    ${choice(page, `${row.id}.state`, t("zone.state"), { visibleLabel: true })}
    ${fate ? html`<p class="chips">${fateChip(page, fate)}</p>` : nothing}
    ${fateReason(page, fate)} ${sparkline(page.trends.get(`${row.id}.temperature`), t("history.last_day", { name }))}
    ${lastCommands(page, row.id)}
    ${page.state.names.has(index.join("."))
      ? nothing
      : html`<p class="note">${t("zone.how_to_name", { base: index[0], zone: index[1] })}</p>`}
  </div>`;
}

/** @param {Page} page @param {string} id of the zone */
function lastCommands(page, id) {
  const { t, time } = page.i18n;
  const commands = newestFirst(page.state)
    .filter((command) => command.point.startsWith(`${id}.`))
    .slice(0, COMMANDS_SHOWN);
  if (!commands.length) return nothing;
  return html`<h3>${t("zone.last_commands")}</h3>
    <ul class="log">
      ${commands.map(
        (command) => html`<li>
          <span class="what">${valueText(page, command.point, command.value)}</span>
          <span class="fate ${command.state}">${t(`command.${command.state}`)}</span>
          <time datetime=${command.queued_at}>${time(command.queued_at)}</time>
          ${reasonText(page, command) ? html`<span class="second">${reasonText(page, command)}</span>` : nothing}
        </li>`,
      )}
    </ul>`;
}
