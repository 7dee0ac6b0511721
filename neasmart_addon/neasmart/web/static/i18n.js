/**
 * Speaks the owner's language: texts from one flat file, numbers and times by Intl. All languages have the same keys,
 * so no file but the chosen one is loaded.
 */

export const LANGUAGES = ["en", "de", "it", "fr"];

const NOW_S = 5;
const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86_400;
const NARROW_SPACE = "\u202f";
export const DASH = "\u2013";

/** @param {Iterable<string>} wanted language tags, most wanted first @returns {string} */
export function chooseLanguage(wanted) {
  for (const tag of wanted) {
    const language = String(tag).toLowerCase().split("-")[0];
    if (LANGUAGES.includes(language)) return language;
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

/** The browser's own flavour of a language, such as en-GB, for numbers and times. @param {string} language */
export function numberLocale(language) {
  return navigator.languages.find((tag) => tag.toLowerCase().split("-")[0] === language) ?? language;
}

/** @param {string} language @returns {Promise<Record<string, string>>} */
export async function loadTexts(language) {
  const response = await fetch(new URL(`./i18n/${language}.json`, import.meta.url));
  if (!response.ok) throw new Error(`texts: ${response.status}`);
  return response.json();
}

/**
 * @param {string} locale such as de or en-GB
 * @param {Record<string, string>} texts
 */
export function createI18n(locale, texts) {
  const one = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const plain = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
  const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  const ago = new Intl.RelativeTimeFormat(locale, { numeric: "always", style: "short" });
  const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const dayAndClock = new Intl.DateTimeFormat(locale, { dateStyle: "short", timeStyle: "medium" });

  const i18n = {
    locale,
    /** @param {string} key @param {Record<string, unknown>} [parameters] for the {names} in the text */
    t(key, parameters = {}) {
      const text = texts[key] ?? key;
      return text.replace(/\{(\w+)\}/g, (whole_, name) => (name in parameters ? String(parameters[name]) : whole_));
    },
    /** @param {string} key */
    has: (key) => key in texts,
    /** @param {number | null | undefined} value with one decimal, as temperatures are read */
    degrees: (value) => (value === null || value === undefined ? DASH : one.format(value)),
    /** @param {number | null | undefined} value degC */
    temperature: (value) => (value === null || value === undefined ? DASH : `${one.format(value)}${NARROW_SPACE}°C`),
    /** @param {number | null | undefined} value */
    percent: (value) => (value === null || value === undefined ? DASH : `${whole.format(value)}${NARROW_SPACE}%`),
    /** @param {number} value */
    count: (value) => whole.format(value),
    /** @param {number} value */
    number: (value) => plain.format(value),
    /** @param {number | null | undefined} age_s seconds, for example "3 min ago" */
    age(age_s) {
      if (age_s === null || age_s === undefined) return i18n.t("age.never");
      if (age_s < NOW_S) return i18n.t("age.now");
      if (age_s < MINUTE_S) return ago.format(-Math.round(age_s), "second");
      if (age_s < HOUR_S) return ago.format(-Math.round(age_s / MINUTE_S), "minute");
      if (age_s < DAY_S) return ago.format(-Math.round(age_s / HOUR_S), "hour");
      return ago.format(-Math.round(age_s / DAY_S), "day");
    },
    /** @param {string | null} iso the gateway's own clock, shown for the log only */
    time(iso) {
      if (!iso) return DASH;
      const at = new Date(iso);
      const isToday = at.toDateString() === new Date().toDateString();
      return (isToday ? clock : dayAndClock).format(at);
    },
  };
  return i18n;
}

/** @typedef {ReturnType<typeof createI18n>} I18n */
