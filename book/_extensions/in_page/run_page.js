// "Run this page": loads Python, opens the cells, runs them, keeps what the reader has changed.
// run_page.py puts the button and what it tells this script into the page.

import { Cell } from "./cell.js";
import { button, download, element, keep } from "./dom.js";
import { notebookOf } from "./notebook.js";
import { OwnFiles } from "./own_files.js";
import { offerOwnValues } from "./own_values.js";
import { Python, Stopped } from "./python.js";

const KEY = `page-python ${location.pathname}`;
const SETTINGS = "adapter_config.json";
const READERS_FILE = "lora_book.workshop"; // which reads and writes it
const KEYS = [
  "Shift-Enter runs a cell and any cells above it that have not run.",
  "Escape, then Tab, leaves the editor.",
  "Large matrix products take much longer in a browser than elsewhere. Stop ends them.",
].join(" ");

// The cells that the reader has changed, as this browser
// keeps them: key of the cell → reader's text.
function savedTexts() {
  return JSON.parse(localStorage.getItem(KEY)) || {};
}

// Of the files that the reader has chosen, such as all of a folder, the adapter and its settings;
// or what to ask where there are several of either.
function chosenFrom(files) {
  const namesOf = (some) => some.map(({ name }) => name).join(", ");
  const json = files.filter(({ name }) => name.endsWith(".json"));
  const others = files.filter((file) => !json.includes(file));
  const tensors = others.filter(({ name }) => name.endsWith(".safetensors"));
  const adapters = tensors.length ? tensors : others;
  if (!adapters.length)
    return { question: `Choose one adapter, and its ${SETTINGS} if it has one.` };
  if (adapters.length > 1) return { question: `Choose one adapter, not ${namesOf(adapters)}.` };
  const settings = json.find(({ name }) => name === SETTINGS);
  if (!settings && json.length > 1)
    return { question: `Which is its ${SETTINGS}? Choose one of ${namesOf(json)}.` };
  return { adapter: adapters[0], settings: settings ?? json[0] };
}

class Page {
  queue = Promise.resolve(); // of cells to run
  own = null; // the reader's files, on a page that reads some
  turn = 0; // counts Stops, so that a cell that was waiting at one is not run

  constructor(line, base) {
    Object.assign(this, { line, base, files: document.querySelector(".py-files") });
    this.ownFiles = new OwnFiles(base, () => this.outdate("Your lora.py has changed: run again."));
    const withoutBrowser = line.dataset.elsewhere.split(" ").filter(Boolean).map(Number);
    this.cells = [...document.querySelectorAll("div.cell")].map(
      (root, i) => new Cell(root, i, this, withoutBrowser.includes(i)),
    );
  }

  // A bar that says how far Python is, with a way out. label: what it does.
  waiting(label, exit) {
    const bar = element("progress", { ariaLabel: label });
    const word = element("span");
    const stop = button(exit, () => this.stop());
    const box = element("div", { className: "py-loading" }, bar, word, stop);
    this.progress = ({ loaded, total, name }) => {
      Object.assign(bar, { max: total, value: loaded });
      word.textContent = name
        ? `${label} ${name}: ${Math.round((100 * loaded) / total)} %`
        : "Starting …";
    };
    (this.files || this.line).after(box);
    box.scrollIntoView({ block: "nearest" });
    return box;
  }

  async load() {
    const folder = `${this.base}_static/page-python`;
    this.python = new Python(`${folder}/worker.js?v=${this.line.dataset.version}`, (said) => {
      if (said.progress) this.progress(said.progress);
      else this.heard(said);
    });
    this.line.hidden = true;
    const box = this.waiting("Loading", "Cancel");
    try {
      await this.python.ask("start", { manifest: `${folder}/files.json` });
      if (this.own) await this.python.ask("open", this.own);
    } catch (error) {
      this.python.end(error);
      throw error;
    } finally {
      box.remove();
    }
  }

  // Whether what the page says of its sample is shown.
  tellOfSample(isShown) {
    for (const each of document.querySelectorAll(".of-sample")) each.hidden = !isShown;
  }

  // Run the page on the reader's files in place of its
  // sample. Where that fails, the sample is back. Resolves to whether the page shows the files.
  async read(files) {
    const tell = (text) => {
      this.files.querySelector("[role=status]").textContent = text;
    };
    const { adapter, settings, question } = chosenFrom(files);
    if (question) {
      tell(`${question} The page still shows ${this.own?.name ?? "its sample"}.`);
      return false;
    }
    const { name } = adapter;
    const blobs = [{ name, data: adapter }];
    if (settings) blobs.push({ name: SETTINGS, data: settings });
    const ignored = files.filter((file) => file !== adapter && file !== settings);
    const names = ignored.map((file) => file.name).join(", ");
    const besides = names && ` Ignored: ${names}.`;
    this.own = { blobs, name };
    const runs = this.cells.filter((cell) => cell.runs);
    let box = null;
    let why = "Stopped";
    try {
      await this.awake();
      await this.python.ask("open", this.own);
      box = this.waiting("Reading", "Stop");
      if (await this.run(runs.at(-1), true)) {
        this.tellOfSample(false);
        tell(`This page now describes ${name}, which has not left this machine.${besides}`);
        return true;
      }
      why = runs.find(({ error }) => error)?.error.replace(/^(.*\n)*?\w*Error: /, "") || why;
    } catch (error) {
      if (!(error instanceof Stopped)) why = error.message;
    } finally {
      box?.remove();
    }
    this.own = null;
    if (this.python.worker) await this.python.ask("open", {});
    this.resetAll();
    this.tellOfSample(true);
    tell(`${why}. The page shows its sample again.`);
    return false;
  }

  // Resolves once Python runs; after a Stop it is started again.
  awake() {
    if (!this.python.worker) {
      this.outdate("Python was restarted: run again.");
      this.waking = this.load();
    }
    return this.waking;
  }

  outdate(why) {
    for (const cell of this.cells) cell.outdate(why);
  }

  open() {
    this.said = element("span", { className: "py-said", role: "status" });
    this.runner = button("Run all", () => (this.running ? this.stop() : this.runAll()));
    const bar = element(
      "div",
      { className: "py-page d-print-none" },
      this.runner,
      button("Reset all", () => this.resetAll()),
      button("Download notebook", () => this.download()),
      this.said,
      element("p", { id: "py-keys", textContent: KEYS }),
    );
    this.line.after(bar);
    if (this.cells.some((cell) => cell.bookLines)) bar.after(this.ownFiles.bar());
    const saved = savedTexts();
    for (const cell of this.cells) cell.open(saved[cell.key]);
    this.opened = true;
    for (const explorer of globalThis.loraExplore.explorers.values())
      offerOwnValues(explorer, this);
  }

  // Python's name for an explorer; its cell is run first if need be. undefined if that fails.
  async handleOf(explorer) {
    const cell = this.cells.find(({ root }) => root.contains(explorer.root));
    if (cell.ranText !== cell.text) await this.run(cell);
    return cell.handles?.[explorer.name];
  }

  // Whether a cell is made from what the build had: no text is changed, and no file is the reader's.
  isAsBuilt(cell) {
    const above = this.cells.filter((each) => each.runs && each.number <= cell.number);
    const isOriginal = ({ edited, original }) => !edited && !original.includes(READERS_FILE);
    return !this.own && above.every(isOriginal);
  }

  heard({ text, shown }) {
    if (text) this.running?.printed(text);
    if (shown) this.running?.show(shown);
  }

  changed(cell) {
    if (!this.opened) return;
    const now = savedTexts(); // another tab may have changed others
    if (cell.edited) now[cell.key] = cell.text;
    else delete now[cell.key];
    if (Object.keys(now).length) keep(KEY, JSON.stringify(now));
    else localStorage.removeItem(KEY);
  }

  // Run a cell, and above it all from the first that has not run with its present text, or with
  // `whole` from the top. Resolves to true if none failed.
  run(cell, whole = false) {
    const { turn } = this;
    this.queue = this.queue.then(async () => {
      if (turn !== this.turn) return false;
      cell.wait();
      this.runner.textContent = "Stop";
      try {
        this.running = cell;
        await this.awake();
        const above = this.cells.filter((each) => each.runs && each.number <= cell.number);
        const first = whole
          ? 0
          : above.findIndex((each) => each === cell || each.ranText !== each.text);
        for (const [i, each] of above.entries()) {
          if (i < first || (await this.runOne(each, above[i - 1]?.number ?? null))) continue;
          if (each !== cell) cell.fail(`Cell ${each.number + 1} above stops with an error.`);
          return false;
        }
        return true;
      } catch (error) {
        const why = error instanceof Stopped ? "Stopped." : `Python stopped: ${error.message}`;
        for (const each of new Set([this.running, cell])) each.fail(why);
        return false;
      } finally {
        this.running = null;
        this.runner.textContent = "Run all";
      }
    });
    return this.queue;
  }

  // after: the number of the cell above, with whose names this one begins; null for the first.
  async runOne(cell, after) {
    const source = cell.text;
    const from = performance.now();
    this.running = cell;
    cell.begin();
    const files = this.ownFiles.texts;
    const request = { cell: cell.number, after, source, files };
    const { error, files: now } = await this.python.ask("run", request);
    if (JSON.stringify(now) !== JSON.stringify(files)) this.ownFiles.keep(now);
    if (cell.ranText !== source) {
      for (const each of this.cells)
        if (each.number > cell.number) each.outdate("A cell above has changed: run again.");
    }
    cell.ranText = error ? null : source;
    await cell.end({ error, seconds: (performance.now() - from) / 1000 });
    return !error;
  }

  // End what runs; the texts stay, and the next run starts Python anew.
  stop() {
    this.turn += 1;
    this.python.end();
  }

  async runAll() {
    const cells = this.cells.filter((cell) => cell.runs);
    if (await this.run(cells.at(-1), true))
      this.said.textContent = `All ${cells.length} cells have run.`;
  }

  resetAll() {
    for (const cell of this.cells) cell.toOriginal();
    this.said.textContent = "";
  }

  async figure(request) {
    await this.awake();
    const files = this.ownFiles.texts;
    const { figure, error } = await this.python.ask("figure", { ...request, files });
    if (error) throw new Error(error);
    return figure;
  }

  async download() {
    const { notebook } = this.line.dataset;
    download(notebook.split("/").at(-1), await notebookOf(this.cells, this.base + notebook));
  }
}

// Load Python and open the page, which is returned; null if the reader has stopped the loading.
export async function start(line, base) {
  const page = new Page(line, base);
  try {
    await page.load();
  } catch (error) {
    if (error instanceof Stopped) return null;
    throw error;
  }
  page.open();
  return page;
}
