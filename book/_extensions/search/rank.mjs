// What ranks the places of the book for a query. No page is needed: tests run it in Node.

import MiniSearch from "minisearch";

// One thing has one word, in texts and in queries.
const SAME = [
  [/lora(\+| ?plus)/g, " loraplus "],
  [/α/g, " alpha "],
  [/η/g, " lr "],
  [/√|\broot\b/g, " sqrt "],
  [/\bbf16\b/g, "bfloat16"],
  [/\bfour\b/g, "4"],
  [/\bforg(ot|ets|etting|otten)\b/g, "forget"],
  [/\b(fine|warm)[ -](?=tun|up)/g, "$1"],
  [/\b\d+e-\d+\b/g, (number) => String(Number(number))],
];
// A query finds these, too.
const ALSO = [
  [/\blr\b|\blearning rates?\b/g, "learning rate lr"],
  [/\br\b|\bdims?\b/g, "$& rank"],
  [/\b(v?ram|oom|gpus?|\d+ ?gb)\b/g, "$& memory"],
];
const EMPTY = new Set(
  `a and are at be can do does for how i if in is it my not of on or s should t the this to use
  was what which will with`.split(/\s+/),
);
const WORDS = /\d+(?:\.\d+)+|\d+|\p{L}+/gu;

/** The words of a text, without its signs. */
function words(text, rules = SAME) {
  let plain = text.toLowerCase();
  for (const [pattern, word] of rules) plain = plain.replace(pattern, word);
  return plain.match(WORDS) ?? [];
}

const asked = (query) => words(query, [...SAME, ...ALSO]);

/** The stem of a word, roughly; null where it says nothing. */
function stem(word) {
  if (EMPTY.has(word)) return null;
  const root = word.replace(/i[sz](e|ed|ing|ations?)$/, "is").replace(/([^s])s$/, "$1");
  return root.length > 4 ? root.replace(/(ing|ed|e)$/, "") : root;
}

const stems = (text) => new Set(asked(text).map(stem).filter(Boolean));

// What a hit of each kind counts beside a section of a chapter, and what one counts whose title, or
// words that people ask with, are the query, or have it in them.
const WEIGHT = { answer: 1.6, section: 1, term: 0.7, false: 0.8, note: 0.5, code: 0.4, aside: 0.3 };
const SAID_SO = 2;
const SAID_AMONG = 1.5;

/** A function that gives the best places for a query, best first. It takes a moment, in pieces. */
export async function finder(places) {
  const phrases = places.map((place) => [place.title, ...place.asked].map(stems));
  const known = new Set();
  const index = new MiniSearch({
    fields: ["title", "asked", "verdict", "of", "text"],
    extractField: (place, field) => String(place[field]),
    tokenize: (text) => new Set(words(text)), // faster, and ranks as well
    processTerm: (word) => {
      const term = stem(word);
      known.add(term);
      return term;
    },
    searchOptions: {
      tokenize: asked,
      processTerm: stem,
      boost: { title: 4, asked: 3, verdict: 1.5 },
      prefix: (_, i, terms) => i === terms.length - 1,
      fuzzy: (term) => !known.has(term) && term.length > 4 && 0.2, // a typo
      weights: { fuzzy: 0.3, prefix: 0.4 },
      boostTerm: (term) => (term === "lora" ? 0.2 : 1), // it stands everywhere
    },
  });
  await index.addAllAsync(
    places.map((place, id) => ({ ...place, id })),
    { chunkSize: 40 },
  );

  return (query, limit) => {
    const terms = stems(query);
    const said = (id) => {
      const having = phrases[id].filter((phrase) => [...terms].every((term) => phrase.has(term)));
      if (having.some(({ size }) => size === terms.size)) return SAID_SO;
      return having.length ? SAID_AMONG : 1;
    };
    const boostDocument = (id) => WEIGHT[places[id].kind] * said(id);
    return index
      .search(query, { boostDocument })
      .slice(0, limit)
      .map(({ id }) => places[id]);
  };
}
