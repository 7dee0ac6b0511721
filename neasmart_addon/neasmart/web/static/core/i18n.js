/**
 * Speaks the owner's language: texts from one flat file, numbers and times by Intl. All languages have the same keys,
 * so no file but the chosen one is loaded; which there are the gateway tells by the files that it found.
 */

const NOW_S = 5;
const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86_400;
/** What is older was noted before the gateway's computer had learned the time. */
const FIRST_TIME = Date.UTC(2024, 0);
const NARROW_SPACE = "\u202f";
export const DASH = "\u2013";

/** @param {Iterable<string>} wanted language tags, most wanted first @returns {string} */
export function chooseLanguage(wanted) {
  const languages = (document.documentElement.dataset["languages"] ?? "").split(" ");
  for (const tag of wanted) {
    const language = String(tag).toLowerCase().split("-")[0] ?? "";
    if (language && languages.includes(language)) return language;
  }
  return "en";
}

/** The language of Home Assistant if its page can be read, then those of the browser. */
export function wantedLanguages() {
  const wanted = [...navigator.languages];
  try {
    if (window.parent !== window) wanted.unshift(window.parent.document.documentElement.lang);
  } catch {
    // Another origin: the browser's languages will do.
  }
  return wanted;
}

/** Whether Home Assistant shows degrees Fahrenheit, false where its page cannot be read. */
export function wantsFahrenheit() {
  try {
    const assistant = /** @type {any} */ (window.parent.document.querySelector("home-assistant"));
    return assistant?.hass?.config?.unit_system?.temperature === "°F";
  } catch {
    return false;
  }
}

/** The browser's own flavour of a language, such as en-GB, for numbers and times. @param {string} language */
export function numberLocale(language) {
  return navigator.languages.find((tag) => tag.toLowerCase().split("-")[0] === language) ?? language;
}

/** @param {string} language @param {"i18n" | "later"} [folder] later are those of the tabs and the sheet @returns {Promise<Record<string, string>>} */
export async function loadTexts(language, folder = "i18n") {
  const response = await fetch(new URL(`${folder}/${language}.json`, filesAddress()));
  if (!response.ok) throw new Error(`texts: ${response.status}`);
  return response.json();
}

/** The folder of the page's files, version and all; the icon in index.html tells it, packed or not. */
export function filesAddress() {
  const icon = document.querySelector('link[rel="icon"]')?.getAttribute("href") ?? "static/icon.svg";
  return new URL(".", new URL(icon, document.baseURI));
}

/**
 * @param {string} locale such as de or en-GB
 * @param {Record<string, string>} texts
 * @param {{fahrenheit?: boolean}} [options]
 * @returns {import("../types.d.ts").I18n}
 */
export function createI18n(locale, texts, { fahrenheit = false } = {}) {
  const one = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const plain = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
  const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  const ago = new Intl.RelativeTimeFormat(locale, { numeric: "always", style: "short" });
  const minutes = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
  const seconds = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const dayAndClock = new Intl.DateTimeFormat(locale, { dateStyle: "short", timeStyle: "medium" });
  const unit = fahrenheit ? "°F" : "°C";
  const toShown = (/** @type {number} */ celsius) => (fahrenheit ? celsius * 1.8 + 32 : celsius);
  const shown = (/** @type {unknown} */ value) => (typeof value === "number" ? one.format(toShown(value)) : DASH);

  /** @type {import("../types.d.ts").I18n} */
  const i18n = {
    locale,
    fahrenheit,
    toShown,
    toCelsius: (value) => (fahrenheit ? Math.round(((value - 32) / 1.8) * 100) / 100 : value),
    t(key, parameters = {}) {
      const text = texts[key] ?? key;
      return text.replace(/\{(\w+)\}/g, (all, name) => (name in parameters ? String(/** @type {any} */ (parameters)[name]) : all));
    },
    has: (key) => key in texts,
    learn: (more) => void Object.assign(texts, more),
    degrees: shown,
    temperature: (value) => (typeof value === "number" ? `${shown(value)}${NARROW_SPACE}${unit}` : DASH),
    percent: (value) => (typeof value === "number" ? `${whole.format(value)}${NARROW_SPACE}%` : DASH),
    count: (value) => whole.format(value),
    number: (value) => plain.format(value),
    age(age_s) {
      if (age_s === null || age_s === undefined) return i18n.t("age.never");
      if (age_s < NOW_S) return i18n.t("age.now");
      if (age_s < MINUTE_S) return ago.format(-Math.round(age_s), "second");
      if (age_s < HOUR_S) return ago.format(-Math.round(age_s / MINUTE_S), "minute");
      if (age_s < DAY_S) return ago.format(-Math.round(age_s / HOUR_S), "hour");
      return ago.format(-Math.round(age_s / DAY_S), "day");
    },
    time(iso) {
      const at = new Date(iso ?? 0);
      if (!(at.getTime() >= FIRST_TIME)) return DASH;
      const isToday = at.toDateString() === new Date().toDateString();
      return (isToday ? seconds : dayAndClock).format(at);
    },
    clock: (at_s) => minutes.format(at_s * 1000),
  };
  return i18n;
}
