/** The view for when something is wrong: what the wire carries, what was ignored and why, every command and register. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { record, sync, syncProgress } from "../api.js";
import { busFinding } from "../diagnosis.js";
import { ageOf, newestFirst, statusAge, wasReceived } from "../state.js";
import { banner, icons, reasonText, valueText, zoneName } from "../widgets.js";

const COMMANDS_SHOWN = 20;
const SYNC_LOOK_MS = 1000;
/** A walk of the base takes half a minute; values that do not come within two are not waited for. */
const SYNC_ROUNDS = 120;
/** Counters of what went well, then of what was left aside; others appear under their own name. */
const USED = ["frames", "broadcasts", "writes", "registers_written", "polls", "replies"];
const IGNORED = [
  "crc_errors",
  "noise_bytes",
  "foreign_frames",
  "unsupported",
  "unknown_registers",
  "bad_headers",
  "rtu_on_tcp",
  "exceptions",
  "echoes",
  "rival_replies",
  "replies_moved_on",
  "replies_late",
  "stale_bytes",
  "peers_refused",
  "peers_dropped",
];

/** @typedef {import("./page.js").Page} Page */

/** @param {Page} page */
export function view(page) {
  return html`${banner(page, busFinding(page))}
    <div class="columns">${traffic(page)} ${counters(page)}</div>
    ${evidence(page)}
    ${commandLog(page)} ${registers(page)}`;
}

/** @param {Page} page */
function traffic(page) {
  const { t, age, number } = page.i18n;
  const bus = page.state.status.bus ?? {};
  const link = page.state.status.link ?? {};
  const ageIn = (age_s) => age(statusAge(page.state, "bus", age_s, page.now));
  const onSync = async () => {
    try {
      await sync();
      page.update({ notice: "bus.sync_begun" });
      await followSync(page);
    } catch {
      page.update({ notice: "bus.sync_failed" });
    }
  };
  return html`<section class="card" aria-labelledby="traffic">
    <h2 id="traffic">${t("bus.traffic")}</h2>
    <dl class="facts">
      <div><dt>${t("bus.link")}</dt><dd dir="auto">${link.description || t("value.unknown")}</dd></div>
      <div><dt>${t("bus.frames_per_s")}</dt><dd>${number(bus.frames_per_s ?? 0)}</dd></div>
      <div><dt>${t("bus.last_frame")}</dt><dd>${ageIn(bus.last_frame_age_s)}</dd></div>
      <div><dt>${t("bus.last_write")}</dt><dd>${ageIn(bus.last_write_age_s)}</dd></div>
      ${Object.entries(bus.last_poll_age_s ?? {}).map(
        ([id, age_s]) => html`<div><dt>${t("bus.last_poll", { id })}</dt><dd>${ageIn(age_s)}</dd></div>`,
      )}
      ${link.peers?.length ? html`<div><dt>${t("bus.peers")}</dt><dd>${link.peers.join(", ")}</dd></div>` : nothing}
    </dl>
    <p class="actions">
      <button type="button" class="outlined" @click=${onSync}>${icons.refresh}${t("bus.sync")}</button>
      ${page.ui.notice ? html`<span class="second" role="status">${t(page.ui.notice, page.ui.noticeParameters)}</span>` : nothing}
    </p>
  </section>`;
}

/** Tells how many values are still to come, until none is. @param {Page} page */
async function followSync(page) {
  for (let round = 0; round < SYNC_ROUNDS; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, SYNC_LOOK_MS));
    const { refreshing, total } = await syncProgress();
    if (!refreshing) return page.update({ notice: "bus.sync_done" });
    page.update({ notice: "bus.sync_progress", noticeParameters: { left: refreshing, total } });
  }
}

/** What people who help ask for: a recording of the bus and the diagnostics file. @param {Page} page */
function evidence(page) {
  const { t } = page.i18n;
  const recorder = page.state.status.recorder ?? {};
  const onRecord = async () => {
    try {
      await record(!recorder.recording);
      page.update({ recordFailed: false });
    } catch {
      page.update({ recordFailed: true });
    }
  };
  return html`<section class="card" aria-labelledby="evidence">
    <h2 id="evidence">${t("bus.evidence")}</h2>
    <p class="second">${t("bus.evidence_why")}</p>
    <p class="actions">
      <button type="button" class="outlined" @click=${onRecord}>
        ${recorder.recording ? t("bus.record_stop") : t("bus.record")}
      </button>
      ${recorder.name && !recorder.recording
        ? html`<a class="outlined" href=${`api/v1/captures/${recorder.name}`} download>${icons.download}${t("bus.capture")}</a>`
        : nothing}
      <a class="outlined" href="api/v1/diagnostics" download>${icons.download}${t("bus.diagnostics")}</a>
      <span class="second" role="status">
        ${page.ui.recordFailed ? t("bus.record_failed") : recorder.recording ? t("bus.recording") : nothing}
      </span>
    </p>
  </section>`;
}

/** @param {Page} page */
function counters(page) {
  const { t, count } = page.i18n;
  const seen = page.state.status.bus?.counters ?? {};
  const line = (key) => html`<div><dt>${t(`counter.${key}`)}</dt><dd>${count(seen[key] ?? 0)}</dd></div>`;
  const ignored = IGNORED.filter((key) => seen[key]);
  return html`<section class="card" aria-labelledby="counters">
    <h2 id="counters">${t("bus.counters")}</h2>
    <dl class="facts">${USED.map(line)}</dl>
    <h3>${t("bus.ignored")}</h3>
    ${ignored.length
      ? html`<dl class="facts ignored">
          ${ignored.map(
            (key) => html`<div>
              <dt>${t(`counter.${key}`)}<span class="second">${t(`counter.${key}.why`)}</span></dt>
              <dd>${count(seen[key])}</dd>
            </div>`,
          )}
        </dl>`
      : html`<p class="second">${t("bus.nothing_ignored")}</p>`}
  </section>`;
}

/** @param {Page} page */
function commandLog(page) {
  const { t, time } = page.i18n;
  const commands = newestFirst(page.state).slice(0, COMMANDS_SHOWN);
  return html`<section class="card flush" aria-labelledby="commands">
    <h2 id="commands">${t("bus.commands")}</h2>
    ${commands.length
      ? html`<div class="scroll" tabindex="0" role="region" aria-labelledby="commands">
          <table>
            <thead>
              <tr>
                <th scope="col">${t("bus.time")}</th>
                <th scope="col">${t("bus.what")}</th>
                <th scope="col">${t("bus.value")}</th>
                <th scope="col">${t("bus.state")}</th>
                <th scope="col">${t("bus.read_by")}</th>
                <th scope="col">${t("bus.origin")}</th>
              </tr>
            </thead>
            <tbody>
              ${commands.map(
                (command) => html`<tr>
                  <td class="nowrap">${time(command.queued_at)}</td>
                  <td dir="auto">${placeText(page, command.point)}</td>
                  <td class="nowrap">${valueText(page, command.point, command.value)}</td>
                  <td>
                    <span class="fate ${command.state}">${t(`command.${command.state}`)}</span>
                    <span class="second">${reasonText(page, command)}</span>
                  </td>
                  <td>${command.read_by?.length ? command.read_by.join(", ") : t("value.unknown")}</td>
                  <td>${command.origin}</td>
                </tr>`,
              )}
            </tbody>
          </table>
        </div>`
      : html`<p class="second">${t("bus.no_commands")}</p>`}
  </section>`;
}

/** Which room and what of it. @param {Page} page @param {string} point */
function placeText(page, point) {
  const parts = point.split(".");
  if (parts[0] !== "zone") return `${page.i18n.t("overview.system")}: ${page.i18n.t(`point.${parts.at(-1)}`)}`;
  return `${zoneName(page, parts.slice(1, 3).map(Number))}: ${page.i18n.t(`point.${parts[3]}`)}`;
}

/** @param {Page} page */
function registers(page) {
  const { t, count } = page.i18n;
  const { search, allRegisters } = page.ui;
  const all = [...page.state.readings.values()].sort((a, b) => a.address - b.address);
  const candidates = allRegisters ? all : all.filter(wasReceived);
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const lines = candidates
    .map((reading) => registerLine(page, reading))
    .filter((line) => words.every((word) => line.text.includes(word)));
  const save = (format) => () => saveRegisters(page, lines.map((line) => line.reading), format);
  return html`<section class="card flush" aria-labelledby="registers">
    <h2 id="registers">${t("bus.registers")}</h2>
    <div class="tools">
      <label class="search">
        <span class="hidden">${t("bus.search")}</span>
        <input
          type="search"
          placeholder=${t("bus.search")}
          .value=${search}
          @input=${(event) => page.update({ search: event.target.value })}
        />
      </label>
      <label class="check">
        <input
          type="checkbox"
          .checked=${allRegisters}
          @change=${(event) => page.update({ allRegisters: event.target.checked })}
        />
        <span>${t("bus.all_registers")}</span>
      </label>
      <span class="buttons">
        <button type="button" class="outlined" @click=${save("csv")}>${icons.download}CSV</button>
        <button type="button" class="outlined" @click=${save("json")}>${icons.download}JSON</button>
      </span>
    </div>
    <p class="second padded">${t("bus.shown", { shown: count(lines.length), all: count(all.length) })}</p>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="registers">
      <table class="registers">
        <thead>
          <tr>
            <th scope="col" class="figure">${t("bus.address")}</th>
            <th scope="col">${t("bus.id")}</th>
            <th scope="col">${t("bus.raw")}</th>
            <th scope="col">${t("bus.value")}</th>
            <th scope="col">${t("bus.age")}</th>
            <th scope="col">${t("bus.source")}</th>
          </tr>
        </thead>
        <tbody>
          ${lines.map((line) => line.row(page))}
        </tbody>
      </table>
    </div>
  </section>`;
}

/** @param {Page} page @param {import("../state.js").Reading} reading */
function registerLine(page, reading) {
  const { t, age } = page.i18n;
  const decoded = reading.value === null ? t(`quality.${reading.quality}`) : valueText(page, reading.id, reading.value);
  const name = reading.group === "zone" ? (page.state.names.get(reading.index.join(".")) ?? "") : "";
  const raw = hex(reading.raw);
  const source = t(`source.${reading.source}`);
  return {
    reading,
    text: [reading.address, reading.id, name, raw, decoded, source].join(" ").toLowerCase(),
    row: () => html`<tr>
      <td class="figure">${reading.address}</td>
      <td><code>${reading.id}</code>${name ? html`<span class="second" dir="auto">${name}</span>` : nothing}</td>
      <td><code>${raw}</code></td>
      <td class="nowrap">${decoded}</td>
      <td class="nowrap">
        ${wasReceived(reading) ? age(ageOf(reading, page.now)) : t("value.unknown")}
        ${wasReceived(reading) && reading.stale ? html`<span class="chip stale">${icons.clock}<span>${t("value.old")}</span></span>` : nothing}
      </td>
      <td>${source}</td>
    </tr>`,
  };
}

/** @param {number | null} word */
function hex(word) {
  return word === null ? "" : `0x${word.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Hands the table to the browser as a file. @param {Page} page */
function saveRegisters(page, readings, format) {
  const rows = readings.map((reading) => {
    const age_s = ageOf(reading, page.now);
    return {
      address: reading.address,
      id: reading.id,
      name: page.state.names.get(reading.index.join(".")) ?? "",
      raw: hex(reading.raw),
      value: reading.value,
      quality: reading.quality,
      source: reading.source,
      stale: reading.stale,
      age_s: age_s === null ? null : Math.round(age_s * 10) / 10,
    };
  });
  const text = format === "csv" ? csvOf(rows) : JSON.stringify({ version: page.schema.version, registers: rows }, null, 2);
  const blob = new Blob([text], { type: format === "csv" ? "text/csv" : "application/json" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `neasmart-registers.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

const COLUMNS = ["address", "id", "name", "raw", "value", "quality", "source", "stale", "age_s"];

/** @param {Record<string, unknown>[]} rows */
function csvOf(rows) {
  return [COLUMNS.join(","), ...rows.map((row) => COLUMNS.map((column) => csvCell(row[column])).join(","))].join("\r\n") + "\r\n";
}

/** A name that begins like a formula must not become one in a spreadsheet. @param {unknown} value */
function csvCell(value) {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
