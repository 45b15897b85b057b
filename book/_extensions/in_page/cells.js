// "Run this page": loads Python, opens the cells, runs them, keeps what the reader has changed.

import { Cell } from "./cell.js";
import { button } from "./explorers.js";
import { notebookOf } from "./notebook.js";
import { OwnValues } from "./own.js";
import { Python, Stopped } from "./python.js";

const KEY = `page-python ${location.pathname}`;
const KEYS = "Shift-Enter runs a cell, and what stands above it and has not run. Escape, then Tab leaves the editor. Large matrix products take much longer here than on your machine: Stop ends them.";

// A cell's text in the book → the reader's, as this browser keeps it.
function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) || {};
  } catch { // the browser keeps nothing
    return {};
  }
}

class Page {
  busy = Promise.resolve();

  constructor(line, base) {
    Object.assign(this, { line, base });
    const { version, elsewhere } = line.dataset, others = elsewhere.split(" ").filter(Boolean).map(Number);
    this.cells = [...document.querySelectorAll("div.cell")].map((root, i) => new Cell(root, i, this, others.includes(i)));
    this.where = { worker: `${base}_static/page-python/worker.js?v=${version}`, manifest: `${base}_static/page-python/files.json` };
  }

  // Load Python, with a bar that says how far it is, and a way out. Resolves to true once it is there.
  async load() {
    const box = Object.assign(document.createElement("div"), { className: "py-loading" });
    const bar = document.createElement("progress"), word = document.createElement("span");
    bar.setAttribute("aria-label", "Loading Python");
    box.append(bar, word, button("Cancel", () => this.python.end()));
    this.line.after(box);
    this.line.hidden = true;
    this.python = new Python(this.where, (said) => {
      if (!said.progress) return this.heard(said);
      const { loaded, total, name } = said.progress;
      Object.assign(bar, { max: total, value: loaded });
      word.textContent = name === "starting" ? "Starting …" : `Loading ${name}: ${Math.round(100 * loaded / total)} %`;
    });
    try {
      await this.python.start(this.failed);
      this.failed = false;
      return true;
    } catch (error) {
      this.failed = !(error instanceof Stopped);
      if (this.failed) throw error;
      return false;
    } finally {
      box.remove();
      this.line.hidden = false;
    }
  }

  open() {
    const bar = Object.assign(document.createElement("div"), { className: "py-page d-print-none" });
    this.said = Object.assign(document.createElement("span"), { className: "py-said" });
    this.said.setAttribute("role", "status");
    this.stopper = button("Stop", () => this.stop());
    this.stopper.disabled = true;
    const word = Object.assign(document.createElement("p"), { id: "py-keys", textContent: KEYS });
    bar.append(button("Run all", () => this.runAll()), this.stopper, button("Reset all", () => this.resetAll()),
      button("Download notebook", () => this.download()), this.said, word);
    this.line.after(bar);
    this.line.hidden = true;
    const before = kept();
    for (const cell of this.cells) cell.open(before[cell.original]);
    this.opened = true;
    this.offerOwnValues();
  }

  // To each explorer whose function takes any number; a link that has such is followed.
  offerOwnValues() {
    const wanted = /^#([^?]+)\?(.*\bown=1\b.*)$/.exec(this.line.dataset.link);
    for (const [name, explorer] of globalThis.loraExplore.explorers) {
      if (!explorer.data.own.length) continue;
      const own = new OwnValues(explorer, this);
      if (wanted?.[1] !== name) continue;
      own.open();
      explorer.go(Object.fromEntries(new URLSearchParams(wanted[2])));
      explorer.root.scrollIntoView({ block: "start" });
    }
  }

  // What Python calls an explorer that a cell has made, after that cell has been run; undefined if
  // it stops with an error.
  async handleOf(explorer) {
    const cell = this.cells.find(({ root }) => root.contains(explorer.root));
    if (cell.ranText !== cell.text) await this.run(cell);
    return cell.handles?.at(-1);
  }

  heard({ text, shown, busy }) {
    if (busy !== undefined && this.stopper) this.stopper.disabled = !busy;
    if (text) this.running?.printed(text);
    if (shown) this.running?.show(shown);
  }

  changed(cell) {
    if (!this.opened) return;
    const now = kept(); // another tab may have changed others
    if (cell.edited) now[cell.original] = cell.text; else delete now[cell.original];
    try {
      if (Object.keys(now).length) localStorage.setItem(KEY, JSON.stringify(now)); else localStorage.removeItem(KEY);
    } catch {
      this.said.textContent = "This browser keeps nothing: your changes end with the page.";
    }
  }

  // Run a cell, and before it all above that have not been run as they stand; whole: all above, anew.
  // Resolves to true if all cells ran.
  run(cell, whole = false) {
    const turn = this.turn;
    this.busy = this.busy.then(async () => {
      if (turn !== this.turn) return false;
      cell.wait();
      try {
        if (!this.python.worker && !await this.revive()) throw new Stopped();
        const above = this.cells.filter((each) => each.runs && each.number <= cell.number);
        const first = whole ? 0 : above.findIndex((each) => each === cell || each.ranText !== each.text);
        for (const [i, each] of above.entries()) {
          if (i < first || await this.runOne(each, above[i - 1]?.number ?? null)) continue;
          if (each !== cell) cell.fail(`Cell ${each.number + 1} above stops with an error.`);
          return false;
        }
        return true;
      } catch (error) {
        this.python.end();
        for (const each of this.cells) each.outdate("Python was started anew: run again.");
        for (const each of new Set([this.running ?? cell, cell])) each.fail(error instanceof Stopped ? "Stopped." : `Python broke off: ${error.message}`);
        return false;
      } finally {
        this.running = null;
      }
    });
    return this.busy;
  }

  turn = 0; // grows with each Stop: what waits is then given up

  // after: the number of the cell whose names this one finds.
  async runOne(cell, after) {
    const source = cell.text, from = performance.now();
    this.running = cell;
    cell.begin();
    const { error } = await this.python.ask("run", { cell: cell.number, after, source });
    if (cell.ranText !== source) {
      for (const each of this.cells) if (each.number > cell.number) each.outdate("What stands above has changed: run again.");
    }
    cell.ranText = error ? null : source;
    await cell.end({ error, seconds: (performance.now() - from) / 1000 });
    return !error;
  }

  generation = 0; // grows with each new Python, which knows no handle of the last

  // Start Python anew. Resolves to true once it is there.
  revive() {
    this.reviving ||= (async () => {
      this.said.textContent = "Starting Python anew …";
      const came = await this.load().catch((error) => {
        this.said.textContent = `Python does not start: ${error.message}`;
      });
      this.line.hidden = true;
      this.generation += 1;
      if (came !== undefined) this.said.textContent = came ? "" : "Python is not running: any run starts it.";
      this.reviving = null;
      return came;
    })();
    return this.reviving;
  }

  // End what runs; the texts stay, and the next run starts Python anew.
  stop() {
    this.turn += 1;
    this.python.end();
  }

  async runAll() {
    const last = this.cells.findLast((cell) => cell.runs);
    const went = await this.run(last, true);
    const own = this.cells.filter((cell) => cell.runs && cell.root.dataset.python !== "elsewhere");
    const same = own.filter((cell) => cell.root.dataset.python === "same").length;
    if (went) this.said.textContent = `${same} of ${own.length} cells give the same as in the book.`;
  }

  resetAll() {
    for (const cell of this.cells) cell.toOriginal();
    this.said.textContent = "";
  }

  async figure(request) {
    if (!this.python.worker && !await this.revive()) throw new Error("Python is not running");
    return this.python.ask("figure", request);
  }

  async download() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await notebookOf(this, this.line.dataset.notebook && `${this.base}${this.line.dataset.notebook}`));
    link.download = `${location.pathname.split("/").at(-1).replace(/\.html$/, "") || "page"}.ipynb`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
}

// Load what the page lacks: the style of cells, and explore.js where no explorer has brought it.
async function loadAssets(base, version) {
  const files = [["link", { rel: "stylesheet", href: `${base}_static/page-python/cells.css?v=${version}` }]];
  if (!globalThis.loraExplore) {
    files.push(["link", { rel: "stylesheet", href: `${base}_static/explore.css` }], ["script", { src: `${base}_static/explore.js` }]);
  }
  await Promise.all(files.map(([tag, how]) => new Promise((onload, fail) => {
    document.head.append(Object.assign(document.createElement(tag), how, { onload, onerror: () => fail(new Error("a file of the page could not be loaded")) }));
  })));
}

let page = null;

export async function start(line, base) {
  await loadAssets(base, line.dataset.version);
  page ||= new Page(line, base);
  if (await page.load()) page.open();
}
