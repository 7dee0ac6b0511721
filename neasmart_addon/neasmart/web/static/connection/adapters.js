/** The choice of the adapter: serial devices as they appear, or a network converter that calls or is called. */

import { html, nothing } from "../vendor/lit-html/lit-html.js";
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
      ${(setup.devices ?? []).map((/** @type {any} */ device) => serial(page, device, isFixed))}
      ${(setup.devices ?? []).length ? nothing : html`<li class="device none">${t("guide.no_device")}</li>`}
      ${converter(page, setup, isFixed)}
    </ul>
    ${setupFailure ? html`<p class="failure" role="alert">${t("guide.failed", { why: setupFailure })}</p>` : nothing}
    ${setup.restart_needed
      ? html`<p class="note">${t("guide.restart_why")} <button type="button" class="filled" @click=${() => page.actions.applySetup({ restart: true })}>${t("guide.restart")}</button></p>`
      : nothing}`;
}

/** @param {Page} page @param {any} device @param {boolean} isFixed */
function serial(page, device, isFixed) {
  const { t, age } = page.i18n;
  const choice = { device: device.path };
  const isOther = Boolean(device.known_as);
  const isListening = page.ui.listening === device.path;
  const parts = [device.maker, typeof device.appeared_s === "number" ? t("guide.appeared", { age: age(device.appeared_s) }) : ""];
  return html`<li class="device ${device.chosen || isListening ? "on" : ""} ${isOther ? "other" : ""}">
    ${icons.usb}
    <div><b>${device.name}</b><small>${isOther ? t("guide.left_alone", { what: String(device.known_as) }) : parts.filter(Boolean).join(" · ")}</small><small class="raw">${device.path?.split("/").at(-1)}</small>
      ${device.problem ? html`<small class="failure">${t(`guide.problem.${device.problem}`)}</small>` : nothing}</div>
    ${isOther || isFixed ? nothing : buttons(page, choice, device.path, Boolean(device.chosen))}
  </li>`;
}

/** @param {Page} page @param {object} choice @param {string} key @param {boolean} isChosen */
function buttons(page, choice, key, isChosen) {
  const { t } = page.i18n;
  if (isChosen) return html`<span class="state">${icons.check}${t("guide.in_use")}</span>`;
  return page.ui.listening === key
    ? html`<button type="button" class="filled" @click=${() => page.actions.applySetup(choice)}>${t("guide.keep")}</button>`
    : html`<button type="button" class="outlined" @click=${() => page.actions.listen(choice, key)}>${t("guide.listen")}</button>`;
}

/** @param {Page} page @param {any} setup @param {boolean} isFixed */
function converter(page, setup, isFixed) {
  const { t } = page.i18n;
  const told = setup.converter ?? {};
  const host = location.hostname && location.hostname !== "127.0.0.1" ? location.hostname : (told.host ?? t("guide.this_computer"));
  const onDial = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const address = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("address")).trim();
    const url = address.includes("://") ? address : `socket://${address}`;
    page.actions.listen({ url }, url);
  };
  const url = setup.link?.kind === "dial" ? setup.link.url : page.ui.listening?.includes("://") ? page.ui.listening : null;
  return html`<li class="device converter ${setup.link?.kind === "listen" || url ? "on" : ""}">
    ${icons.network}
    <div>
      <b>${t("guide.network")}</b>
      <small>${t("guide.calls", { host, port: told.port ?? 502 })}</small>
      ${told.port_open === false ? html`<small class="failure">${t("guide.port_closed", { port: told.port ?? 502 })}</small>` : nothing}
      ${isFixed
        ? nothing
        : html`<p class="actions">
              ${setup.link?.kind === "listen" ? nothing : html`<button type="button" class="outlined" @click=${() => page.actions.applySetup({ listen: true })}>${t("guide.let_it_call")}</button>`}
              ${told.port_open === false && told.can_open_port ? html`<button type="button" class="outlined" @click=${() => page.actions.applySetup({ open_port: true })}>${t("guide.open_port")}</button>` : nothing}
            </p>
            <form @submit=${onDial}>
              <label><span>${t("guide.address")}</span><input name="address" inputmode="url" autocomplete="off" placeholder="192.168.1.30:8899" .value=${url?.replace("socket://", "") ?? ""} required /></label>
              <button class="outlined">${t("guide.call_it")}</button>
              ${page.ui.listening && page.ui.listening === url && setup.link?.url !== url ? html`<button type="button" class="filled" @click=${() => page.actions.applySetup({ url })}>${t("guide.keep")}</button>` : nothing}
            </form>`}
    </div>
  </li>`;
}
