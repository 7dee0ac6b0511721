/** The choice of the adapter: serial devices as they appear, or a network converter that calls or is called. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { icons } from "../parts/icons.js";

/** @typedef {import("../types.d.ts").Page} Page */

/** @param {Page} page */
export function adapters(page) {
  const { t } = page.i18n;
  const { setup, setupFailure } = page.ui;
  if (!setup) return html`<p>${t("guide.adapter_form")}</p>`;
  const isFixed = setup.decided_by === "environment";
  return html`<p>${t("guide.adapter_why")}</p>
    ${isFixed ? html`<p class="note">${t("guide.environment")}</p>` : nothing}
    <ul class="devices" role="list">
      ${repeat(setup.devices ?? [], (/** @type {any} */ device) => device.path, (/** @type {any} */ device) => serial(page, device, isFixed))}
      ${(setup.devices ?? []).length ? nothing : html`<li class="device none">${t("guide.no_device")}</li>`}
      ${converter(page, setup, isFixed)}
    </ul>
    ${setupFailure ? html`<p class="failure" role="alert">${t("guide.failed", { why: setupFailure })}</p>` : nothing}
    ${setup.restart_needed
      ? html`<p class="note">${t("guide.restart_why")} <button type="button" class="filled" @click=${() => page.actions.applySetup({ restart: true })}>${t("guide.restart")}</button></p>`
      : nothing}`;
}

/** Whether a link is what was chosen. @param {any} link @param {{device?: string, url?: string}} choice */
const isSame = (link, choice) => Boolean(link) && (choice.device ?? choice.url) === (link.device ?? link.url);

/** @param {Page} page @param {any} device @param {boolean} isFixed */
function serial(page, device, isFixed) {
  const { t, age } = page.i18n;
  const { listening } = page.ui.setup;
  const choice = { device: device.path };
  const isOther = Boolean(device.known_as) && !device.chosen;
  const parts = [device.maker, typeof device.appeared_s === "number" ? t("guide.appeared", { age: age(device.appeared_s) }) : ""];
  return html`<li class="device ${(listening ? isSame(listening, choice) : device.chosen) ? "on" : ""} ${isOther ? "other" : ""}">
    ${icons.usb}
    <div><b>${device.name}</b><small>${isOther ? t("guide.left_alone", { what: t(`guide.known.${device.known_as}`) }) : parts.filter(Boolean).join(" · ")}</small><small class="raw">${device.path?.split("/").at(-1)}</small>
      ${device.problem ? html`<small class="failure">${t(`guide.problem.${device.problem}`)}</small>` : nothing}</div>
    ${isOther || isFixed ? nothing : buttons(page, choice, device.chosen)}
  </li>`;
}

/** What is in use, is kept, comes back, or is listened to. @param {Page} page @param {{device?: string, url?: string}} choice @param {boolean} isChosen */
function buttons(page, choice, isChosen) {
  const { t } = page.i18n;
  const { listening } = page.ui.setup;
  if (isChosen && !listening) return html`<span class="state">${icons.check}${t("guide.in_use")}</span>`;
  const isTried = isSame(listening, choice);
  // One button for all, so that whoever uses the keyboard stays where he is.
  return html`<button type="button" class=${isTried ? "filled" : "outlined"}
    @click=${() => (isTried || isChosen ? page.actions.applySetup(choice) : page.actions.listen(choice))}>${t(isTried ? "guide.keep" : isChosen ? "guide.back_to_it" : "guide.listen")}</button>`;
}

/** @param {Page} page @param {any} setup @param {boolean} isFixed */
function converter(page, setup, isFixed) {
  const { t } = page.i18n;
  const told = setup.converter ?? {};
  const place = { host: told.host ?? t("guide.this_computer"), port: told.port };
  const now = setup.listening ?? setup.link ?? {};
  const url = setup.listening?.url ?? setup.link?.url;
  const onDial = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const address = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("address")).trim();
    page.actions.listen({ url: address.includes("://") ? address : `socket://${address}` });
  };
  return html`<li class="device converter ${now.kind === "listen" || now.kind === "dial" ? "on" : ""}">
    ${icons.network}
    <div>
      <b>${t("guide.network")}</b>
      <small>${t("guide.calls", place)}</small>
      ${told.port_open === false ? html`<small class="failure">${t("guide.port_closed", place)}</small>` : nothing}
      ${isFixed
        ? nothing
        : html`<p class="actions">
              ${now.kind === "listen" ? nothing : html`<button type="button" class="outlined" @click=${() => page.actions.applySetup({ listen: true })}>${t("guide.let_it_call")}</button>`}
              ${told.port_open === false && told.can_open_port ? html`<button type="button" class="outlined" @click=${() => page.actions.applySetup({ open_port: true })}>${t("guide.open_port")}</button>` : nothing}
            </p>
            <form @submit=${onDial}>
              <label><span>${t("guide.address")}</span><input name="address" inputmode="url" autocomplete="off" placeholder="192.168.1.30:8899" .value=${url?.replace("socket://", "") ?? ""} required /></label>
              <button class="outlined">${t("guide.call_it")}</button>
              ${url ? buttons(page, { url }, url === setup.link?.url) : nothing}
            </form>`}
    </div>
  </li>`;
}
