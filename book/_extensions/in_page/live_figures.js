// Explorers that a cell has shown, with Python behind them. explore.js gives the class, on pages
// that have an explorer.

import { element } from "./dom.js";
import { offerOwnValues, positionsOf } from "./own_values.js";

// A figure, or an explorer, that a cell has shown.
export class LiveFigure {
  constructor({ html, figure, handle }, page) {
    Object.assign(this, { figure, handle, page, python: page.python });
    this.root = element("div", { innerHTML: html }).firstElementChild;
    this.root.classList.remove("explorer-live");
    const own = Math.random(); // of the page's radio buttons those of this figure stay apart
    for (const input of this.root.querySelectorAll("[type=radio]")) input.name += own;
  }

  async at(explorer) {
    if (!this.python.worker) throw new Error("Python was restarted: run this cell again.");
    return this.page.figure({ handle: this.handle, positions: positionsOf(explorer) });
  }

  // Wire it, once it stands in the page.
  start() {
    const { Explorer, explorers, loadPlotly } = globalThis.loraExplore;
    const explorer = new Explorer(this.root, this, loadPlotly);
    this.explorer = this.root.explorer = explorer;
    explorer.label();
    explorer.show(this.figure);
    explorer.load();
    offerOwnValues(explorer, this.page, this.handle);
    this.replaced = explorers.get(explorer.name);
    explorers.set(explorer.name, explorer);
  }

  destroy() {
    if (!this.explorer) return;
    const { explorers } = globalThis.loraExplore;
    const { name } = this.explorer;
    if (this.replaced) explorers.set(name, this.replaced);
    else explorers.delete(name);
    this.explorer.destroy();
  }
}
