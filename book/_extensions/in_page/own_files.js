// The reader's lora.py: this browser keeps it for all pages of the site, and Python gets it for
// every run.

import { button, download, element, keep } from "./dom.js";

const NAME = "lora.py";
const COPY = "lora.before.py"; // of the text that another has replaced

export class OwnFiles {
  memory = null; // the texts where the browser keeps none
  said = element("span", { className: "py-said", role: "status" });
  choice = element("input", { type: "file", accept: ".py", hidden: true });
  save = button("Download lora.py", () => download(NAME, new Blob([this.texts[NAME]])));
  restart = button("Start over", () => this.startOver());

  // hearChange: called where anything but a cell has changed them.
  constructor(base, hearChange) {
    this.key = `lora-files 1 ${new URL(base, location).pathname}`;
    this.hearChange = hearChange;
    addEventListener("storage", ({ key }) => {
      if (key !== this.key) return; // else another tab has changed them
      this.show();
      this.hearChange();
    });
    this.choice.onchange = async () => {
      await this.open(this.choice.files[0]);
      this.choice.value = ""; // so that the same file can be opened again
    };
    this.show();
  }

  // {"lora.py": its text, …}
  get texts() {
    return this.memory ?? JSON.parse(localStorage.getItem(this.key) ?? "{}");
  }

  keep(texts, words) {
    this.memory = keep(this.key, JSON.stringify(texts)) ? null : texts;
    this.show(words);
  }

  // A line with the buttons, for pages with a step.
  bar() {
    const open = button("Open lora.py", () => this.choice.click());
    const className = "py-readers-file d-print-none";
    return element("div", { className }, this.save, open, this.restart, this.choice, this.said);
  }

  show(words) {
    const begun = NAME in this.texts;
    this.save.hidden = !begun;
    this.restart.hidden = !begun;
    const place = this.memory
      ? "This browser keeps nothing: download lora.py before you leave."
      : "This browser keeps your lora.py. Download it to use it elsewhere.";
    this.said.textContent = words ?? (begun ? place : "");
  }

  async open(file) {
    const text = await file.text();
    if (!/^def \w+\(/m.test(text))
      return this.show(`${file.name} defines no function, so nothing has changed.`);
    const now = this.texts;
    const earlier = now[NAME] !== text && now[NAME];
    const question = `Replace your lora.py with ${file.name}? Your text is kept as ${COPY}.`;
    if (earlier && !confirm(question)) return this.show("Your lora.py has not changed.");
    this.keep(
      { ...now, [NAME]: text, ...(earlier && { [COPY]: earlier }) }, // in the order of Python's
      `${file.name} is now your lora.py. check() in a cell judges it.` +
        (earlier ? ` Your earlier text is kept as ${COPY}.` : ""),
    );
    this.hearChange();
  }

  startOver() {
    if (!confirm("Delete your lora.py from this browser?")) return;
    this.keep({});
    this.hearChange();
  }
}
