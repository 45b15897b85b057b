// Explorers with Python behind them: those that a changed cell shows, and values of the reader's
// own for those of the page. explore.js gives the class, on pages that have an explorer.

import { Stopped } from "./python.js";

const PATIENCE = 300; // ms after which an explorer says that Python is computing

export function button(text, act) {
  const made = Object.assign(document.createElement("button"), { type: "button", textContent: text });
  made.addEventListener("click", act);
  return made;
}

// One figure request at a time; of those that wait the newest alone is asked. Where an answer takes
// longer, the explorer is busy, and has a button that ends it.
export class Asker {
  constructor(page, root) {
    Object.assign(this, { page, root, stop: button("Stop", () => page.stop()) });
    this.busy(false);
    root.querySelector(".explorer-buttons")?.append(this.stop);
  }

  busy(is) {
    this.root.setAttribute("aria-busy", String(is));
    if (!is && document.activeElement === this.stop) this.stop.previousElementSibling.focus();
    this.stop.hidden = !is;
  }

  // request(): a promise of what page.figure takes.
  async ask(request, show) {
    this.next = { request, show };
    if (this.asking) return;
    this.asking = true;
    while (this.next) {
      const { request: now, show: then } = this.next;
      this.next = null;
      const slow = setTimeout(() => this.busy(true), PATIENCE);
      try {
        then(await this.page.figure(await now()));
      } catch (error) {
        then({ figure: null, error: error instanceof Stopped ? "Stopped: the plot is where it was." : error.message });
      }
      clearTimeout(slow);
      this.busy(false);
    }
    this.asking = false;
  }
}

// A figure, or an explorer, that a cell has shown.
export class LiveFigure {
  constructor({ html, figure, handle }, page, view) {
    Object.assign(this, { figure, handle, page, generation: page.generation });
    const box = document.createElement("div");
    box.innerHTML = html;
    this.root = box.firstElementChild;
    this.root.classList.remove("explorer-live");
    this.root.querySelectorAll("[type=radio]").forEach((input) => { input.name += `-own-${view}`; });
  }

  // Wire it, once it stands in the page.
  start() {
    const { Explorer, explorers, loadPlotly } = globalThis.loraExplore;
    const { page, figure, handle } = this, asker = new Asker(page, this.root);
    const ask = (explorer) => {
      if (this.generation !== page.generation || !page.python.worker) return explorer.fail("python", "Python was started anew: run this cell again.");
      const positions = Object.fromEntries(explorer.controls.map(({ name, get }) => [name, get()]));
      asker.ask(() => ({ handle, positions, source: "", values: {}, own: {} }), ({ figure: found, error }) => {
        explorer.fail("python", error);
        if (found) explorer.show(found);
      });
    };
    class Live extends Explorer {
      notCopied = "not copied";
      loadPlotly() { return loadPlotly(); }
      ask() { ask(this); }
      share() { return this.link(); }
    }
    this.explorer = this.root.explorer = new Live(this.root);
    this.explorer.label();
    this.explorer.show(figure);
    this.explorer.load();
    this.replaced = explorers.get(this.explorer.name);
    explorers.set(this.explorer.name, this.explorer);
  }

  destroy() {
    if (!this.explorer) return;
    const { explorers } = globalThis.loraExplore;
    if (this.replaced) explorers.set(this.explorer.name, this.replaced); else explorers.delete(this.explorer.name);
    this.explorer.plot.destroy();
  }
}
