// Builds the page into src/quanheng/desk/static and writes the manifest of what it was built from.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const out = join(import.meta.dirname, "../../src/quanheng/desk/static");
const hash = (path) => createHash("sha256").update(readFileSync(path)).digest("hex");
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await build({
  entryPoints: { app: "src/main.ts" }, bundle: true, minify: true, format: "esm", target: "es2022",
  outdir: out, charset: "utf8", legalComments: "none", logLevel: "warning",
});
await build({ entryPoints: { app: "src/style.css" }, bundle: true, minify: true, outdir: out, logLevel: "warning" });
for (const name of ["index.html", "icon.svg"]) writeFileSync(join(out, name), readFileSync(join("src", name)));
const sources = {};
for (const name of ["package.json", "package-lock.json", "tsconfig.json", "build.mjs"]) sources[name] = hash(name);
for (const name of readdirSync("src").sort()) sources[`src/${name}`] = hash(join("src", name));
const built = {};
for (const name of readdirSync(out).sort()) built[name] = hash(join(out, name));
writeFileSync(join(out, "manifest.json"), JSON.stringify({ sources, built }, null, 1) + "\n");
