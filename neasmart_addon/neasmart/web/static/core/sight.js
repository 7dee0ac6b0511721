/** Which cards somebody can see: the browser tells, because it lays out only those near the window. */

/** @param {() => void} onSeen when a card has come into sight @returns {{has: (id: string) => boolean}} */
export function createSight(onSeen) {
  /** @type {Map<string, Element>} */
  const unseen = new Map();
  // What a browser does not tell of is seen.
  document.addEventListener(
    "contentvisibilityautostatechange",
    (event) => {
      const card = /** @type {HTMLElement} */ (event.target);
      const id = card.dataset["zone"] ?? "";
      if (/** @type {ContentVisibilityAutoStateChangeEvent} */ (event).skipped) unseen.set(id, card);
      else if (unseen.delete(id)) onSeen();
    },
    true,
  );
  return {
    // A card that has gone may have a successor, of which nothing was told yet.
    has: (id) => !unseen.get(id)?.isConnected,
  };
}
