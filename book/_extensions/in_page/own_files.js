// The reader's lora.py: this browser keeps it for all pages of the site, and Python gets it for
// every run.

import { button, element, keep } from "./dom.js";

const NAME = "lora.py";
const HEAD = /^def \w+\(/m; // what a file of functions has

export class OwnFiles {
  memory = null; // the texts where the browser keeps none

  // hearChange: called where anything but a cell has changed them.
  constructor(base, hearChange) {
    this.key = `lora-files 1 ${new URL(base, location).pathname}`;
    this.hearChange = hearChange;
    addEventListener("storage", ({ key }) => {
      if (key !== this.key) return; // else another tab has changed them
      this.show();
      this.hearChange();
    });
  }

  // {"lora.py": its text, …}
  get texts() {
    return this.memory ?? JSON.parse(localStorage.getItem(this.key) ?? "{}");
  }

  keep(texts) {
    this.memory = keep(this.key, JSON.stringify(texts)) ? null : texts;
    this.show();
  }

  // A line with the buttons, for pages with a step.
  bar() {
    this.said = element("span", { className: "py-said", role: "status" });
    const choice = element("input", { type: "file", accept: ".py", hidden: true });
    choice.onchange = async () => {
      await this.open(choice.files[0]);
      choice.value = ""; // so that the same file can be opened again
    };
    this.save = button("Download lora.py", () => this.download());
    this.restart = button("Start over", () => this.startOver());
    const open = button("Open lora.py", () => choice.click());
    this.show();
    const className = "py-readers-file d-print-none";
    return element("div", { className }, this.save, open, this.restart, choice, this.said);
  }

  show(words = "") {
    if (!this.said) return;
    const begun = NAME in this.texts;
    this.save.hidden = !begun;
    this.restart.hidden = !begun;
    const place = this.memory
      ? "This browser keeps nothing: download lora.py before you leave."
      : "This browser keeps your lora.py. Download it to use it elsewhere.";
    this.said.textContent = words || (begun ? place : "");
  }

  download() {
    const href = URL.createObjectURL(new Blob([this.texts[NAME]], { type: "text/x-python" }));
    element("a", { href, download: NAME }).click();
  }

  async open(file) {
    const text = await file.text();
    if (!HEAD.test(text))
      return this.show(`${file.name} defines no function, so nothing has changed.`);
    const { [NAME]: before } = this.texts;
    const copy = before === undefined ? {} : { "lora.before.py": before };
    this.keep({ ...this.texts, ...copy, [NAME]: text });
    this.show(`${file.name} is now your lora.py. check() in a cell judges it.`);
    this.hearChange();
  }

  startOver() {
    if (!confirm("Delete your lora.py from this browser?")) return;
    this.keep({});
    this.hearChange();
  }
}
