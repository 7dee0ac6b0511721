/**
 * An age in words that counts on by itself, as an element: `<age-of since=...>` takes the instant of the page's clock,
 * so that a tick of the clock redraws the ages and nothing else.
 */

import { pageClock } from "./model.js";

/** @type {Set<AgeOf>} */
const shown = new Set();
/** @type {(age_s: number | null) => string} */
let words = () => "";

class AgeOf extends HTMLElement {
  #shown = "";
  static observedAttributes = ["since"];

  connectedCallback() {
    shown.add(this);
    this.show(pageClock());
  }

  disconnectedCallback() {
    shown.delete(this);
  }

  attributeChangedCallback() {
    this.show(pageClock());
  }

  /** @param {number} now */
  show(now) {
    const since = this.getAttribute("since");
    const text = words(since ? Math.max(0, now - Number(since)) : null);
    if (this.#shown === text) return;
    this.#shown = text;
    this.replaceChildren(text);
  }
}

/** @param {(age_s: number | null) => string} wording */
export function speakAges(wording) {
  words = wording;
  if (!customElements.get("age-of")) customElements.define("age-of", AgeOf);
}

/** @param {number} now seconds of the page's clock */
export function tickAges(now) {
  for (const element of shown) element.show(now);
}
