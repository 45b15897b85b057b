// A cell of the page: its editor, its buttons, and what it shows. The build's plots stay as long as
// nothing has changed of what they are made from.

import { button, element } from "./dom.js";
import { createEditor } from "./editor.js";
import { LiveFigure } from "./live_figures.js";
import { print, rendered } from "./outputs.js";

const NOT_IN_BROWSER = "This cell cannot run in a browser. It shows the book’s output.";

export class Cell {
  ranText = null; // the text that it was last run with, while what stands above has not changed
  figures = [];
  verdicts = []; // of an exercise's check, as shared/verdict.py gives them

  // page: hears run(cell), stop(), changed(cell), and draws explorers. needsMore: than a browser
  // has, so that it keeps what the build gave.
  constructor(root, number, page, needsMore) {
    Object.assign(this, { root, number, page, needsMore });
    this.input = root.querySelector(".cell_input");
    this.code = this.input?.firstElementChild;
    this.original = this.code?.querySelector("pre").textContent.replace(/\n$/, "") ?? null;
    this.built = root.querySelector(":scope > .cell_output") ?? root.appendChild(element("div"));
  }

  get runs() {
    return this.original !== null && !this.needsMore;
  }

  // The book's lines, which follow the cell of a step of lora.py.
  get bookLines() {
    const next = this.root.nextElementSibling;
    return next?.matches(".book-lines") ? next : null;
  }

  // By what the reader's text is kept. Of a step it is the call that judges it, so that the text
  // outlives new words in its cell.
  get key() {
    return this.bookLines ? this.original.match(/^check\(.*/m)[0] : this.original;
  }

  get text() {
    return this.editor.text;
  }

  get edited() {
    return this.text !== this.original;
  }

  // Put the editor and its buttons in the place of the code. text: as the reader has left it.
  open(text) {
    this.said = element("span", { className: "py-said", role: "status" });
    const bar = element("div", { className: "py-bar d-print-none" }, this.said);
    if (!this.runs) {
      this.say("not-in-browser", NOT_IN_BROWSER);
      this.input?.append(bar);
      return;
    }
    const runOrStop = () => (this.busy ? this.page.stop() : this.page.run(this));
    this.button = button("Run", runOrStop, "py-run");
    this.button.title = "Shift-Enter in the cell";
    const toOriginal = () => {
      this.toOriginal();
      this.editor.focus();
    };
    this.reset = button("Reset", toOriginal, "py-reset");
    this.reset.ariaLabel = `Reset cell ${this.number + 1}`;
    this.setBusy(false);
    if (this.bookLines) this.bookLines.open = false;
    bar.prepend(this.button, this.reset);
    const box = element("div", { className: "py-editor highlight" });
    this.code.hidden = true;
    this.input.append(box, bar);
    const className = "cell_output docutils container py-output";
    this.shown = element("div", { className, hidden: true });
    this.built.after(this.shown);
    this.editor = createEditor(box, {
      text: text ?? this.original,
      label: `Cell ${this.number + 1}, Python`,
      changed: () => this.changed(),
      run: () => this.page.run(this),
    });
    this.changed();
  }

  say(state, text) {
    this.said.textContent = text;
    this.root.dataset.python = state;
  }

  setBusy(busy) {
    this.busy = busy;
    this.button.textContent = busy ? "Stop" : "Run";
    this.button.ariaLabel = `${this.button.textContent} cell ${this.number + 1}`;
  }

  changed() {
    this.reset.hidden = !this.edited;
    if (this.ranText !== this.text)
      this.say(this.edited ? "edited" : "", this.edited ? "Changed, but not run yet." : "");
    this.page.changed(this);
  }

  toOriginal() {
    if (!this.runs) return;
    this.editor.text = this.original;
    if (this.bookLines) this.bookLines.open = false;
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
    this.shown.hidden = true;
    this.built.hidden = false;
  }

  showOwn() {
    this.built.hidden = true;
    this.shown.hidden = false;
  }

  clear() {
    for (const figure of this.figures) figure.destroy();
    this.figures = [];
    this.verdicts = [];
    this.shown.replaceChildren();
  }

  // It will be run, after others.
  wait() {
    this.setBusy(true);
    this.say("waiting", "Running the cells above …");
  }

  begin() {
    this.setBusy(true);
    this.say("running", "Running …");
    this.clear();
    this.drawing = Promise.resolve();
  }

  printed({ kind, text }) {
    this.drawing = this.drawing.then(() => print(this.shown, kind, text));
    if (this.edited || !this.built.firstChild) this.showOwn();
  }

  show(what) {
    this.drawing = this.drawing.then(async () => {
      if (what.kind === "explorer") {
        const figure = new LiveFigure(what, this.page);
        this.figures.push(figure);
        this.shown.append(figure.root);
      } else if (what.kind === "verdict") {
        this.verdicts.push(what);
        print(this.shown, what.is_right ? "verdict-right" : "verdict-open", `${what.text}\n`);
      } else if (what.kind === "text") {
        print(this.shown, "text_plain", `${what.text}\n`);
      } else {
        this.shown.append(
          what.kind === "markdown"
            ? await rendered(what.text)
            : element("div", { className: "output text_html", innerHTML: what.text }),
        );
      }
    });
  }

  async end({ error, seconds }) {
    await this.drawing;
    this.error = error;
    this.setBusy(false);
    if (this.bookLines && this.verdicts.at(-1)?.is_right) this.bookLines.open = true;
    if (error) print(this.shown, "error", error);
    const took = seconds < 0.1 ? "" : ` in ${seconds.toFixed(1)} s`;
    this.handles = Object.fromEntries(
      this.figures.map(({ root, handle }) => [root.dataset.name, handle]),
    );
    if (!error && this.figures.length && this.page.isAsBuilt(this)) {
      this.showBuilt();
    } else {
      this.showOwn();
      for (const figure of this.figures) figure.start();
    }
    if (error) this.say("error", "Stopped by an error.");
    else if (this.page.own) this.say("own", `Run${took} with your file.`);
    else if (this.edited) this.say("own", `${this.verdict()}Run${took} with your changes.`);
    else this.say("ran", `${this.verdict()}Run${took}.`);
  }

  // The verdict in short: of several the last, unless one before is worse.
  verdict() {
    const verdict = this.verdicts.find((each) => !each.is_right) ?? this.verdicts.at(-1);
    return verdict ? `${verdict.sign} ${verdict.word}. ` : "";
  }

  fail(text) {
    this.setBusy(false);
    this.say("failed", text);
  }
}
