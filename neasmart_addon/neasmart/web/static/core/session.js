/** Where one signs in to see the page, outside of Home Assistant: keeps the session alive, and ends it. */

import { get, send } from "./api.js";

const RENEW_MS = 6 * 3_600_000;

/** A page that stays open for weeks, as on a wall, asks for nothing that would prolong its session. */
export function keepSession() {
  if (isBehindLogin()) setInterval(() => get("session").catch(() => {}), RENEW_MS);
}

/** Leads to the form again. */
export async function signOut() {
  await send("DELETE", "session");
  location.reload();
}

/** Whether the gateway itself has asked who is there; Home Assistant does so elsewhere. */
export function isBehindLogin() {
  return document.documentElement.dataset["login"] !== undefined;
}
