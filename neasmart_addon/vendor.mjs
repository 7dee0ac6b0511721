/**
 * Copies the panel's libraries from node_modules to the folder that is served, and packs the panel into a few small
 * files beside them: nothing is fetched at run time. Usage: npm ci && npm run vendor
 */
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, transform } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "neasmart", "web", "static");
const target = join(source, "vendor");
const packed = join(target, "packed");

/** What stays a file of its own: the texts are asked for before the rest is there, the chart only where it is drawn. */
const SCRIPTS = ["early.js", "main.js", "chart.js"];
/** Private fields and `??=` stay as they are; nothing newer than in the sources is made of them. */
const LANGUAGE = "es2022";

/** Without the hint at a source map that is not served, and with what the caller adds. */
function copyScript(from, to, added = "") {
  const text = readFileSync(join(here, "node_modules", from), "utf8").replace(/\n?\/\/# sourceMappingURL=.*\s*$/, "\n");
  write(join(target, to), text + added);
}

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** The panel's own files by their path with slashes. */
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

/** An import of another file of its own stays an import of that file. */
const apart = (entry) => ({
  name: "apart",
  setup(bundler) {
    bundler.onResolve({ filter: /\.js$/ }, ({ path, kind }) => {
      const name = SCRIPTS.find((each) => path.endsWith(`/${each}`));
      return name && name !== entry && kind !== "entry-point" ? { path: `./${name}`, external: true } : undefined;
    });
  },
});

async function pack() {
  const paths = ownFiles();
  for (const name of SCRIPTS) {
    await build({
      entryPoints: [join(source, name)],
      outfile: join(packed, name),
      bundle: true,
      format: "esm",
      minify: true,
      target: LANGUAGE,
      charset: "utf8",
      plugins: [apart(name)],
      logLevel: "warning",
    });
  }
  const inside = (path) => !SCRIPTS.includes(path);
  for (const path of paths) {
    const text = readFileSync(join(source, path), "utf8");
    if (path === "index.html") {
      write(join(packed, path), text.replace(/^<link rel="modulepreload" href="static\/([^"]+)">\n/gm, (line, script) => (inside(script) ? "" : line)));
    } else if (path.endsWith(".css")) {
      write(join(packed, path), (await transform(text, { loader: "css", minify: true, target: LANGUAGE })).code);
    } else if (path.endsWith(".json")) {
      write(join(packed, path), JSON.stringify(JSON.parse(text)));
    } else if (!path.endsWith(".js")) {
      cpSync(join(source, path), join(packed, path));
    }
  }
  cpSync(join(target, "uplot/uPlot.css"), join(packed, "vendor/uplot/uPlot.css"));
  write(join(packed, "sources.sha256"), fingerprint(paths));
}

rmSync(target, { recursive: true, force: true });
copyScript("lit-html/lit-html.js", "lit-html/lit-html.js");
cpSync(join(here, "node_modules/lit-html/LICENSE"), join(target, "lit-html/LICENSE"));

// uPlot ships its small build as a classic script only; one line makes it a module of half the size of its own.
copyScript("uplot/dist/uPlot.iife.min.js", "uplot/uPlot.js", "\nexport default uPlot;\n");
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
