/**
 * Keeps the page supplied: a WebSocket with reconnect, and polling where WebSockets do not get through. Closed while
 * the page is hidden. Where nothing comes it finds out whether the way or the gateway is at fault.
 */

import { addressOf, get, statusOf } from "./api.js";
import { pageClock } from "./model.js";
import { isBehindLogin } from "./session.js";

const FIRST_WAIT_S = 1;
const LONGEST_WAIT_S = 30;
const SILENCE_MS = 45_000;
const FAILURES_BEFORE_POLLING = 3;
const POLL_EVERY_S = 5;

/** @typedef {import("../types.d.ts").Connection} Connection */

/**
 * @param {{onMessage: (message: any, askedAt: number) => void, onConnection: (connection: Connection) => void}} listener
 * @returns {{start: () => void}}
 */
export function createLive({ onMessage, onConnection }) {
  /** @type {WebSocket | null} */
  let socket = null;
  let failures = 0;
  let retryTimer = 0;
  let pollTimer = 0;
  let silenceTimer = 0;
  let polling = false;
  let heardAt_ms = 0;

  function connect() {
    clearTimeout(retryTimer);
    if (socket || document.hidden) return;
    const address = addressOf("api/v1/live");
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const mine = new WebSocket(address);
    socket = mine;
    const askedAt = pageClock();
    let gotAny = false;
    heardAt_ms = performance.now();
    watchSilence(mine, SILENCE_MS);
    mine.addEventListener("message", (event) => {
      if (socket !== mine) return;
      heardAt_ms = performance.now();
      const message = JSON.parse(event.data);
      if (!gotAny && message.type !== "hello") {
        gotAny = true;
        failures = 0;
        stopPolling();
        onConnection("live");
      }
      onMessage(message, askedAt);
    });
    mine.addEventListener("close", () => {
      if (socket !== mine) return;
      socket = null;
      clearTimeout(silenceTimer);
      onLoss();
      retryTimer = window.setTimeout(connect, waitMs(failures));
    });
  }

  function onLoss() {
    failures += 1;
    if (failures >= FAILURES_BEFORE_POLLING) startPolling();
    else if (!polling) ask();
  }

  /**
   * A connection that was cut without a word looks open for minutes; the gateway speaks every few seconds.
   * @param {WebSocket} watched @param {number} wait_ms
   */
  function watchSilence(watched, wait_ms) {
    clearTimeout(silenceTimer);
    silenceTimer = window.setTimeout(() => {
      if (socket !== watched) return;
      const left_ms = heardAt_ms + SILENCE_MS - performance.now();
      if (left_ms > 0) return watchSilence(watched, left_ms);
      abandon();
      onLoss();
      connect();
    }, wait_ms);
  }

  function abandon() {
    const old = socket;
    socket = null;
    clearTimeout(silenceTimer);
    old?.close();
  }

  function startPolling() {
    if (polling) return;
    polling = true;
    poll();
  }

  function stopPolling() {
    polling = false;
    clearTimeout(pollTimer);
  }

  /** Asks once; a failure tells what is gone, unless the socket is back meanwhile. @returns {Promise<boolean>} whether an answer came */
  async function ask() {
    const askedAt = pageClock();
    try {
      const snapshot = await get("api/v1/snapshot");
      if (failures) onMessage(snapshot, askedAt);
      return true;
    } catch (error) {
      // Without Home Assistant in between there is only one way to be cut off.
      if (failures) onConnection(statusOf(error) === 0 && !isBehindLogin() ? "cut_off" : "gateway_down");
      return false;
    }
  }

  async function poll() {
    clearTimeout(pollTimer);
    if ((await ask()) && polling) onConnection("polling");
    if (polling && !document.hidden) pollTimer = window.setTimeout(poll, POLL_EVERY_S * 1000);
  }

  function onVisibility() {
    if (document.hidden) {
      clearTimeout(retryTimer);
      clearTimeout(pollTimer);
      abandon();
    } else {
      connect();
      if (polling) poll();
    }
  }

  return {
    start() {
      document.addEventListener("visibilitychange", onVisibility);
      addEventListener("online", connect);
      addEventListener("offline", () => {
        // What is open may stay so for minutes without a word.
        abandon();
        onLoss();
        retryTimer = window.setTimeout(connect, waitMs(failures));
      });
      connect();
    },
  };
}

/** Doubling, with jitter, so that all open pages do not come back at the same instant. @param {number} failures */
function waitMs(failures) {
  const wait_s = Math.min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (failures - 1));
  return wait_s * 1000 * (0.5 + Math.random() / 2);
}
