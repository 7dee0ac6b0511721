/**
 * Copies the panel's libraries from node_modules to the folder that is served, and packs the panel into a few small
 * files beside them: nothing is fetched at run time. Usage: npm ci && npm run vendor
 */
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "neasmart", "web", "static");
const target = join(source, "vendor");
const packed = join(target, "packed");

/** What the browser asks for itself; tabs that are opened later become files of their own, and so does what they share. */
const SCRIPTS = ["early.js", "main.js"];
const SHEETS = ["panel.css", "sheet/sheet.css", "history/history.css", "connection/connection.css", "sign_in/sign_in.css"];
/** Private fields and `??=` stay as they are; nothing newer than in the sources is made of them. */
const LANGUAGE = "es2022";
const DIRECTIVES = ["guard", "repeat"];

/** Without the hint at a source map that is not served, and with what the caller adds. */
function copyScript(from, to, added = "") {
  const text = readFileSync(join(here, "node_modules", from), "utf8").replace(/\n?\/\/# sourceMappingURL=.*\s*$/, "\n");
  write(join(target, to), text + added);
}

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** The panel's own files by their path with slashes; what only the type checker reads is no part of the page. */
function ownFiles() {
  return readdirSync(source, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(source, join(entry.parentPath ?? entry.path, entry.name)).split(sep).join("/"))
    .filter((path) => !path.startsWith("vendor/"))
    .sort();
}

/** Tells the gateway whether the packed files still say what the sources say; assets.py computes the same. */
function fingerprint(paths) {
  const digest = createHash("sha256");
  for (const path of paths) digest.update(`${path}\0`).update(readFileSync(join(source, path)));
  return digest.digest("hex");
}

const common = { bundle: true, minify: true, target: LANGUAGE, charset: "utf8", logLevel: "warning" };

/** Packs the scripts; returns those that the first look needs beside the two that the index names. */
async function packScripts() {
  const { metafile } = await build({
    ...common,
    entryPoints: SCRIPTS.map((name) => join(source, name)),
    outdir: packed,
    format: "esm",
    splitting: true,
    chunkNames: "[name]-[hash]",
    metafile: true,
    absWorkingDir: packed.replace(/packed$/, ""),
  });
  const needed = new Set();
  const visit = (path) => {
    for (const { path: imported, kind } of metafile.outputs[path]?.imports ?? []) {
      if (kind !== "import-statement" || needed.has(imported)) continue;
      needed.add(imported);
      visit(imported);
    }
  };
  for (const path of Object.keys(metafile.outputs)) if (SCRIPTS.includes(basename(path))) visit(path);
  return [...needed].map((path) => basename(path)).filter((name) => !SCRIPTS.includes(name));
}

async function pack() {
  const paths = ownFiles();
  mkdirSync(packed, { recursive: true });
  const needed = await packScripts();
  const preloads = needed.map((name) => `<link rel="modulepreload" href="static/${name}">\n`).join("");
  for (const path of SHEETS) {
    await build({ ...common, entryPoints: [join(source, path)], outfile: join(packed, path) });
  }
  for (const path of paths) {
    const text = readFileSync(join(source, path), "utf8");
    if (path === "index.html") write(join(packed, path), text.replace("</head>", `${preloads}</head>`));
    else if (path.endsWith(".json")) write(join(packed, path), JSON.stringify(JSON.parse(text)));
    else if (path.endsWith(".svg") || path.endsWith(".html")) cpSync(join(source, path), join(packed, path));
  }
  write(join(packed, "sources.sha256"), fingerprint(paths));
}

rmSync(target, { recursive: true, force: true });
copyScript("lit-html/lit-html.js", "lit-html/lit-html.js");
for (const name of ["directive", "directive-helpers"]) copyScript(`lit-html/${name}.js`, `lit-html/${name}.js`);
for (const name of DIRECTIVES) copyScript(`lit-html/directives/${name}.js`, `lit-html/directives/${name}.js`);
cpSync(join(here, "node_modules/lit-html/LICENSE"), join(target, "lit-html/LICENSE"));
// For the type checker; the gateway serves no such file.
for (const name of ["lit-html", "directive", ...DIRECTIVES.map((each) => `directives/${each}`)]) {
  copyScript(`lit-html/${name}.d.ts`, `lit-html/${name}.d.ts`);
}

// uPlot ships its small build as a classic script only; one line makes it a module of half the size of its own.
copyScript("uplot/dist/uPlot.iife.min.js", "uplot/uPlot.js", "\nexport default uPlot;\n");
copyScript("uplot/dist/uPlot.d.ts", "uplot/uPlot.d.ts");
cpSync(join(here, "node_modules/uplot/dist/uPlot.min.css"), join(target, "uplot/uPlot.css"));
cpSync(join(here, "node_modules/uplot/LICENSE"), join(target, "uplot/LICENSE"));

// Two megabytes that are hardly ever asked for, so they are kept packed.
for (const file of ["swagger-ui-bundle.js", "swagger-ui.css"]) {
  const text = readFileSync(join(here, "node_modules/swagger-ui-dist", file), "utf8");
  const plain = text.replace(/\n?(\/\/|\/\*)# sourceMappingURL=[^\n]*\s*$/, "\n");
  write(join(target, "swagger", `${file}.gz`), gzipSync(plain, { level: 9 }));
}
for (const file of ["LICENSE", "NOTICE"]) {
  cpSync(join(here, "node_modules/swagger-ui-dist", file), join(target, "swagger", file));
}

await pack();
