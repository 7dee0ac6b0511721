/** Hands the register table to the browser as a file. */

import { saveFile } from "../core/files.js";
import { ageOf, groupOf, hex } from "../core/model.js";

const COLUMNS = ["address", "id", "name", "raw", "value", "quality", "source", "stale", "age_s"];

/**
 * @param {import("../types.d.ts").Page} page @param {import("../types.d.ts").Reading[]} readings
 * @param {"csv" | "json"} format
 */
export function saveRegisters(page, readings, format) {
  const rows = readings.map((reading) => {
    const age_s = ageOf(reading, page.now);
    const key = reading.index.join(".");
    return {
      address: reading.address,
      id: reading.id,
      name: groupOf(page.schema, reading.id)?.rooms ? page.state.rooms?.get(key)?.name || page.state.names.get(key) || "" : "",
      raw: hex(reading.raw),
      value: reading.value,
      quality: reading.quality,
      source: reading.source,
      stale: reading.stale,
      age_s: age_s === null ? null : Math.round(age_s * 10) / 10,
    };
  });
  const text = format === "csv" ? csvOf(rows) : JSON.stringify({ version: page.schema.version, registers: rows }, null, 2);
  saveFile(new Blob([text], { type: format === "csv" ? "text/csv" : "application/json" }), `neasmart-registers.${format}`);
}

/** @param {Record<string, unknown>[]} rows */
function csvOf(rows) {
  return `${[COLUMNS.join(","), ...rows.map((row) => COLUMNS.map((column) => csvCell(row[column])).join(","))].join("\r\n")}\r\n`;
}

/** A name that begins like a formula must not become one in a spreadsheet. @param {unknown} value */
function csvCell(value) {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
