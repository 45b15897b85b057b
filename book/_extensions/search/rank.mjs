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
  const root = word.replace(/i[sz](e|ed|ing|ations?)$/, "iz").replace(/([^s])s$/, "$1");
  return root.length > 4 ? root.replace(/(ing|ed|e)$/, "").replace(/(.)\1$/, "$1") : root;
}

const tells = (term) => term && term !== "lora"; // which stands everywhere
const stems = (text) => [...new Set(asked(text).map(stem).filter(tells))];

/** How much of a phrase and of what is asked is the same, from 0 to 1. The last word may have begun
 * only. */
function likeness(phrase, terms) {
  const last = terms.at(-1);
  const common = phrase.filter((word) => terms.includes(word) || word.startsWith(last));
  const all = phrase.length + terms.length;
  return all ? (2 * common.length) / all : 1;
}

// What a hit of each kind counts beside a section of a chapter. One whose title, or words that people
// ask with, are the query, counts six times.
const WEIGHT = { answer: 1.6, section: 1, term: 0.7, false: 0.8, aside: 0.4 };
const SAID_SO = 5;

/** A function that gives the best places for a query, best first, and null where its words say
 * nothing. It takes a moment, in pieces. */
export async function finder(places) {
  const phrases = places.map((place) => [place.title, ...place.asked].map(stems));
  const known = new Set();
  const index = new MiniSearch({
    fields: ["title", "asked", "verdict", "of", "text"],
    extractField: (place, field) => String(place[field]),
    tokenize: (text) => words(text),
    processTerm: (word) => {
      const term = stem(word);
      known.add(term);
      return term;
    },
    searchOptions: {
      tokenize: asked,
      processTerm: (word) => {
        const term = stem(word);
        return known.has(term) ? term : term?.replace(/(?<=.{4})t?in?$/, ""); // "-ing" has begun
      },
      boost: { title: 4, asked: 3 },
      prefix: (_, i, terms) => i === terms.length - 1,
      fuzzy: (term) => !known.has(term) && term.length > 4 && 0.2, // a typo
    },
  });
  await index.addAllAsync(
    places.map((place, id) => ({ ...place, id })),
    { chunkSize: 40 },
  );

  return (query, limit) => {
    if (query && !asked(query).some(stem)) return null;
    const terms = stems(query);
    const boostDocument = (id) => {
      const said = Math.max(...phrases[id].map((phrase) => likeness(phrase, terms)));
      return WEIGHT[places[id].kind] * (1 + SAID_SO * said ** 2);
    };
    return index
      .search(query, { boostDocument })
      .slice(0, limit)
      .map(({ id }) => places[id]);
  };
}
