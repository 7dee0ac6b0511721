/**
 * Copies the panel's libraries from node_modules to the folder that is served: no bundler, no request to the outside at
 * run time. Usage: npm ci && npm run vendor [-- FOLDER]
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2] ?? join(here, "neasmart", "web", "static", "vendor");

const LIT = [
  "lit-html.js",
  "directive.js",
  "directive-helpers.js",
  ...["cache", "class-map", "guard", "if-defined", "keyed", "live", "repeat", "style-map"].map((name) => `directives/${name}.js`),
];

/** Without the hint at a source map that is not served, and with what the caller adds. */
function copyScript(from, to, added = "") {
  const text = readFileSync(join(here, "node_modules", from), "utf8").replace(/\n?\/\/# sourceMappingURL=.*\s*$/, "\n");
  mkdirSync(dirname(join(target, to)), { recursive: true });
  writeFileSync(join(target, to), text + added);
}

rmSync(target, { recursive: true, force: true });
for (const file of LIT) copyScript(`lit-html/${file}`, `lit-html/${file}`);
cpSync(join(here, "node_modules/lit-html/LICENSE"), join(target, "lit-html/LICENSE"));

// uPlot ships its small build as a classic script only; one line makes it a module of half the size of its own.
copyScript("uplot/dist/uPlot.iife.min.js", "uplot/uPlot.js", "\nexport default uPlot;\n");
cpSync(join(here, "node_modules/uplot/dist/uPlot.min.css"), join(target, "uplot/uPlot.css"));
cpSync(join(here, "node_modules/uplot/LICENSE"), join(target, "uplot/LICENSE"));

// Two megabytes that are hardly ever asked for, so they are kept packed.
mkdirSync(join(target, "swagger"), { recursive: true });
for (const file of ["swagger-ui-bundle.js", "swagger-ui.css"]) {
  const text = readFileSync(join(here, "node_modules/swagger-ui-dist", file), "utf8");
  const plain = text.replace(/\n?(\/\/|\/\*)# sourceMappingURL=[^\n]*\s*$/, "\n");
  writeFileSync(join(target, "swagger", `${file}.gz`), gzipSync(plain, { level: 9 }));
}
for (const file of ["LICENSE", "NOTICE"]) {
  cpSync(join(here, "node_modules/swagger-ui-dist", file), join(target, "swagger", file));
}
