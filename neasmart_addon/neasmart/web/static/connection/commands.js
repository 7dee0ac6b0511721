/** Every command with its life: what, who gave it, what became of it and why. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { newestFirst } from "../core/commands.js";
import { originText, placeName, pointName, reasonText, valueText } from "../core/words.js";

const SHOWN = 20;
const COLUMNS = ["time", "what", "value", "state", "read_by", "origin"];

/** @param {import("../types.d.ts").Page} page */
export function commandLog(page) {
  const { t, time } = page.i18n;
  const commands = newestFirst(page.state).slice(0, SHOWN);
  return html`<section class="panel wide" aria-labelledby="commands">
    <h2 id="commands">${t("bus.commands")}</h2>
    ${commands.length
      ? html`<div class="scroll" tabindex="0" role="group" aria-label=${t("bus.commands")}>
          <table class="commands">
            <thead><tr>${COLUMNS.map((column) => html`<th scope="col">${t(`bus.${column}`)}</th>`)}</tr></thead>
            <tbody>
              ${commands.map(
                (command) => html`<tr>
                  <td class="short">${time(command.queued_at)}</td>
                  <td dir="auto">${placeName(page, command.point)}<small>${pointName(page, command.point)}</small></td>
                  <td class="short">${valueText(page, command.point, command.value)}</td>
                  <td><b class="fate ${command.state}">${t(`result.${command.state}`)}</b><small>${reasonText(page, command) || nothing}</small></td>
                  <td class="short">${command.read_by?.length ? command.read_by.join(", ") : t("value.unknown")}</td>
                  <td>${originText(page, command.origin)}</td>
                </tr>`,
              )}
            </tbody>
          </table>
        </div>`
      : html`<p class="caption">${t("bus.no_commands")}</p>`}
  </section>`;
}
