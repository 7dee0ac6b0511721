/**
 * Talks to the gateway's REST interface, always relative to the page, because Home Assistant serves it under a prefix
 * of its own.
 */

const TIMEOUT_MS = 10_000;

/** What went wrong, with the stable code that the texts are looked up by. */
export class ApiError extends Error {
  /** @param {string} code @param {string} message @param {number} status 0 if no answer came */
  constructor(code, message, status) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** @param {string} path relative to the page, such as "api/v1/schema" */
export function addressOf(path) {
  return new URL(path, document.baseURI);
}

/** @param {string} path @param {number} [timeout_ms] @returns {Promise<any>} */
export function get(path, timeout_ms = TIMEOUT_MS) {
  return request(path, { method: "GET" }, timeout_ms);
}

/** @param {string} id of a point @param {number} value @returns {Promise<any>} the command */
export async function setPoint(id, value) {
  const answer = await request(`api/v1/points/${id}`, { method: "PUT", body: JSON.stringify({ value }) });
  return answer.command ?? answer;
}

/** Makes the base write all its values anew. */
export function sync() {
  return request("api/v1/sync", { method: "POST", body: "{}" });
}

/** How many values the base still has to write, and of how many. @returns {Promise<{refreshing: number, total: number}>} */
export function syncProgress() {
  return get("api/v1/sync");
}

/** Begins or ends a recording of the bus. @param {boolean} recording */
export function record(recording) {
  return request(recording ? "api/v1/captures" : "api/v1/captures/stop", { method: "POST", body: "{}" });
}

/** @param {string} path @param {RequestInit} options @param {number} [timeout_ms] */
async function request(path, options, timeout_ms = TIMEOUT_MS) {
  let response;
  try {
    response = await fetch(addressOf(path), {
      ...options,
      headers: options.body === undefined ? {} : { "Content-Type": "application/json" },
      signal: AbortSignal.timeout(timeout_ms),
    });
  } catch (error) {
    throw new ApiError("unreachable", String(error), 0);
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) {
    // Home Assistant answers 502 to 504 itself while the gateway restarts; that answer has no code of ours.
    const code = body?.code ?? (response.status >= 500 ? "unreachable" : "failed");
    throw new ApiError(code, body?.error ?? response.statusText, response.status);
  }
  return body;
}
