/** Asks for the texts while the other scripts are still on their way; it runs as soon as it is there itself. */

import { chooseLanguage, loadTexts, wantedLanguages } from "./core/i18n.js";

export const language = chooseLanguage(wantedLanguages());
export const texts = loadTexts(language).catch(() => null);
