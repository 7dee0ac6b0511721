import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["node_modules/**", "neasmart/web/static/vendor/**"] },
  js.configs.recommended,
  {
    files: ["neasmart/web/static/**/*.js"],
    languageOptions: { globals: globals.browser },
    rules: {
      "max-lines": ["error", 250],
      complexity: ["error", 26],
      eqeqeq: "error",
      "no-alert": "error",
      "no-console": "error",
      "no-eval": "error",
      "no-implicit-coercion": "error",
      "no-param-reassign": "off",
      "no-shadow": "error",
      "no-unused-expressions": "error",
      "no-useless-return": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "prefer-template": "error",
      // Views are pure: what asks the gateway stays in core/.
      "no-restricted-globals": ["error", { name: "fetch", message: "Views never fetch; core/api.js does." }],
      "no-restricted-imports": ["error", { patterns: [{ group: ["**/core/api.js"], message: "Views never fetch; core/actions.js does." }] }],
    },
  },
  {
    files: ["neasmart/web/static/core/*.js", "neasmart/web/static/main.js"],
    rules: { "no-restricted-globals": "off", "no-restricted-imports": "off" },
  },
  { files: ["neasmart/web/swagger/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["*.mjs", "*.js"], languageOptions: { globals: globals.node } },
];
