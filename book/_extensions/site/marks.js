/* The words that a reader searched for, marked in the page that a hit leads to. Nothing in the page
   is changed (CSS.highlights): controls, formulas and code stay as they are. Esc takes the marks off.
   Where a browser cannot do that, nothing is marked. */
"use strict";

(() => {
  const KEY = "sphinx_highlight_terms";
  let terms = [];
  try {
    terms = (localStorage.getItem(KEY) || "").split(" ").filter(Boolean);
    localStorage.removeItem(KEY);
  } catch { /* storage is blocked */ }
  const article = document.querySelector("article");
  if (!terms.length || !article || !globalThis.CSS?.highlights) return;
  const plain = (term) => term.replace(/[.*+\-?^${}()|[\]\\]/g, "\\$&");
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])(?:${terms.map(plain).join("|")})`, "giu");
  const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT), ranges = [];
  for (let node; (node = walker.nextNode());) {
    if (node.parentElement.closest(".explorer, .katex, button, select, textarea, script, style")) continue;
    for (const found of node.data.matchAll(pattern)) {
      const range = new Range();
      range.setStart(node, found.index);
      range.setEnd(node, found.index + found[0].length);
      ranges.push(range);
    }
  }
  CSS.highlights.set("searched", new Highlight(...ranges));
  addEventListener("keydown", (event) => { if (event.key === "Escape") CSS.highlights.delete("searched"); });
})();
