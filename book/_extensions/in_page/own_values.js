// Values of the reader's own for an explorer of the page: a box beside each slider takes any
// number, and the function that drew the stored figures computes the one for it. A number that it
// cannot take does not stay: box, sentence, plot and link are always of one position.

import { button, element } from "./dom.js";

export function positionsOf(explorer) {
  return Object.fromEntries(explorer.controls.map(({ name, get }) => [name, get()]));
}

// Offer them at an explorer that has own=True, and begin with them where a link asked for such
// numbers. handle: Python's name for it, if a cell has shown it.
export function offerOwnValues(explorer, page, handle = null) {
  if (!Object.keys(explorer.data.own).length) return;
  const own = new OwnValues(explorer, page, handle);
  const { wanted } = explorer;
  if (!wanted) return;
  own.open();
  explorer.follow(wanted);
}

class OwnValues {
  constructor(explorer, page, handle) {
    Object.assign(this, { explorer, page, handle, stored: explorer.source });
    this.button = button("own values", () => (explorer.own ? this.close() : this.open()));
    this.button.title = "type any number";
    this.button.ariaPressed = "false";
    explorer.root.querySelector(".explorer-buttons").append(this.button);
    explorer.root.classList.add("explorer-met"); // who runs the page has met its plots
  }

  open() {
    const { explorer } = this;
    explorer.own = true;
    explorer.source = this;
    this.button.ariaPressed = "true";
    this.controls = explorer.controls;
    explorer.controls = this.controls.map((control, i) =>
      control.name in explorer.data.own ? this.field(control, explorer.data.controls[i]) : control,
    );
    this.fields = explorer.controls.filter(({ box }) => box);
    this.fields[0].box.scrollIntoView({ block: "nearest" });
    explorer.load();
    explorer.ask();
  }

  close() {
    const { explorer } = this;
    explorer.own = false;
    explorer.source = this.stored;
    this.button.ariaPressed = "false";
    for (const { box, output } of this.fields) {
      box.remove();
      output.hidden = false;
      output.textContent = ""; // for the slider to say where it stands
    }
    explorer.controls = this.controls;
    explorer.moved();
  }

  // A control that takes any number: the explorer's own slider, with a box to type into at its end.
  field(control, { label, values, keys, texts }) {
    const { explorer } = this;
    const row = explorer.root.querySelector(`[data-control="${control.name}"]`);
    const [range, output] = row.querySelectorAll("input, output");
    const ariaLabel = `${label}, any number`;
    const box = element("input", { type: "number", className: "py-own", step: "any", ariaLabel });
    let allowed = "a number";
    if (explorer.data.own[control.name] === "whole") {
      Object.assign(box, { step: 1, min: Math.min(1, ...values) });
      allowed = `a whole number, at least ${box.min}`;
    }

    // The number that counts; the box may meanwhile hold one that is being typed.
    let number = null;
    const put = (typed) => {
      box.value = typed;
      const fits = box.value !== "" && box.checkValidity();
      if (fits) {
        number = Number(box.value);
        control.set(control.nearest(number));
      }
      box.value = number;
      return fits;
    };
    const said = () => texts[values.indexOf(number)] ?? String(number);
    box.addEventListener("input", (event) => event.stopPropagation()); // until the number is whole
    box.addEventListener("change", () => {
      if (put(box.value)) explorer.moved();
      else explorer.fail("figure", `${label} is ${said()} again: it must be ${allowed}.`);
    });
    const follow = () => put(values[control.get()]);
    range.oninput = follow;
    follow();
    output.hidden = true;
    output.after(box);
    return {
      ...control,
      box,
      output,
      said,
      value: () => number,
      key: () => String(number),
      take: (key) => put(values[keys.indexOf(key)] ?? key),
      set: (to) => put(values[to]),
      label: () => {
        range.ariaValueText = said();
      },
    };
  }

  async at(explorer) {
    const { controls, source } = explorer.data;
    const positions = positionsOf(explorer);
    const values = Object.fromEntries(
      controls.map(({ name, values: all }) => [name, all[positions[name]]]),
    );
    const own = Object.fromEntries(this.fields.map(({ name, value }) => [name, value()]));
    const isOfCell = this.handle === null && source.startsWith("__main__:");
    const handle = isOfCell ? await this.page.handleOf(explorer) : this.handle;
    if (handle === undefined) throw new Error("Its cell, or one above, stops with an error.");
    return this.page.figure({ handle, positions, source, values, own });
  }
}
