// Prints, as JSON, each style sheet with the rules whose words stand somewhere in a page or a script
// of the site: node unused.mjs SITE SHEET … (run by unused.py, with npm's PurgeCSS)

import { readFileSync } from "node:fs";
import { PurgeCSS } from "purgecss";

const [site, ...sheets] = process.argv.slice(2);
// What a cell that a reader runs in the page may show, though no page does.
const readers = ["blockquote", "dl", "dt", "dd", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "del", "ol"];
// A script may call data-mode `dataset.mode`: no attribute is missed.
const attributes = sheets.flatMap((sheet) => readFileSync(sheet, "utf8").match(/(?<=\[)[\w-]+/g) || []);

const purged = await new PurgeCSS().purge({
  css: sheets,
  content: [`${site}/**/*.html`, `${site}/_static/**/!(plotly*).js`],
  safelist: readers,
  dynamicAttributes: attributes,
});
console.log(JSON.stringify(Object.fromEntries(purged.map(({ file, css }) => [file, css]))));
