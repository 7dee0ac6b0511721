/** Asks for the texts while the other scripts are still on their way; it runs as soon as it is there itself. */

import { chooseLanguage, loadTexts, wantedLanguages } from "./i18n.js";

// What the others need of it comes from here, so that the packed page has it once.
export { createI18n, loadTexts, numberLocale } from "./i18n.js";
export const language = chooseLanguage(wantedLanguages());
export const texts = loadTexts(language).catch(() => null);
