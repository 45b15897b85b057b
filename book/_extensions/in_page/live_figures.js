// Explorers with Python behind them: those that a changed cell shows, and values of the reader's
// own for those of the page. explore.js gives the class, on pages that have an explorer.

const PATIENCE = 300; // ms after which an explorer says that Python is computing

export function button(text, act) {
  const made = Object.assign(document.createElement("button"), { type: "button", textContent: text });
  made.addEventListener("click", act);
  return made;
}

// Asks Python for an explorer's figures, one at a time; of those that wait the newest alone.
export class Asker {
  constructor(page, explorer) {
    Object.assign(this, { page, explorer });
  }

  // request(): a promise of what page.figure takes. wanted(): whether its answer still is.
  async ask(request, wanted = () => true) {
    this.next = request;
    if (this.asking) return;
    this.asking = true;
    const { root } = this.explorer;
    while (this.next) {
      const now = this.next;
      this.next = null;
      const slow = setTimeout(() => root.setAttribute("aria-busy", "true"), PATIENCE);
      const { figure, error } = await now().then((given) => this.page.figure(given)).catch(({ message }) => ({ error: message }));
      clearTimeout(slow);
      root.setAttribute("aria-busy", "false");
      if (!wanted()) continue;
      this.explorer.fail("python", error);
      if (figure) this.explorer.show(figure);
    }
    this.asking = false;
  }
}

export function positionsOf(explorer) {
  return Object.fromEntries(explorer.controls.map(({ name, get }) => [name, get()]));
}

// A figure, or an explorer, that a cell has shown.
export class LiveFigure {
  constructor({ html, figure, handle }, page, view) {
    Object.assign(this, { figure, handle, page, python: page.python });
    const box = document.createElement("div");
    box.innerHTML = html;
    this.root = box.firstElementChild;
    this.root.classList.remove("explorer-live");
    this.root.querySelectorAll("[type=radio]").forEach((input) => { input.name += `-own-${view}`; });
  }

  // Wire it, once it stands in the page.
  start() {
    const { Explorer, explorers, loadPlotly } = globalThis.loraExplore;
    const { page, python, handle } = this;
    const ask = (explorer) => {
      if (!python.worker) return explorer.fail("python", "Python was started anew: run this cell again.");
      this.asker.ask(async () => ({ handle, positions: positionsOf(explorer) }));
    };
    class Live extends Explorer {
      loadPlotly() { return loadPlotly(); }
      ask() { ask(this); }
    }
    this.explorer = this.root.explorer = new Live(this.root);
    this.asker = new Asker(page, this.explorer);
    this.explorer.label();
    this.explorer.show(this.figure);
    this.explorer.load();
    this.replaced = explorers.get(this.explorer.name);
    explorers.set(this.explorer.name, this.explorer);
  }

  destroy() {
    if (!this.explorer) return;
    const { explorers } = globalThis.loraExplore, { name } = this.explorer;
    if (this.replaced) explorers.set(name, this.replaced); else explorers.delete(name);
    this.explorer.plot.destroy();
  }
}
