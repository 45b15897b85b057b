// One style sheet for the whole site: node slim.mjs SITE SHEET … (run by slim.py)
// Of the theme's sheets stay the rules whose words stand somewhere in a page or a script.

import { writeFileSync } from "node:fs";
import { build } from "esbuild";
import { PurgeCSS } from "purgecss";

const [site, ...names] = process.argv.slice(2);
const folder = `${site}/_static`;
const theirs = [
  "basic.css",
  ...names.filter((name) => /-theme\.css|sphinx-design|mystnb/.test(name)),
].map((name) => `${folder}/${name}`);

const purged = await new PurgeCSS().purge({
  css: theirs,
  content: [`${site}/**/*.html`, `${folder}/**/!(plotly*|search).js`],
});
for (const { file, css } of purged) writeFileSync(file, css);

// What a sheet asks for is written once more where it lies, for so its place is found.
await build({
  stdin: {
    contents: names.map((name) => `@import "./${name}";`).join("\n"),
    resolveDir: folder,
    loader: "css",
  },
  bundle: true,
  minify: true,
  target: ["chrome105", "firefox110", "safari16"], // which know no rule inside another
  outfile: `${folder}/pages.css`,
  outbase: folder,
  assetNames: "[dir]/[name]",
  loader: Object.fromEntries(
    ["woff2", "woff", "ttf", "svg", "png"].map((kind) => [`.${kind}`, "file"]),
  ),
  allowOverwrite: true,
  logLevel: "silent",
});
