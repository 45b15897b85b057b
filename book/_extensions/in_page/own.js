// Values of the reader's own for an explorer of the page: typed, or scrubbed without steps, and
// computed by the function that drew the stored ones.

import { Asker, button } from "./explorers.js";

const STEPS = 1000; // of a slider that has none to speak of

export class OwnValues {
  constructor(explorer, page) {
    Object.assign(this, { explorer, page });
    this.button = button("own values", () => (explorer.own ? this.close() : this.open()));
    this.button.title = "type any number";
    this.button.setAttribute("aria-pressed", "false");
    explorer.root.querySelector(".explorer-buttons").append(this.button);
    this.asker = new Asker(page, explorer.root);
  }

  open() {
    const { explorer } = this;
    explorer.own = this;
    this.button.setAttribute("aria-pressed", "true");
    this.stored = explorer.controls;
    explorer.controls = this.stored.map((control, i) =>
      (explorer.data.own.includes(control.name) ? this.field(control, explorer.data.controls[i]) : control));
    this.fields = explorer.controls.filter(({ row }) => row);
    this.fields[0]?.row.scrollIntoView({ block: "nearest" });
    explorer.load();
    this.ask();
  }

  close() {
    const { explorer } = this;
    explorer.own = null;
    this.button.setAttribute("aria-pressed", "false");
    for (const { row, slider } of this.fields) { row.remove(); slider.hidden = false; }
    explorer.controls = this.stored;
    explorer.fail("own", "");
    explorer.moved();
  }

  // A control for any number: a slider without steps and a box to type into, in the place of the
  // explorer's own slider.
  field(control, { label, values }) {
    const { explorer } = this;
    const whole = values.every(Number.isInteger) && control.name !== "alpha"; // α counts nothing
    const low = Math.min(...values), high = Math.max(...values), log = low > 0 && high / low > 10;
    const least = Math.min(1, low); // of what is counted
    const at = (share) => (log ? low * (high / low) ** share : low + (high - low) * share);
    const share = (value) => (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
    const slider = explorer.root.querySelector(`[data-control="${control.name}"]`);
    const row = document.createElement("div");
    row.className = "explorer-slider py-own";
    row.innerHTML = `<b></b><input type="range" min="0" max="${STEPS}" step="1"><input type="text" inputmode="decimal" autocomplete="off" size="8">`;
    const [title, range, box] = row.children;
    title.textContent = label;
    range.setAttribute("aria-label", `${label}, without steps`);
    box.setAttribute("aria-label", `${label}, any number`);
    let value = null;
    const put = (number) => {
      value = number;
      box.value = String(value);
      box.setAttribute("aria-invalid", "false");
      range.value = Math.min(1, Math.max(0, share(value) || 0)) * STEPS;
      range.setAttribute("aria-valuetext", box.value);
    };
    const take = (key) => {
      const number = values[control.keys.indexOf(key)] ?? Number(key || NaN);
      const is = whole ? Number.isInteger(number) && number >= least : Number.isFinite(number);
      if (is) put(number);
      return is;
    };
    range.addEventListener("input", () => {
      const number = at(range.value / STEPS);
      put(whole ? Math.round(number) : Number(number.toPrecision(3)));
      explorer.moved();
    });
    box.addEventListener("change", () => {
      if (take(box.value.trim().replace(",", ".").replace("−", "-"))) return explorer.moved();
      box.setAttribute("aria-invalid", "true");
      explorer.fail("link", `${label} must be a ${whole ? `whole number of at least ${least}` : "number"}, not “${box.value}”.`);
    });
    slider.hidden = true;
    slider.after(row);
    put(values[control.get()]);
    const key = () => String(value), set = (to) => { control.set(to); put(values[to]); };
    return { ...control, row, slider, key, take, set, said: key, value: () => value };
  }

  ask() {
    const { explorer } = this, { controls, source } = explorer.data;
    explorer.fail("own", "");
    explorer.box.classList.add("explorer-elsewhere");
    this.asker.ask(async () => {
      const handle = source.startsWith("__main__:") ? await this.page.handleOf(explorer) : null;
      if (handle === undefined) throw new Error("Its cell, or one above, stops with an error.");
      const positions = Object.fromEntries(explorer.controls.map(({ name, get }) => [name, get()]));
      return {
        handle, positions, source,
        values: Object.fromEntries(controls.map(({ name, values }) => [name, values[positions[name]]])),
        own: Object.fromEntries(this.fields.map(({ name, value }) => [name, value()])),
      };
    }, ({ figure, error }) => {
      if (explorer.own !== this) return;
      explorer.fail("own", error);
      if (figure) explorer.show(figure);
    });
  }
}
