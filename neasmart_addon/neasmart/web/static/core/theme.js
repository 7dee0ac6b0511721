/**
 * Takes over Home Assistant's theme where the page is framed by it; elsewhere the style sheet's own light and dark
 * defaults apply.
 */

const COPIED = [
  "--primary-color",
  "--primary-background-color",
  "--card-background-color",
  "--ha-card-background",
  "--primary-text-color",
  "--secondary-text-color",
  "--divider-color",
  "--error-color",
  "--warning-color",
  "--success-color",
  "--info-color",
  "--ha-card-border-radius",
  "--ha-card-border-color",
  "--ha-card-border-width",
  "--ha-card-box-shadow",
];

/** Follows the parent's theme until the page is closed. */
export function followTheme() {
  let outer;
  try {
    if (window.parent === window) return;
    outer = window.parent.document.documentElement;
    copyTheme(outer);
  } catch {
    return;
  }
  const observer = new MutationObserver(() => copyTheme(outer));
  observer.observe(outer, { attributes: true, attributeFilter: ["style", "class"] });
}

/** @param {HTMLElement} outer the parent's root element */
function copyTheme(outer) {
  const theirs = window.parent.getComputedStyle(outer);
  const ours = document.documentElement;
  for (const name of COPIED) {
    const value = theirs.getPropertyValue(name).trim();
    if (value) ours.style.setProperty(name, value);
    else ours.style.removeProperty(name);
  }
  const background = theirs.getPropertyValue("--primary-background-color").trim();
  if (background) ours.dataset["theme"] = isDark(background) ? "dark" : "light";
}

/** @param {string} colour any CSS colour */
function isDark(colour) {
  const probe = document.createElement("i");
  probe.style.color = colour;
  document.body.append(probe);
  const [red = 255, green = 255, blue = 255] = (getComputedStyle(probe).color.match(/[\d.]+/g) ?? []).map(Number);
  probe.remove();
  return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
}
