// What ranks the places of the book for a query. No page is needed: tests run it in Node.

import MiniSearch from "minisearch";
import { ABROAD } from "./abroad.mjs";

// One thing has one word, in texts and in queries.
const SAME = [
  [/['’][st]\b|\b(qu|[cdjlmns])['’]/g, ""],
  [/\blora(?=\p{L}{3})/gu, "lora "], // LoraAlpha
  [/lora(\+| ?plus)/g, " loraplus "],
  [/α/g, " alpha "],
  [/η|\beta\b/g, " lr "],
  [/(δ|\bdelta) ?w\b/g, " deltaw "],
  [/σ/g, " sigma "],
  [/ε|\beps\b/g, " epsilon "],
  [/√|\broot\b/g, " sqrt "],
  [/\bbf16\b/g, "bfloat16"],
  [/outofmemory(error)?/g, "out of memory"],
  [/\bllama[- ]factory\b/g, "llamafactory"],
  [/(?<!\p{L})grads?(?!\p{L})/gu, "gradient"],
  [/\bsd ?xl\b|\bstable diffusion\b|\bsd ?\d(\.\d)?\b/g, "sd"],
  [/\bzeros?\b|\bnull\b/g, "0"],
  [/\btwo\b/g, "2"],
  [/\bfour\b/g, "4"],
  [/\b(fine|warm)[ -](?=tun|up)/g, "$1"],
  [/\bval\b|\beval(uation)?\b|\bheld[- ]out\b/g, "validation"],
  [/\bfinished\b/g, "trained"],
  [/(?<![\d.])(\d+)\.0+(?![\d.])/g, "$1"],
  [/\b\d+e-\d+\b/g, (number) => String(Number(number))],
];
// A query finds these, too.
const ALSO = [
  [/\blr\b|\blearning rates?\b/g, "learning rate lr"],
  [/学习率/g, " learning rate lr "],
  [/秩/g, " rank "],
  [/怎么|如何|设置|选择|什么|多少|的|是/g, " "], // in Chinese no space parts words
  [/\p{Script=Han}+/gu, " $& "],
  [/\br\b|\bdims?\b/g, "$& rank"],
  [/\b(v?ram|oom|gpus?|\d+ ?gb)\b/g, "$& memory"],
];
// In English, and in German, French, Spanish and Russian, as far as they are no English words.
const EMPTY = new Set(
  fold(`a am an and are as at be between by can difference do does for from good has have how i if in is
  it me my not of on or should than that the there this to too use vs was what when which will with
  choose choosing chose chosen pick picking select selecting wähle wählen choisir elegir выбрать
  alles auf bei beim das dem den der die ein eine für ich immer ist kann kein keine macht man mein mit nicht
  oder ohne sehr sich tun und von warum was welche welcher welches wenn wie wieso wieviel viel viele zu zum
  zwischen
  au avec ce combien comment dans de des du elle en est et faut il la le les mon ne ou par pas pendant
  pour pourquoi quel quelle que sans toujours tous tout toute toutes trop très un une
  al como con cual cuál cuándo cuánta cuántas cuánto cuántos del demasiada demasiado durante el entre es
  hay las lo los mi muy para pero por porque qué se si siempre sin su todas todo todos una usar y
  в для и или как какая какое какой на почему что`).split(/\s+/),
);
// A question for the sentence that says what a word is.
const DEFINES = new RegExp(
  [
    "^(what('s| is| are| does)|was (ist|sind|heißt|bedeutet)|que es|qu'est-ce que?|define)\\b",
    "\\bmean(s|ing)?\\b",
  ].join("|"),
  "g",
);
// What Python prints around the words that tell one error from another: of a dotted name the last two.
const ERROR = [
  [/\bkeyerror:/g, "key "],
  [/\b\w+(error|exception|warning):|('[\w.]+' )?object has no attribute\b/g, ""],
  [/\b[a-z_]\w*\.(\w+\.)*(?=\w+\.\w)/g, ""],
  [/(?<![^\W_])[kqvo](?=_)|(?<=_)[kqvo](?![^\W_])/g, ""], // no k of 1/√(3k)
];
const WORDS = /\d+(?:\.\d+)+|\d+|\p{L}+/gu;

/** A text without capitals and accents. */
function fold(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

/** The words of a text, without its signs. */
function words(text, rules = SAME) {
  let plain = fold(text);
  for (const [pattern, word] of rules) plain = plain.replace(pattern, word);
  return plain.match(WORDS) ?? [];
}

const asked = (text, abroad = []) => words(text, [...ERROR, ...SAME, ...abroad, ...ALSO]);

/** Whether one letter more, less, changed, or swapped with the next makes the one word the other. */
function isOneSlip(word, other) {
  let same = 0;
  while (same < word.length && word[same] === other[same]) same++;
  const end = word.slice(same);
  const otherEnd = other.slice(same);
  const isSwapped = end[0] === otherEnd[1] && end[1] === otherEnd[0];
  return (
    end.slice(1) === otherEnd ||
    end === otherEnd.slice(1) ||
    end.slice(1) === otherEnd.slice(1) ||
    (isSwapped && end.slice(2) === otherEnd.slice(2))
  );
}

/** The stem of a word, roughly; null where it says nothing. */
function stem(word) {
  if (EMPTY.has(word)) return null;
  const root = word.replace(/i[sz](e|ed|ers?|ing|ations?)$/, "iz").replace(/([^s])s$/, "$1");
  return root.length > 4 ? root.replace(/(ing|ed|ly|e)$/, "").replace(/(.)\1$/, "$1") : root;
}

const tells = (term) => term && term !== "lora"; // which stands everywhere
const stems = (text) => [...new Set(asked(text).map(stem).filter(tells))];

/** A function that gives the word of the book for a word of a query: itself, or the commonest that is
 * one slip away. counts: how often the book has each. */
function speller(counts) {
  const known = [...counts.keys()];
  return (term, isLast) => {
    if (counts.has(term) || term.length < 5) return term;
    if (isLast && known.some((word) => word.startsWith(term))) return term; // it has only begun
    const begun = term.replace(/(?<=.{4})t?in?$/, ""); // "-ing" has begun
    if (counts.has(begun)) return begun;
    const near = known.filter((word) => isOneSlip(word, term));
    return near.sort((one, other) => counts.get(other) - counts.get(one))[0] ?? term;
  };
}

/** Whether a last word may be the beginning of another. 0 is no beginning of 0.0002, nor r of rlhf. */
const mayGrow = (term) => !/^(\d|.$)/u.test(term);

/** A function that gives how much of a phrase and of what is asked is the same, from 0 to 1. The rarer
 * a word is the more it counts. The last word may have begun only. */
function likenessBy(counts) {
  const rarity = (term) => Math.log(1 + RARE / (counts.get(term) ?? RARE));
  const sum = (terms) => terms.reduce((total, term) => total + rarity(term), 0);
  return (phrase, terms) => {
    const begun = (word) => mayGrow(terms.at(-1)) && word.startsWith(terms.at(-1));
    const common = phrase.filter((word) => terms.includes(word) || begun(word));
    const all = sum(phrase) + sum(terms);
    return all ? (2 * sum(common)) / all : 1;
  };
}

/** The words, with one for all numbers: "rank 256" asks as "rank 64" does. */
const vague = (terms) => [...new Set(terms.map((term) => (/^\d/.test(term) ? "16" : term)))];

// What a hit of each kind counts beside a section of a chapter. One whose title, or words that people
// ask with, are the query, counts six times.
const WEIGHT = { answer: 1.6, section: 1, term: 0.7, false: 0.8, aside: 0.4 };
const SAID_SO = 5;
const RARE = 4000;
const NEARLY = 0.9; // with another number
const DEFINED = 8; // a term, where the query asks what a word means
// A hit fits if its score for each word that is asked, times the square of the share of these that it
// has, is as high. Of all that tests/site/queries.yml wants the lowest is 15.3; words about other
// things stay below 13.1. And it is no more than so many times below the best.
const FITS = 14;
const FAR_BELOW = 20;
const NEAREST = 3; // where none fits

/** A function that gives the best places for a query, best first, and null where its words say nothing.
 * Their property `fit` is false where none fits: then they are the nearest few. It takes a moment, in
 * pieces. */
export async function finder(places) {
  const phrases = places.map((place) => [place.title, ...place.asked].map(stems));
  const counts = new Map();
  const index = new MiniSearch({
    fields: ["title", "asked", "verdict", "of", "text"],
    extractField: (place, field) => String(place[field]),
    tokenize: (text) => words(text),
    processTerm: (word) => {
      const term = stem(word);
      if (term) counts.set(term, (counts.get(term) ?? 0) + 1);
      return term;
    },
    searchOptions: {
      tokenize: (terms) => terms.split(" "),
      processTerm: (term) => term,
      boost: { title: 4, asked: 3 },
      prefix: (term, i, terms) => i === terms.length - 1 && mayGrow(term),
      fuzzy: (term) => !counts.has(term) && term.length > 4 && 0.2, // more than one slip
    },
  });
  await index.addAllAsync(
    places.map((place, id) => ({ ...place, id })),
    { chunkSize: 40 },
  );
  const spelled = speller(counts);
  const likeness = likenessBy(counts);

  return (query, limit) => {
    const plain = fold(query);
    const topic = plain.replace(DEFINES, "");
    const typed = asked(topic, ABROAD).map(stem).filter(Boolean);
    if (query && !typed.length) return null;
    const terms = typed.map((term, i) => spelled(term, i === typed.length - 1));
    const telling = [...new Set(terms.filter(tells))];
    const isShort = words(topic).filter(stem).length < 3;
    const isDefined = telling.length && isShort && topic !== plain;
    const boostDocument = (id) => {
      const { kind } = places[id];
      const said = Math.max(
        ...phrases[id].map((phrase) => likeness(phrase, telling)),
        ...phrases[id].map((phrase) => NEARLY * likeness(vague(phrase), vague(telling))),
      );
      const weight = WEIGHT[kind] * (isDefined && kind === "term" ? DEFINED : 1);
      return weight + SAID_SO * said ** 2 * Math.max(weight, 1);
    };
    const hits = index.search(terms.join(" "), { boostDocument });
    const count = telling.length || 1;
    const fits = ({ score, queryTerms }) => {
      const met = telling.length ? queryTerms.filter(tells).length : 1; // "lora" alone tells
      return (score * met ** 2) / count ** 3 >= FITS && score >= hits[0].score / FAR_BELOW;
    };
    const fitting = hits.filter(fits).slice(0, limit);
    const shown = fitting.length ? fitting : hits.slice(0, NEAREST);
    const best = shown.map(({ id }) => places[id]);
    return Object.assign(best, { fit: fitting.length > 0 });
  };
}
