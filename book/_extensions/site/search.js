/* How the search page ranks and shows its hits: Sphinx's html_search_scorer, which is loaded there
   and nowhere else. Headings and labelled blocks come before the pages whose text has the words. */
"use strict";

var Scorer = { objNameMatch: 11, objPartialMatch: 6, objPrio: {}, objPrioDefault: 0,
               title: 15, partialTitle: 7, term: 5, partialTerm: 2 };

{
  const SAME = [
    [/\blearning[ -]rates?\b|\blr\b|\beta\b/g, "η"], [/\balphas?\b/g, "α"], [/\branks?\b/g, "r"],
    [/\bqlora\b/g, "qlora four bits"], [/\bcatastrophic\w*/g, ""], [/\bforgot(ten)?\b/g, "forget"],
    [/\binit(iali[sz]\w+)?\b|\bstarts?\b/g, "start"], [/\bloraplus\b|\blora plus\b/g, "lora+"],
    [/\b[48][ -]?bits?\b/g, "four bits"], [/\bwarm-?up\b/g, "warm up"], [/\bepsilon\b/g, "ε"],
    [/\bfine-?tun/g, "fine tun"],
    [/\b(optim|normal|quant|regular|general|minim|random|stabil|reparametr)iz/g, "$1is"],
    [/\b(behavi|col|fav|neighb)or/g, "$1our"], [/\b(gpus?|vram)( memory)?\b/g, "memory four bits"],
    [/\b\d+ ?gb\b/g, ""], [/\bstable[ -]?diffusion\b|\bsdxl\b/g, "kohya"],
    [/\bloss (does not|doesn't|is not|isn't|not) (go|fall|decreas|improv)\w*( down)?\b/g, "training nothing"],
  ];
  const EMPTY = new Set([..."a an and are as at be but by can do does for how i if in into is it my no not of on or so the then these they this to was what when where which who why will with from go goes should use get much many need must we our than too very".split(" ")]);
  const ASIDE = { bibliography: 40, claims: 30, api: 20, tested: 20, cite: 20,
                  "test-yourself": 20, notation: 10, glossary: 5, index: 5 };  // pages about the pages
  const WORDS = /[\p{L}\p{N}_]+\+?/gu;
  let stemmer, stems;

  const isEmpty = (word) => {
    stems ??= new Set([...EMPTY].flatMap((each) => [each, stemmer.stemWord(each)]));
    return stems.has(word);
  };

  /** The words of a text, each in one form. "a" and "b" are letters where a query has them alone. */
  const words = (text) => {
    stemmer ??= new Stemmer();
    let plain = text.toLowerCase().replaceAll("’", "'").replace(/'s\b/g, "");
    for (const [pattern, word] of SAME) plain = plain.replace(pattern, word);
    return (plain.match(WORDS) || []).map((word) => /^[a-z_]+$/.test(word) ? stemmer.stemWord(word) : word);
  };

  /** How well a title fits: all words that matter are in it or in its page's title; less where it has
      half of them, and two; else 0. */
  const fit = (asked, title, page) => {
    const own = words(title), around = own === page ? own : own.concat(page);
    const needed = asked.filter((word) => !isEmpty(word));
    const found = asked.filter((word) => own.includes(word)).length;
    const said = own.filter((word) => asked.includes(word) || isEmpty(word)).length;
    if (!(needed.length ? needed : asked).every((word) => around.includes(word))) {
      const some = needed.filter((word, i) => own.includes(word) && needed.indexOf(word) === i).length;
      return some >= 2 && 2 * some >= needed.length ? 40 * some / needed.length + 20 * said / own.length : 0;
    }
    if (!needed.some((word) => own.includes(word))) return 0;
    const inOrder = ` ${own.join(" ")} `.includes(` ${asked.join(" ")} `);
    return 100 * found / asked.length + 50 * said / own.length + (inOrder ? 20 : 0);
  };

  Search._performSearch = (query) => {
    const index = Search._index, asked = words(query), hits = [];
    const names = index.titles.map((title) => title.replace(/<span.*?<\/span>/, ""));  // its number
    const titles = names.map(words), needed = asked.filter((word) => !isEmpty(word));
    const aside = (page) => ASIDE[index.docnames[page].split("/").pop()]
      || (index.docnames[page].includes("/laboratory/") ? 60 : 0);  // chapters and answers lead there
    const hit = (page, title, anchor, score) =>
      hits.push([index.docnames[page], title, anchor, null, score - aside(page), index.filenames[page]]);
    for (const [raw, places] of Object.entries(index.alltitles)) {
      const title = raw.trim().replace(/^\((.*)\)$/s, "$1");
      for (const [page, id] of places) {
        const whole = names[page] === raw;
        const score = fit(asked, title, titles[page]);
        if (!score || (id === null && !whole) || /-(solution-\d+|id\d+)$/.test(id)) continue;
        if (whole) hit(page, title, "", score + 25);
        else hit(page, `${names[page]} › ${title}`, `#${id}`, score - (/^ex-/.test(id) ? 25 : 0));
      }
    }
    for (const [entry, places] of Object.entries(index.indexentries)) {  // what headings do not say
      const named = words(entry);
      if (!named.every((word) => asked.includes(word))) continue;
      for (const [page, id] of places) hit(page, `${names[page]} › ${entry}`, `#${id}`, 60 + 40 * named.length / asked.length);
    }
    const objects = needed.flatMap((word) => Search.performObjectSearch(word, new Set(needed)));
    for (const each of objects) hits.push([...each.slice(0, 4), each[4] >= 11 ? 60 : 5, each[5]]);
    const seen = new Map(), best = hits.sort((a, b) => b[4] - a[4]).filter(([page, title, anchor]) => {
      const before = seen.get(page) || [];
      seen.set(page, [...before, title]);
      return before.length < 4 && !before.includes(title);
    });
    const rest = needed.length ? Search.performTermsSearch(new Set(needed), new Set()) : [];
    for (const each of rest) {
      const page = index.docnames.indexOf(each[0]);
      each[1] = names[page];
      each[4] -= aside(page);
    }
    const others = rest.filter(([page]) => !seen.has(page)).sort((a, b) => b[4] - a[4]);
    return [...best, ...others].reverse();  // shown from the last on
  };

  const parse = Search._parseQuery;
  Search._parseQuery = (query) => {  // a letter is not marked wherever it stands
    const parsed = parse(query);
    return parsed.with(3, new Set([...parsed[3]].filter((word) => word.length > 1)));
  };

  const HIDDEN = "h1, h2, h3, .admonition-title, .headerlink, script, style, .katex-html, nav.contents, .explorer, "
    + ".cell_input, .toctree-wrapper, .visually-hidden";

  /** The words of a page, or of a block of it, from which a hit's two lines are taken. */
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html").querySelector("article");
    page.querySelectorAll(HIDDEN).forEach((each) => each.remove());
    for (const part of page.querySelectorAll("mfrac, msup, msqrt")) {  // as one writes them in a line
      const sign = { mfrac: "/", msup: "^", msqrt: "√" }[part.localName];
      part.insertBefore(page.ownerDocument.createTextNode(sign), part.localName === "msqrt" ? part.firstChild : part.children[1]);
    }
    const block = (anchor && page.querySelector(`[id="${anchor.slice(1)}"]`)) || page;
    return (block.tagName === "SPAN" ? block.parentElement : block).textContent.replace(/\s+/g, " ");
  };
}
