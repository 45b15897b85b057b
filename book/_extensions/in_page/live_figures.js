// Explorers with Python behind them: those that a changed cell shows, and values of the reader's
// own for those of the page. explore.js gives the class, on pages that have an explorer.

import { element } from "./dom.js";

const PATIENCE = 300; // ms after which an explorer says that Python is computing

// Asks Python for an explorer's figures, one at a time; of those that wait the newest alone. Where
// one fails, the controls go back to the position of the figure that is shown.
export class Asker {
  constructor(page, explorer) {
    Object.assign(this, { page, explorer });
    this.shown();
  }

  // The figure that is shown is that of this position, a key for each control.
  shown(keys = keysOf(this.explorer)) {
    this.keys = keys;
  }

  // request(): a promise of what page.figure takes. wanted(): whether its answer still is.
  async ask(request, wanted = () => true) {
    this.next = request;
    if (this.asking) return;
    this.asking = true;
    const { explorer } = this;
    while (this.next) {
      const now = this.next;
      this.next = null;
      const keys = keysOf(explorer);
      const slow = setTimeout(() => {
        explorer.root.ariaBusy = "true";
      }, PATIENCE);
      const { figure, error } = await now()
        .then((given) => this.page.figure(given))
        .catch(({ message }) => ({ error: message }));
      clearTimeout(slow);
      explorer.root.ariaBusy = null;
      if (!wanted()) continue;
      if (figure) {
        this.shown(keys);
        explorer.fail("python", "");
        explorer.show(figure);
      } else if (!this.next) {
        this.goBack(keys, error);
      }
    }
    this.asking = false;
  }

  // keys: of the position that fails.
  goBack(keys, error) {
    const { controls } = this.explorer;
    const moved = controls.map((_, i) => i).filter((i) => keys[i] !== this.keys[i]);
    const inWords = () =>
      moved.map((i) => `${controls[i].text} = ${controls[i].said()}`).join(", ");
    const failing = inWords();
    controls.forEach((control, i) => {
      control.take(this.keys[i]);
    });
    this.explorer.label();
    this.explorer.share();
    this.explorer.fail(
      "python",
      moved.length ? `Here is ${inWords()} again. With ${failing}: ${error}` : error,
    );
  }
}

function keysOf(explorer) {
  return explorer.controls.map((control) => control.key());
}

export function positionsOf(explorer) {
  return Object.fromEntries(explorer.controls.map(({ name, get }) => [name, get()]));
}

// A figure, or an explorer, that a cell has shown.
export class LiveFigure {
  constructor({ html, figure, handle }, page) {
    Object.assign(this, { figure, handle, page, python: page.python });
    this.root = element("div", { innerHTML: html }).firstElementChild;
    this.root.classList.remove("explorer-live");
    const own = Math.random(); // of the page's radio buttons those of this figure stay apart
    for (const input of this.root.querySelectorAll("[type=radio]")) input.name += own;
  }

  // Wire it, once it stands in the page.
  start() {
    const { Explorer, explorers, loadPlotly } = globalThis.loraExplore;
    const { python, handle } = this;
    const explorer = new Explorer(this.root);
    const asker = new Asker(this.page, explorer);
    const request = async () => {
      if (!python.worker) throw new Error("Python was started anew: run this cell again.");
      return { handle, positions: positionsOf(explorer) };
    };
    Object.assign(explorer, { loadPlotly, ask: () => asker.ask(request) });
    this.explorer = this.root.explorer = explorer;
    explorer.label();
    explorer.show(this.figure);
    explorer.load();
    this.replaced = explorers.get(explorer.name);
    explorers.set(explorer.name, explorer);
  }

  destroy() {
    if (!this.explorer) return;
    const { explorers } = globalThis.loraExplore;
    const { name } = this.explorer;
    if (this.replaced) explorers.set(name, this.replaced);
    else explorers.delete(name);
    this.explorer.plot.destroy();
  }
}
