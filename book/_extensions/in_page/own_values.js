// Values of the reader's own for an explorer of the page: a box beside each slider takes any
// number, and the function that drew the stored figures computes the one for it. A number that it
// cannot take does not stay: box, sentence, plot and link are always of one position.

import { button, element } from "./dom.js";
import { Asker, positionsOf } from "./live_figures.js";

export class OwnValues {
  constructor(explorer, page) {
    Object.assign(this, { explorer, page, asker: new Asker(page, explorer) });
    this.button = button("own values", () => (explorer.own ? this.close() : this.open()));
    this.button.title = "type any number";
    this.button.ariaPressed = "false";
    explorer.root.querySelector(".explorer-buttons").append(this.button);
    explorer.root.classList.add("explorer-met"); // who runs the page has met its plots
  }

  open() {
    const { explorer } = this;
    explorer.own = this;
    this.button.ariaPressed = "true";
    this.stored = explorer.controls;
    explorer.controls = this.stored.map((control, i) =>
      control.name in explorer.data.own ? this.field(control, explorer.data.controls[i]) : control,
    );
    this.fields = explorer.controls.filter(({ box }) => box);
    this.asker.shown();
    this.fields[0].box.scrollIntoView({ block: "nearest" });
    explorer.load();
    this.ask();
  }

  close() {
    const { explorer } = this;
    explorer.own = null;
    this.button.ariaPressed = "false";
    for (const { box, output } of this.fields) {
      box.remove();
      output.hidden = false;
      output.textContent = ""; // for the slider to say where it stands
    }
    explorer.controls = this.stored;
    explorer.fail("python", "");
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
      else explorer.fail("python", `Here is ${label} = ${said()} again: it must be ${allowed}.`);
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

  ask() {
    const { explorer } = this;
    const { controls, source } = explorer.data;
    explorer.box.classList.add("explorer-picture-old");
    this.asker.ask(
      async () => {
        const positions = positionsOf(explorer);
        const values = Object.fromEntries(
          controls.map(({ name, values: all }) => [name, all[positions[name]]]),
        );
        const own = Object.fromEntries(this.fields.map(({ name, value }) => [name, value()]));
        const handle = source.startsWith("__main__:") ? await this.page.handleOf(explorer) : null;
        if (handle === undefined) throw new Error("Its cell, or one above, stops with an error.");
        return { handle, positions, source, values, own };
      },
      () => explorer.own === this,
    );
  }
}
