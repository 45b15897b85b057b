// Values of the reader's own for an explorer of the page: typed, or scrubbed without steps, and
// computed by the function that drew the stored ones.

import { Asker } from "./explorers.js";

const STEPS = 1000; // of a slider that has none to speak of

export class OwnValues {
  fields = new Map(); // control → {value, row, put}
  refused = ""; // what has been said of a value that was typed; an answer to an earlier one leaves it

  // names: the controls whose function takes any number.
  constructor(explorer, names, page) {
    Object.assign(this, { explorer, names, page, asker: new Asker(page) });
    this.button = Object.assign(document.createElement("button"), { type: "button", textContent: "own values", title: "type any number" });
    this.button.setAttribute("aria-pressed", "false");
    this.button.addEventListener("click", () => (this.on ? this.close() : this.open()));
    explorer.root.querySelector(".explorer-buttons").append(this.button);
  }

  async open() {
    const { explorer } = this;
    this.on = true;
    this.button.setAttribute("aria-pressed", "true");
    const proto = Object.getPrototypeOf(explorer);
    Object.assign(explorer, {
      ask: () => this.ask(),
      link: () => this.link(),
      put: (position) => { proto.put.call(explorer, position); this.follow(); },
      go: (wanted) => {
        for (const control of explorer.data.controls) {
          if (control.name in wanted) this.fields.get(control.name)?.put(control.values[control.keys.indexOf(wanted[control.name])] ?? Number(wanted[control.name]));
        }
        proto.go.call(explorer, wanted);
      },
    });
    for (const control of explorer.data.controls) if (this.names.includes(control.name)) this.add(control);
    this.follow();
    this.fields.values().next().value?.row.scrollIntoView({ block: "nearest" });
    if (this.module === "__main__") explorer.fail("own", "Running the cells above …");
    explorer.load();
    this.ask();
  }

  close() {
    const { explorer } = this;
    this.on = false;
    this.button.setAttribute("aria-pressed", "false");
    for (const name of ["ask", "link", "put", "go"]) delete explorer[name];
    for (const { row, slider } of this.fields.values()) { row.remove(); slider.hidden = false; }
    this.fields.clear();
    this.refused = "";
    explorer.fail("own", "");
    explorer.moved();
  }

  // A slider without steps and a box to type into, in the place of the explorer's own slider.
  add(control) {
    const slider = this.explorer.root.querySelector(`[data-control="${control.name}"]`);
    const { values } = control, whole = values.every(Number.isInteger) && control.name !== "alpha"; // α counts nothing
    const low = Math.min(...values), high = Math.max(...values), log = low > 0 && high / low > 10;
    const at = (share) => (log ? low * (high / low) ** share : low + (high - low) * share);
    const share = (value) => (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
    const row = document.createElement("div");
    row.className = "explorer-slider py-own";
    row.innerHTML = `<b></b><input type="range" min="0" max="${STEPS}" step="1"><input type="text" inputmode="decimal" autocomplete="off" size="8">`;
    const [title, range, box] = row.children;
    title.textContent = control.label;
    range.setAttribute("aria-label", `${control.label}, without steps`);
    box.setAttribute("aria-label", `${control.label}, any number`);
    const field = {
      row, slider,
      put: (value) => {
        field.value = value;
        box.value = String(value);
        range.value = Math.min(1, Math.max(0, share(value) || 0)) * STEPS;
        range.setAttribute("aria-valuetext", box.value);
      },
    };
    range.addEventListener("input", () => {
      const value = at(range.value / STEPS);
      this.take(field, whole ? Math.round(value) : Number(value.toPrecision(3)));
    });
    box.addEventListener("change", () => {
      const value = Number(box.value.trim().replace(",", ".").replace("−", "-"));
      const bad = box.value.trim() === "" || !Number.isFinite(value) || (whole && !Number.isInteger(value));
      box.setAttribute("aria-invalid", String(bad));
      if (!bad) return this.take(field, value);
      this.refused = `${control.label} must be a ${whole ? "whole " : ""}number, not “${box.value}”.`;
      this.explorer.fail("own", this.refused);
    });
    slider.hidden = true;
    slider.after(row);
    this.fields.set(control.name, field);
  }

  take(field, value) {
    this.refused = "";
    field.put(value);
    this.explorer.moved();
  }

  // The fields stand where the explorer's own sliders do.
  follow() {
    this.explorer.data.controls.forEach((control, i) => this.fields.get(control.name)?.put(control.values[this.explorer.controls[i].get()]));
  }

  get module() {
    return this.explorer.data.source.split(":")[0];
  }

  async ask() {
    const { explorer } = this, { controls } = explorer.data;
    const handle = this.module === "__main__" ? await this.page.handleOf(explorer) : null;
    if (!this.on) return;
    if (handle === undefined) return explorer.fail("own", "Its cell, or one above, stops with an error.");
    const positions = Object.fromEntries(controls.map(({ name }, i) => [name, explorer.controls[i].get()]));
    this.asker.ask({
      handle, positions, source: explorer.data.source,
      values: Object.fromEntries(controls.map(({ name, values }) => [name, values[positions[name]]])),
      own: Object.fromEntries([...this.fields].map(([name, { value }]) => [name, value])),
    }, ({ figure, error }) => {
      if (!this.on) return;
      explorer.fail("own", this.refused || error);
      if (!figure) return;
      explorer.box.classList.add("explorer-elsewhere");
      explorer.show(figure);
    });
  }

  link() {
    const { name, controls } = this.explorer;
    const query = controls.map((control) => `${control.name}=${this.fields.get(control.name)?.value ?? control.keys[control.get()]}`);
    return `#${name}?${query.join("&")}&own=1`;
  }
}
