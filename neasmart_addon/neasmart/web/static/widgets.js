/** The pieces that the views are made of: icons, stepper, select, chips and banners; native controls wherever there is one. */

import { html, nothing, svg } from "./vendor/lit-html/lit-html.js";
import { isLive, liveCommand, newestFirst, pointOf, setpointLimits } from "./state.js";

const CONFIRMED_SHOWN_S = 4;
const FAILED_SHOWN_S = 60;
const PAGE_STEPS = 4;
const SPARK_WIDTH = 240;
const SPARK_HEIGHT = 28;

/** A line on a grid of 24 by 24. @param {string} outline */
const drawn = (outline) =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${svg`<path d=${outline}></path>`}</svg>`;

/** Decoration only; words stand beside them. */
export const icons = {
  minus: drawn("M5 12h14"),
  plus: drawn("M5 12h14M12 5v14"),
  close: drawn("M6 6l12 12M18 6L6 18"),
  check: drawn("M5 12.5l4.5 4.5L19 7.5"),
  chevron: drawn("M7 10l5 5 5-5"),
  drop: drawn("M12 3.5c3.2 4 5.2 6.7 5.2 9.7a5.2 5.2 0 0 1-10.4 0c0-3 2-5.7 5.2-9.7z"),
  clock: drawn("M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.5l3 1.8"),
  alert: drawn("M12 4.5L2.8 20h18.4zM12 10v4.5M12 17.3v.2"),
  info: drawn("M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 11v5.5M12 7.6v.2"),
  outside: drawn("M7.5 18.5a4 4 0 0 1-.6-7.9 5.3 5.3 0 0 1 10.2-1 4.5 4.5 0 0 1-.3 8.9z"),
  normal: drawn("M14 13.5V6a2 2 0 0 0-4 0v7.5a4 4 0 1 0 4 0zM12 9.5v7"),
  reduced: drawn("M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z"),
  standby: drawn("M12 4v8M7.5 6.7a7.5 7.5 0 1 0 9 0"),
  time_program: drawn("M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.5l3 1.8"),
  party: drawn("M12 3.5l2.2 6.3 6.3 2.2-6.3 2.2L12 20.5l-2.2-6.3L3.5 12l6.3-2.2z"),
  holiday: drawn("M4 8.5h16v11H4zM9 8.5V5h6v3.5M8 12.5v3M16 12.5v3"),
  download: drawn("M12 4v11M6.5 9.5L12 15l5.5-5.5M5 20h14"),
  refresh: drawn("M19.5 12a7.5 7.5 0 1 1-2.4-5.5M19.5 3.5v4h-4"),
};

/** @typedef {import("./views/page.js").Page} Page */

/**
 * What a point is set to: by the owner just now, by a command on its way, or by the base.
 * @param {Page} page @param {string} point
 */
export function shownValue(page, point) {
  const edit = page.edits.get(point);
  if (edit && edit.phase !== "failed") return edit.value;
  const command = liveCommand(page.state, point);
  return command ? command.value : (page.state.readings.get(point)?.value ?? null);
}

/** The owner's name of a zone, or its place. @param {Page} page @param {number[]} index */
export function zoneName(page, index) {
  const key = index.join(".");
  return page.state.names.get(key) ?? page.i18n.t("zone.unnamed", { place: key });
}

/**
 * How a room feels at a glance: an icon for its state, tinted by what the house does.
 * @param {Page} page @param {string} id of the zone
 */
export function climateOf(page, id) {
  const name = (point) => pointOf(page.schema, point)?.options?.[shownValue(page, point)] ?? "";
  const state = name(`${id}.state`);
  const mode = name("global.mode");
  const tint = !state || state === "standby" ? "off" : mode.endsWith("heating") ? "heat" : mode.endsWith("cooling") ? "cool" : "auto";
  return { tint, icon: icons[state] ?? icons.normal };
}

/** Keeps a value in its range and on its step. @param {{low: number, high: number, step: number}} limits */
export function snapped(value, limits) {
  const onStep = Math.round(value / limits.step) * limits.step;
  return Math.min(limits.high, Math.max(limits.low, Number(onStep.toFixed(4))));
}

/** The next value on the step grid; from 21.3 up is 21.5. @param {number} steps may be negative */
export function stepped(value, steps, limits) {
  const position = value / limits.step;
  const from = steps > 0 ? Math.floor(position + 1e-6) : Math.ceil(position - 1e-6);
  return snapped((from + steps) * limits.step, limits);
}

/** What a key means to a spin button or slider, null if nothing. @param {string} key @param {number} value */
function keyedValue(key, value, limits) {
  switch (key) {
    case "ArrowUp":
    case "ArrowRight":
      return stepped(value, 1, limits);
    case "ArrowDown":
    case "ArrowLeft":
      return stepped(value, -1, limits);
    case "PageUp":
      return stepped(value, PAGE_STEPS, limits);
    case "PageDown":
      return stepped(value, -PAGE_STEPS, limits);
    case "Home":
      return limits.low;
    case "End":
      return limits.high;
    default:
      return null;
  }
}

/**
 * What a spin button or slider does on keys.
 * @param {() => number | null} present value, null where there is none
 * @param {{low: number, high: number, step: number}} limits
 * @param {(value: number) => void} change
 */
export function keyHandler(present, limits, change) {
  return (event) => {
    const value = present();
    if (value === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const wanted = keyedValue(event.key, value, limits);
    if (wanted === null) return;
    event.preventDefault();
    change(wanted);
  };
}

/** @param {Page} page @param {string} point @param {string} name of the room */
export function stepper(page, point, name) {
  const { t, degrees, temperature } = page.i18n;
  const limits = setpointLimits(page.state, page.schema);
  const value = shownValue(page, point);
  const unset = value === null;
  // Asked for anew at each press: quick ones come before the page is drawn again.
  const present = () => shownValue(page, point);
  const change = (wanted) => {
    if (wanted !== present()) page.edits.set(point, wanted);
  };
  const onStep = (steps) => () => {
    if (present() !== null) change(stepped(present(), steps, limits));
  };
  const onKey = keyHandler(present, limits, change);
  return html`<div class="stepper" role="group" aria-label=${t("zone.setpoint_of", { name })}>
    <button
      type="button"
      class="round"
      tabindex="-1"
      aria-label=${t("zone.colder", { name })}
      ?disabled=${unset || value <= limits.low}
      @click=${onStep(-1)}
    >
      ${icons.minus}
    </button>
    <span
      class="target"
      role="spinbutton"
      tabindex=${unset ? -1 : 0}
      aria-label=${t("zone.setpoint_of", { name })}
      aria-valuemin=${limits.low}
      aria-valuemax=${limits.high}
      aria-valuenow=${unset ? nothing : value}
      aria-valuetext=${temperature(value)}
      aria-disabled=${unset ? "true" : nothing}
      @keydown=${onKey}
      >${degrees(value)}${unset ? nothing : html`<span class="degree">°</span>`}</span
    >
    <button
      type="button"
      class="round"
      tabindex="-1"
      aria-label=${t("zone.warmer", { name })}
      ?disabled=${unset || value >= limits.high}
      @click=${onStep(1)}
    >
      ${icons.plus}
    </button>
  </div>`;
}

/**
 * A native select for a point with options; a new choice is sent at once.
 * @param {Page} page @param {string} point @param {string} label @param {{visibleLabel?: boolean}} [options]
 */
export function choice(page, point, label, { visibleLabel = false } = {}) {
  const { t } = page.i18n;
  const options = pointOf(page.schema, point)?.options ?? {};
  const value = shownValue(page, point);
  const mixed = value === null && page.state.readings.get(point)?.quality === "mixed";
  const onChange = (event) => page.edits.set(point, Number(event.target.value), { delay_ms: 0 });
  return html`<label class="choice">
    <span class=${visibleLabel ? "label" : "hidden"}>${label}</span>
    <span class="select">
      <select data-value=${value ?? ""} @change=${onChange}>
        ${value === null
          ? html`<option value="" disabled>${mixed ? t("value.mixed") : t("value.unknown")}</option>`
          : nothing}
        ${Object.entries(options).map(
          ([number, name]) => html`<option value=${number}>${optionText(page, point, name)}</option>`,
        )}
      </select>
      ${icons.chevron}
    </span>
  </label>`;
}

/** @param {Page} page @param {string} point @param {string} name as the API has it */
export function optionText(page, point, name) {
  const key = point.endsWith(".mode") ? `mode.${name}` : `state.${name}`;
  return page.i18n.has(key) ? page.i18n.t(key) : name.replaceAll("_", " ");
}

/** A value as people read it. @param {Page} page @param {string} point @param {number | boolean | null} value */
export function valueText(page, point, value) {
  const { t, temperature, percent, number } = page.i18n;
  const description = pointOf(page.schema, point);
  if (value === null || value === undefined || !description) return t("value.unknown");
  switch (description.kind) {
    case "enum":
      return optionText(page, point, description.options?.[value] ?? String(value));
    case "bit":
      return t(value ? "value.yes" : "value.no");
    case "percent":
      return percent(value);
    case "temperature":
      return temperature(value);
    default:
      return number(value);
  }
}

/**
 * How the newest change of some points fares, null if there is nothing to tell (any more).
 * @param {Page} page @param {string[]} points
 * @returns {{kind: "busy" | "done" | "failed", text: string, why: string | null, key: string} | null}
 */
export function fateOf(page, points) {
  const { t } = page.i18n;
  for (const point of points) {
    const edit = page.edits.get(point);
    if (!edit) continue;
    if (edit.phase !== "failed") return { kind: "busy", text: t("command.sending"), why: null, key: point };
    if (page.now - edit.failedAt > FAILED_SHOWN_S) continue;
    return { kind: "failed", text: t("command.refused"), why: errorText(page, edit), key: point };
  }
  const command = newestFirst(page.state).find((each) => points.includes(each.point));
  if (!command) return null;
  if (isLive(command)) {
    return { kind: "busy", text: t(`command.${command.state}`), why: limitText(page, command), key: command.id };
  }
  const seen_s = command.endSeenAt === null || command.endSeenAt === undefined ? Infinity : page.now - command.endSeenAt;
  if (command.state === "confirmed" && seen_s < CONFIRMED_SHOWN_S) {
    return { kind: "done", text: t("command.confirmed"), why: null, key: command.id };
  }
  const failed = command.state === "rejected" || command.state === "expired";
  if (failed && seen_s < FAILED_SHOWN_S && !page.ui.dismissed.has(command.id)) {
    return { kind: "failed", text: t(`command.${command.state}`), why: reasonText(page, command), key: command.id };
  }
  return null;
}

/** That the base will limit a setpoint, null where it will not. @param {Page} page @param {any} command */
function limitText(page, command) {
  if (!command.warning) return null;
  const { t, temperature } = page.i18n;
  const limits = setpointLimits(page.state, page.schema);
  return t("command.limited", { low: temperature(limits.low), high: temperature(limits.high) });
}

/** Why a command failed, in the owner's language. @param {Page} page @param {any} command */
export function reasonText(page, command) {
  const { t } = page.i18n;
  if (command.state === "expired") return t(command.delivered_at ? "reason.not_confirmed" : "reason.not_read");
  if (command.state === "superseded") return t("reason.superseded");
  if (command.state !== "rejected") return "";
  const kept = page.state.readings.get(command.point)?.value ?? null;
  return kept === null ? t("reason.refused") : t("reason.kept", { value: valueText(page, command.point, kept) });
}

/** @param {Page} page @param {import("./edits.js").Edit} edit */
export function errorText(page, edit) {
  const key = `error.${edit.code}`;
  return page.i18n.has(key) ? page.i18n.t(key) : page.i18n.t("error.other", { message: edit.message ?? "" });
}

/** @param {Page} page @param {ReturnType<typeof fateOf>} fate */
export function fateChip(page, fate) {
  if (!fate) return nothing;
  const icon = { busy: icons.clock, done: icons.check, failed: icons.alert }[fate.kind];
  return html`<span class="chip ${fate.kind}" data-fate=${fate.kind}>${icon}<span>${fate.text}</span></span>`;
}

/** The reason below a card, which the owner can put away. @param {Page} page @param {ReturnType<typeof fateOf>} fate */
export function fateReason(page, fate) {
  if (!fate?.why) return nothing;
  const onDismiss = () => {
    page.ui.dismissed.add(fate.key);
    page.edits.dismiss(fate.key);
  };
  return html`<p class="reason ${fate.kind}">
    <span>${fate.why}</span>
    ${fate.kind === "failed"
      ? html`<button type="button" class="plain" aria-label=${page.i18n.t("action.dismiss")} @click=${onDismiss}>
          ${icons.close}
        </button>`
      : nothing}
  </p>`;
}

/** @param {Page} page @param {import("./diagnosis.js").Finding} finding */
export function banner(page, finding) {
  const { t } = page.i18n;
  return html`<section class="banner ${finding.level}" data-finding=${finding.code}>
    ${finding.level === "ok" ? icons.check : finding.level === "info" ? icons.info : icons.alert}
    <div>
      <h2>${t(`find.${finding.code}`, finding.parameters)}</h2>
      <p>${t(`help.${finding.code}`, finding.parameters)}</p>
      ${finding.detail ? html`<details><summary>${t("find.detail")}</summary><p class="raw" lang="en">${finding.detail}</p></details>` : nothing}
    </div>
  </section>`;
}

/** The course of a day as a line, with gaps where nothing is known. @param {import("./trends.js").Trend | undefined} trend @param {string} label */
export function sparkline(trend, label) {
  const known = trend?.points.filter(([, value]) => value !== null) ?? [];
  if (!trend || known.length < 2) return nothing;
  const values = known.map(([, value]) => Number(value));
  const middle = (Math.max(...values) + Math.min(...values)) / 2;
  // At least one degree fills the height, so that a steady room looks steady.
  const half = Math.max(0.5, (Math.max(...values) - Math.min(...values)) / 2);
  const x = (at) => (((at - trend.from_s) / (trend.to_s - trend.from_s)) * SPARK_WIDTH).toFixed(1);
  const y = (value) => (SPARK_HEIGHT / 2 - ((value - middle) / half) * (SPARK_HEIGHT / 2 - 2)).toFixed(1);
  let outline = "";
  let held = null;
  for (const [at, value] of trend.points) {
    if (held !== null) outline += `H${x(at)}`;
    if (value !== null) outline += held === null ? `M${x(at)} ${y(value)}` : `V${y(value)}`;
    held = value;
  }
  if (held !== null) outline += `H${SPARK_WIDTH}`;
  return html`<svg class="spark" viewBox="0 0 ${SPARK_WIDTH} ${SPARK_HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${label}>
    ${svg`<path d=${outline} vector-effect="non-scaling-stroke"></path>`}
  </svg>`;
}
