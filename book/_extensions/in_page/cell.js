// A cell of the page: its editor, its buttons, what it shows, and whether that is what the build
// had. The build's own output stays where it is as long as the cell gives the same.

import { createEditor } from "./editor.js";
import { LiveFigure } from "./explorers.js";
import { print, rendered, sameFigure, sameWords, wordsOf } from "./outputs.js";

const ELSEWHERE = "This cell needs what no browser has: it keeps the output of the book.";
let views = 0;

function element(tag, className, text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

export class Cell {
  ranText = null; // the text that it was last run with, while what stands above has not changed

  // page: hears run(cell), stop(), changed(cell), and draws explorers. elsewhere: it needs what no
  // browser has, and keeps what the build gave.
  constructor(root, number, page, elsewhere) {
    Object.assign(this, { root, number, page, elsewhere });
    this.input = root.querySelector(".cell_input");
    this.code = this.input?.firstElementChild;
    this.original = this.code?.querySelector("pre").textContent.replace(/\n$/, "") ?? null;
    this.built = root.querySelector(":scope > .cell_output");
  }

  get runs() {
    return this.original !== null && !this.elsewhere;
  }

  get text() {
    return this.editor.text;
  }

  get edited() {
    return this.text !== this.original;
  }

  open(text) {
    const bar = element("div", "py-bar d-print-none");
    this.said = element("span", "py-said");
    this.said.setAttribute("role", "status");
    if (!this.runs) {
      this.say("elsewhere", ELSEWHERE);
      bar.append(this.said);
      this.input?.append(bar);
      this.bar = bar;
      return;
    }
    this.code.hidden = true;
    this.box = element("div", "py-editor highlight");
    this.button = element("button", "py-run", "Run");
    this.reset = element("button", "py-reset", "Reset");
    for (const button of [this.button, this.reset]) button.type = "button";
    this.button.setAttribute("aria-label", `Run cell ${this.number + 1}`);
    this.reset.setAttribute("aria-label", `Reset cell ${this.number + 1}`);
    this.button.title = "Shift-Enter in the cell";
    this.button.addEventListener("click", () => (this.busy ? this.page.stop() : this.page.run(this)));
    this.reset.addEventListener("click", () => { this.toOriginal(); this.editor.focus(); });
    bar.append(this.button, this.reset, this.said);
    this.bar = bar;
    this.input.append(this.box, bar);
    this.shown = element("div", "cell_output docutils container py-output");
    this.shown.hidden = true;
    (this.built || this.root.lastElementChild).after(this.shown);
    this.editor = createEditor(this.box, {
      text: text ?? this.original, label: `Cell ${this.number + 1}, Python`,
      changed: () => this.changed(), run: () => this.page.run(this),
    });
    this.changed();
  }

  say(state, text) {
    this.said.textContent = text;
    this.root.dataset.python = state;
  }

  changed() {
    this.reset.hidden = !this.edited;
    if (this.ranText !== this.text) this.say(this.edited ? "edited" : "", this.edited ? "Changed, not run yet." : "");
    this.page.changed(this);
  }

  toOriginal() {
    if (!this.runs) return;
    this.editor.text = this.original;
    this.outdate("");
    this.showBuilt();
  }

  // What stands above has changed, or Python has ended: what it shows is no longer what it gives.
  outdate(text) {
    if (!this.runs || this.ranText === null) return;
    this.ranText = null;
    if (!this.busy) this.say("old", text);
  }

  showBuilt() {
    this.clear();
    delete this.root.dataset.judged;
    this.shown.hidden = true;
    if (this.built) this.built.hidden = false;
  }

  clear() {
    this.figures?.forEach((figure) => figure.destroy());
    this.figures = [];
    this.shown.replaceChildren();
  }

  // It will be run, after others.
  wait() {
    this.busy = true;
    this.button.textContent = "Stop";
    this.button.setAttribute("aria-label", `Stop cell ${this.number + 1}`);
    this.say("waiting", "Running what stands above …");
  }

  begin() {
    this.wait();
    this.say("running", "Running …");
    this.clear();
    this.handles = [];
    this.drawing = Promise.resolve();
  }

  printed(text) {
    this.drawing = this.drawing.then(() => print(this.shown, text));
    if (this.edited || !this.built) this.uncover();
  }

  show(what) {
    this.drawing = this.drawing.then(async () => {
      if (what.kind === "explorer") {
        const figure = new LiveFigure(what, this.page, views += 1);
        this.figures.push(figure);
        this.handles.push(what.handle);
        this.shown.append(figure.root);
      } else if (what.kind === "text") {
        print(this.shown, { kind: "text_plain", text: what.text });
      } else {
        this.shown.append(what.kind === "markdown" ? await rendered(what.text) : Object.assign(element("div", "output text_html"), { innerHTML: what.text }));
      }
    });
  }

  uncover() {
    if (this.built) this.built.hidden = true;
    this.shown.hidden = false;
  }

  async end({ error, seconds }) {
    await this.drawing;
    this.free();
    if (error) print(this.shown, { kind: "error", text: error });
    const same = !error && await this.same();
    const took = seconds < 0.1 ? "" : ` in ${seconds.toFixed(1)} s`;
    if (!this.edited && same) {
      this.showBuilt();
      this.say("same", `Run${took}: the same as in the book.`);
      return;
    }
    this.uncover();
    this.figures.forEach((figure) => figure.start());
    const judged = error ? "" : /^(Right|Not yet)(?=[:.])/.exec(this.shown.textContent.trim())?.[0] || "";
    this.root.dataset.judged = judged;
    if (this.edited) this.say(error ? "error" : "own", error ? "Stopped by an error." : `${judged ? `${judged === "Right" ? "✓" : "✗"} ${judged}. ` : ""}Run${took}, as you have changed it.`);
    else this.say(error ? "error" : "differs", error ? "Stopped by an error." : `Run${took}: not to the digit what the book has.`);
  }

  fail(text) {
    this.free();
    this.say("failed", text);
  }

  free() {
    this.busy = false;
    this.button.textContent = "Run";
    this.button.setAttribute("aria-label", `Run cell ${this.number + 1}`);
  }

  // Whether what it shows is what the build had.
  async same() {
    const [here, there] = [this.shown, this.built].map((box) => (box ? wordsOf(box) : ""));
    const stored = this.built ? [...this.built.querySelectorAll(".explorer")].map((root) => root.explorer) : [];
    if (!sameWords(here, there) || stored.length !== this.figures.length) return false;
    await Promise.all(stored.map((explorer) => explorer.ready)).catch(() => {}); // the page says so
    return this.figures.every(({ figure }, i) => stored[i].states
      && sameFigure(plain(stored[i].states.figure(stored[i].first)), plain(figure)));
  }

  close() {
    this.bar?.remove();
    if (!this.runs) return;
    this.editor.destroy();
    this.box.remove();
    this.showBuilt();
    this.shown.remove();
    this.code.hidden = false;
  }
}

// A figure with lists in the place of arrays.
function plain(figure) {
  return JSON.parse(JSON.stringify(figure, (key, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value)));
}
