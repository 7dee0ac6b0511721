/** What has become of the last commands of a room, who gave them, and the way back. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { isLive, newestFirst } from "../core/commands.js";
import { originText, pointName, reasonText, valueText } from "../core/words.js";

const SHOWN = 5;
/** What was superseded, refused or taken back has nothing to undo. */
const UNDOABLE = ["queued", "delivered", "confirmed"];

/** @param {import("../types.d.ts").Page} page @param {string} id of the room */
export function lastCommands(page, id) {
  const { t, time } = page.i18n;
  const commands = newestFirst(page.state)
    .filter((command) => command.point.startsWith(`${id}.`))
    .slice(0, SHOWN);
  if (!commands.length) return nothing;
  return html`<section class="log" aria-label=${t("room.last_commands")}>
    <h3>${t("room.last_commands")}</h3>
    <ul role="list">
      ${repeat(commands, (command) => command.id, (command, place) => {
        const reason = reasonText(page, command);
        const isNewest = commands.findIndex((each) => each.point === command.point) === place;
        return html`<li>
          <span class="what">${pointName(page, command.point)} <b>${valueText(page, command.point, command.value)}</b></span>
          <span class="fate ${command.state}">${t(`result.${command.state}`)}</span>
          <span class="caption">${originText(page, command.origin)} · <time datetime=${command.queued_at}>${time(command.queued_at)}</time>${reason ? html` · ${reason}` : nothing}</span>
          ${isNewest && UNDOABLE.includes(command.state)
            ? html`<button type="button" class="plain" @click=${() => page.actions.undo([command.id])}>${t(isLive(command) ? "action.withdraw" : "action.undo")}</button>`
            : nothing}
        </li>`;
      })}
    </ul>
  </section>`;
}
