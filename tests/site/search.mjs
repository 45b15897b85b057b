// The three best places for each query: node search.mjs SITE, with a list of queries as its input.

import { readFileSync } from "node:fs";
import { finder } from "../../book/_extensions/search/rank.mjs";

const read = (file) => JSON.parse(readFileSync(file, "utf8"));
const find = await finder(read(`${process.argv[2]}/_static/search.json`));
console.log(JSON.stringify(read(0).map((query) => find(query, 3))));
