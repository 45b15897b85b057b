// Values of the reader's own for an explorer of the page: a box beside each slider takes any number,
// and the function that drew the stored figures computes the one for it.

import { Asker, button, positionsOf } from "./live_figures.js";

export class OwnValues {
  constructor(explorer, page) {
    Object.assign(this, { explorer, page, asker: new Asker(page, explorer) });
    this.button = button("own values", () => (explorer.own ? this.close() : this.open()));
    this.button.title = "type any number";
    this.button.setAttribute("aria-pressed", "false");
    explorer.root.querySelector(".explorer-buttons").append(this.button);
  }

  open() {
    const { explorer } = this;
    explorer.own = this;
    this.button.setAttribute("aria-pressed", "true");
    this.stored = explorer.controls;
    explorer.controls = this.stored.map((control, i) =>
      (explorer.data.own.includes(control.name) ? this.field(control, explorer.data.controls[i]) : control));
    this.fields = explorer.controls.filter(({ box }) => box);
    this.fields[0].box.scrollIntoView({ block: "nearest" });
    explorer.load();
    this.ask();
  }

  close() {
    const { explorer } = this;
    explorer.own = null;
    this.button.setAttribute("aria-pressed", "false");
    for (const { box, output } of this.fields) { box.remove(); output.hidden = false; }
    explorer.controls = this.stored;
    explorer.fail("python", "");
    explorer.moved();
  }

  // A control that takes any number: the explorer's own slider, with a box to type into at its end.
  field(control, { label, values }) {
    const { explorer } = this, row = explorer.root.querySelector(`[data-control="${control.name}"]`);
    const [range, output] = row.querySelectorAll("input, output");
    const box = Object.assign(document.createElement("input"), { type: "number", className: "py-own", step: "any" });
    if (values.every(Number.isInteger) && control.name !== "alpha") { // what counts is whole; LoRA's α may be a fraction
      Object.assign(box, { step: 1, min: Math.min(1, ...values) });
    }
    box.setAttribute("aria-label", `${label}, any number`);
    box.addEventListener("input", (event) => event.stopPropagation()); // until the number is whole
    box.addEventListener("change", () => { if (box.value !== "" && box.reportValidity()) explorer.moved(); });
    const follow = () => { box.value = values[control.get()]; };
    range.oninput = follow;
    follow();
    output.hidden = true;
    output.after(box);
    return {
      ...control, box, output,
      value: () => Number(box.value),
      key: () => box.value,
      take: (key) => {
        const before = box.value;
        box.value = values[control.keys.indexOf(key)] ?? key;
        const fits = box.value !== "" && box.checkValidity();
        if (!fits) box.value = before;
        return fits;
      },
      set: (to) => { control.set(to); follow(); },
    };
  }

  ask() {
    const { explorer } = this, { controls, source } = explorer.data;
    explorer.box.classList.add("explorer-picture-old");
    this.asker.ask(async () => {
      const handle = source.startsWith("__main__:") ? await this.page.handleOf(explorer) : null;
      if (handle === undefined) throw new Error("Its cell, or one above, stops with an error.");
      const positions = positionsOf(explorer);
      return {
        handle, positions, source,
        values: Object.fromEntries(controls.map(({ name, values }) => [name, values[positions[name]]])),
        own: Object.fromEntries(this.fields.map(({ name, value }) => [name, value()])),
      };
    }, () => explorer.own === this);
  }
}
