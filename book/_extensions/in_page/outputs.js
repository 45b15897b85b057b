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
