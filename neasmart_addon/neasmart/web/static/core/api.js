/**
 * Talks to the gateway's REST interface, always relative to the page, because Home Assistant serves it under a prefix
 * of its own.
 */

const TIMEOUT_MS = 10_000;
/** A file of two years takes a small computer a while. */
const FILE_MS = 600_000;

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

/** @param {string} path relative to the page @param {number} [timeout_ms] @returns {Promise<any>} */
export function get(path, timeout_ms = TIMEOUT_MS) {
  return request(path, { method: "GET" }, timeout_ms);
}

/**
 * @param {"POST" | "PUT" | "DELETE"} method @param {string} path relative to the page @param {object} [body]
 * @returns {Promise<any>}
 */
export function send(method, path, body = method === "DELETE" ? undefined : {}) {
  return request(path, body === undefined ? { method } : { method, body: JSON.stringify(body) }, TIMEOUT_MS);
}

/** Asks for a file. @param {string} path @returns {Promise<{blob: Blob, name: string}>} */
export async function getFile(path) {
  const response = await answered(path, { method: "GET" }, FILE_MS);
  const name = /filename="(.+?)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1];
  return { blob: await response.blob(), name: name ?? "neasmart" };
}

/** @param {string} path @param {RequestInit} options @param {number} timeout_ms */
async function request(path, options, timeout_ms) {
  return (await answered(path, options, timeout_ms)).json().catch(() => null);
}

/** @param {string} path @param {RequestInit} options @param {number} timeout_ms @returns {Promise<Response>} a good one */
async function answered(path, options, timeout_ms) {
  let response;
  try {
    response = await fetch(addressOf(path), {
      ...options,
      // What was asked for at last arrives also where the page is closed meanwhile.
      keepalive: options.method === "PUT",
      headers: options.body === undefined ? {} : { "Content-Type": "application/json" },
      signal: AbortSignal.timeout(timeout_ms),
    });
  } catch (error) {
    throw new ApiError("unreachable", String(error), 0);
  }
  // Where the gateway asks for a key it has a form for it; in Home Assistant this answer is not ours.
  if (response.status === 401 && document.documentElement.dataset["login"] !== undefined) location.reload();
  if (!response.ok) {
    const body = await response.json().catch(() => null);
    // Home Assistant answers 502 to 504 itself while the gateway restarts; that answer has no code of ours.
    const code = body?.code ?? (response.status >= 500 ? "unreachable" : "failed");
    throw new ApiError(code, body?.error ?? response.statusText, response.status);
  }
  return response;
}

/** @param {unknown} error */
export function codeOf(error) {
  return error instanceof ApiError ? error.code : "failed";
}

/** @param {unknown} error */
export function statusOf(error) {
  return error instanceof ApiError ? error.status : 0;
}

/** @param {unknown} error */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
