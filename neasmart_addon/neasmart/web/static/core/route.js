/** The address of what is looked at. A room's sheet is a place of its own, and leaving it never leaves the page. */

/** @typedef {import("../types.d.ts").Route} Route */

export const TABS = ["rooms", "history", "connection"];

/** @param {string} hash of the address @returns {Route} */
export function routeOf(hash) {
  const [tab = "", ...rest] = hash.replace(/^#/, "").split("/");
  if ((tab === "room" || tab === "zone") && rest.length === 2) return { tab: "rooms", room: `zone.${rest.join(".")}` };
  return { tab: TABS.includes(tab) ? tab : "rooms", room: null };
}

/** @param {number[]} index of the room */
export function addressOfRoom(index) {
  return `#room/${index.join("/")}`;
}

/**
 * Follows the address, and tells when a room was opened from within, so that going back closes it.
 * @param {(route: Route) => void} onRoute
 */
export function createRouter(onRoute) {
  const follow = () => onRoute(routeOf(location.hash));
  addEventListener("hashchange", follow);
  addEventListener("popstate", follow);
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const hash = link?.getAttribute("href") ?? "";
    if (!hash.startsWith("#room/") || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    history.pushState({ inside: true }, "", hash);
    follow();
  });
  return {
    /** Back to the rooms: by the way that was come, or in place where the address was opened directly. */
    closeRoom() {
      if (!routeOf(location.hash).room) return;
      if (history.state?.inside) {
        history.back();
        return;
      }
      history.replaceState(null, "", "#rooms");
      follow();
    },
  };
}
