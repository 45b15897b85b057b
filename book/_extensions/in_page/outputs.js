// What a cell shows, in the dress of the page: texts, tables, figures.

import markdownit from "markdown-it";
import { element } from "./dom.js";

const markdown = markdownit({ html: true });
let katex = null;

// Formulas as MyST takes them: $…$.
markdown.inline.ruler.before("escape", "formula", (state, silent) => {
  const found = /^\$(?!\s)((?:[^$\\]|\\.)+?)\$(?!\d)/.exec(state.src.slice(state.pos));
  if (!found || !katex) return false;
  if (!silent) state.push("formula", "span", 0).content = found[1];
  state.pos += found[0].length;
  return true;
});
markdown.renderer.rules.formula = (tokens, i) =>
  katex.renderToString(tokens[i].content, { throwOnError: false });

export async function rendered(text) {
  if (text.includes("$")) katex ||= (await import("katex/dist/katex.mjs")).default;
  const box = element("div", { innerHTML: markdown.render(text) });
  for (const table of box.querySelectorAll("table")) {
    table.classList.add("table");
    const around = element("div", { className: "pst-scrollable-table-container" });
    table.replaceWith(around);
    around.append(table);
  }
  return box;
}

// A text as the page shows printed output; what is printed next is appended to the same one.
export function print(box, kind, text) {
  let last = box.lastElementChild;
  if (!last?.classList.contains(kind)) {
    const className = `output ${kind} highlight-myst-ansi notranslate`;
    const innerHTML = '<div class="highlight"><pre tabindex="0"></pre></div>';
    last = element("div", { className, innerHTML });
    box.append(last);
  }
  last.querySelector("pre").append(text);
}

// The words of an output, and its formulas as they are read
// aloud: what two outputs are compared by.
export function wordsOf(box) {
  const copy = box.cloneNode(true);
  const unread = copy.querySelectorAll(".explorer, .katex-html, annotation, button");
  for (const each of unread) each.remove();
  return copy.textContent.replaceAll("\u2060", "").replace(/\s+/g, " ").trim();
}

const NUMBER = /-?\d[\d,]*\.?\d*(?:e[-+]?\d+)?/g;

// Whether two texts say the same, numbers to rounding: one in the last digit that is printed, and
// below 10⁻⁸ anything, for there is nothing but rounding there.
export function sameWords(one, other) {
  if (one.replace(NUMBER, "#") !== other.replace(NUMBER, "#")) return false;
  const [here, there] = [one, other].map((text) => text.match(NUMBER) || []);
  return here.every((text, i) => {
    const [a, b] = [text, there[i]].map((number) => Number(number.replaceAll(",", "")));
    const [mantissa, exponent = 0] = text.replaceAll(",", "").split("e");
    const digit = 10 ** (Number(exponent) - (mantissa.split(".")[1] || "").length);
    return (
      a === b ||
      Math.abs(a - b) <= Math.max(1e-8, text.includes(".") || exponent ? 1.01 * digit : 0)
    );
  });
}

// Whether two figures are the same to the five digits that the page stores at least.
export function sameFigure(one, other) {
  if (typeof one === "number" && typeof other === "number")
    return Math.abs(one - other) <= 1e-4 * Math.max(Math.abs(one), Math.abs(other), 1e-8);
  if (typeof one === "string" && typeof other === "string") return sameWords(one, other);
  if (one === null || other === null || typeof one !== "object" || typeof other !== "object")
    return one === other;
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => key in other && sameFigure(one[key], other[key]))
  );
}
