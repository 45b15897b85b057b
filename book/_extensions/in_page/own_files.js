// The reader's lora.py: this browser keeps it for all pages of the site, and Python gets it for
// every run.

import { button, element } from "./dom.js";

const NAME = "lora.py";
const HEAD = /^def \w+\(/m; // what a file of functions has

export class OwnFiles {
  memory = null; // the texts where the browser keeps none

  constructor(base) {
    this.key = `lora-files 1 ${new URL(base, location).pathname}`;
  }

  // {"lora.py": its text, …}
  get texts() {
    return this.memory ?? JSON.parse(localStorage.getItem(this.key) ?? "{}");
  }

  keep(texts) {
    try {
      localStorage.setItem(this.key, JSON.stringify(texts));
    } catch {
      this.memory = texts;
    }
    this.show();
  }

  // A line with the buttons, for pages with a step.
  bar() {
    this.said = element("span", { className: "py-said", role: "status" });
    const choice = element("input", { type: "file", accept: ".py", hidden: true });
    choice.onchange = () => this.open(choice.files[0]);
    this.save = button("Download lora.py", () => this.download());
    this.restart = button("Start over", () => this.startOver());
    const open = button("Open lora.py", () => choice.click());
    this.show();
    const className = "py-page d-print-none";
    return element("div", { className }, this.save, open, this.restart, choice, this.said);
  }

  show(words = "") {
    if (!this.said) return;
    const begun = NAME in this.texts;
    this.save.hidden = !begun;
    this.restart.hidden = !begun;
    const place = this.memory
      ? "This browser keeps nothing: download lora.py before you leave."
      : "This browser keeps your lora.py. Download it to have it elsewhere.";
    this.said.textContent = words || (begun ? place : "");
  }

  download() {
    const href = URL.createObjectURL(new Blob([this.texts[NAME]], { type: "text/x-python" }));
    element("a", { href, download: NAME }).click();
  }

  async open(file) {
    const text = await file.text();
    if (!HEAD.test(text)) return this.show(`${file.name} holds no function: nothing has changed.`);
    this.keep({ ...this.texts, [NAME]: text, "lora.before.py": this.texts[NAME] ?? "" });
    this.show(`${file.name} is your lora.py now. Run a cell, and it is judged.`);
  }

  startOver() {
    if (confirm("Delete your lora.py from this browser?")) this.keep({});
  }
}
