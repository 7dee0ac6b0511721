/** Gives files to the browser, which keeps them where it keeps all that is taken along. */

import { getFile } from "./api.js";

const KEPT_MS = 1000;

/** @param {Blob} blob @param {string} name */
export function saveFile(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}

/**
 * Takes along what a link leads to. By itself it would save what went wrong as if it were the file.
 * @param {Event} event of the link @param {(error: unknown) => void} onFailure
 */
export async function takeAlong(event, onFailure) {
  event.preventDefault();
  try {
    const { blob, name } = await getFile(/** @type {HTMLAnchorElement} */ (event.currentTarget).href);
    saveFile(blob, name);
  } catch (error) {
    onFailure(error);
  }
}
