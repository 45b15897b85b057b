// The three best places that fit each query: node search.mjs SITE, with a list of queries as its input.

import { readFileSync } from "node:fs";
import { finder } from "../../book/_extensions/search/rank.mjs";

const read = (file) => JSON.parse(readFileSync(file, "utf8"));
const find = await finder(read(`${process.argv[2]}/_static/search.json`));
const fitting = (query) => {
  const hits = find(query, 3);
  return hits?.fit === false ? [] : hits;
};
console.log(JSON.stringify(read(0).map(fitting)));
