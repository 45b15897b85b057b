// An explorer: controls, plot, sentence, pin, reset, links and faults around the HTML that page.py
// writes. One class for all; where its figures come from differs, and is its source's:
// source.at(explorer) promises the figure of the position, and fails with a sentence.
// Joined with its neighbours into one script (see bundle.py).

const QUIET = 400; // ms after the last move: the controls have come to rest
const IN_SIGHT = 0.97; // of a plot: where less of it can be seen, a link scrolls there
const ABOVE = 56; // px: the page's bar
const PATIENCE = 300; // ms after which an explorer says that its figure is being computed

// A move, from the widest step to the narrowest:
// follow() [a link's; scrolls] → go() [to named positions] → moved() [by the reader; stops the
// player] → changed() [also by the player; fetches plotly with load()] → update() [labels] →
// ask() [the source] → show() [draws the figure], or goBack() [to the one that is shown].
class Explorer {
  own = false; // whether its source takes numbers of the reader's own (in_page/own_values.js)
  notCopied = "not copied"; // said by the button "link" where the clipboard is closed to it
  faults = {};
  pinned = null; // what the pinned copy says

  // loadPlotly(): a promise of plotly.
  constructor(root, source, loadPlotly) {
    Object.assign(this, { root, source });
    this.data = JSON.parse(root.querySelector(".explorer-data").textContent);
    this.name = this.data.name;
    this.box = root.querySelector(".explorer-plot");
    this.headline = root.querySelector(".explorer-headline");
    this.firstHeadline = this.headline?.textContent;
    this.start = this.data.controls.map((control) => control.start);
    this.shown = this.data.controls.map(({ keys, start }) => keys[start]);
    this.firstKeys = String(this.shown);
    this.plot = createPlot(this.box, loadPlotly, (types, ghosts) => {
      const undrawn = `plotly.js, as it is loaded here, cannot draw ${types.join(", ")}.`;
      this.fail("traces", types.length && undrawn);
      this.tellPinned(ghosts);
    });
    const roll = new Roll(this.plot);
    this.blend = new Blend((figure) => roll.show(figure, this.touched));
    this.controls = this.data.controls.map((control) => {
      const element = root.querySelector(`[data-control="${control.name}"]`);
      element.addEventListener("input", () => this.moved());
      return readControl(element, control);
    });
    this.wireButtons();
    // read out by screen readers, seen by nobody
    this.spoken = Object.assign(document.createElement("p"), {
      className: "explorer-spoken",
      role: "status",
    });
    root.append(this.spoken);
    root.classList.add("explorer-alive");
    for (const type of ["pointerdown", "focusin"]) root.addEventListener(type, () => this.meet());
  }

  // Resolves once there is a figure.
  async ready() {
    if (!this.figure) await this.ask();
    if (!this.figure) throw new Error("there is no figure"); // goBack() has said why
  }

  // Say above the plot what went wrong, one sentence for each kind of fault; "" takes it back.
  fail(kind, text) {
    if ((this.faults[kind] || "") === (text || "")) return;
    this.faults[kind] = text;
    this.failure ||= Object.assign(document.createElement("p"), { className: "explorer-failed" });
    this.failure.textContent = Object.values(this.faults).filter(Boolean).join(" ");
    if (!this.failure.textContent) this.failure.remove();
    else if (!this.failure.isConnected) this.box.before(this.failure);
    if (text) this.settle();
  }

  // Fetch plotly and draw; after a failure the next move tries again. Until then the box is busy.
  // Resolves when that has ended, well or not.
  load() {
    if (this.drawing) return this.drawing;
    this.box.ariaBusy = "true";
    const onError = (error) => {
      this.drawing = null;
      if (this.figure) this.fail("plotly", `The plot is not drawn: ${error.message}.${this.hope}`);
    };
    this.drawing = this.ready()
      .then(() => this.plot.load())
      .then(() => this.fail("plotly", ""), onError)
      .finally(() => {
        this.box.ariaBusy = null;
      });
    return this.drawing;
  }

  get hope() {
    return this.controls.length ? " The next move tries again." : "";
  }

  // Once the controls rest, what the plot says is read out: one announcement, however many moves.
  settle() {
    clearTimeout(this.settling);
    if (this.player?.playing) return; // it calls this when it pauses
    const sentences = () => [this.figure && reading(this.figure), ...Object.values(this.faults)];
    this.settling = setTimeout(() => this.say(sentences().filter(Boolean).join(" ")), QUIET);
  }

  say(text) {
    this.spoken.textContent = text;
  }

  // Whether the position of the controls is not drawn yet.
  get busy() {
    return Boolean(this.asking) || !this.plot.current;
  }

  position() {
    return this.controls.map((control) => control.get());
  }

  keys() {
    return this.controls.map((control) => control.key());
  }

  put(position) {
    this.controls.forEach((control, i) => {
      control.set(position[i]);
    });
    this.label();
  }

  label() {
    for (const control of this.controls) control.label();
  }

  show(figure) {
    if (this.figure) this.settle();
    this.figure = figure;
    const isGentle = this.player?.playing && !LESS_MOTION.matches;
    this.blend.show(figure, () => this.tell(figure), isGentle);
  }

  tell(figure) {
    this.box.ariaLabel = reading(figure) || this.data.caption || this.name;
    this.numbers?.show();
    if (!this.headline) return;
    const head = headline(figure);
    const { dataset } = this.headline;
    this.headline.firstElementChild.textContent = head;
    if (head.length > dataset.longest.length) dataset.longest = head;
  }

  update() {
    this.label();
    this.ask();
  }

  // Show the figure of the position. One is asked for at a time; of the positions that wait, the
  // newest alone. Resolves when none waits any more.
  ask() {
    this.markPicture();
    this.isNewer = true;
    this.asking ||= this.answer();
    return this.asking;
  }

  async answer() {
    try {
      while (this.isNewer) await this.answerOne();
    } finally {
      this.asking = null;
    }
  }

  async answerOne() {
    this.isNewer = false;
    const { source } = this;
    const keys = this.keys();
    const slow = setTimeout(() => {
      this.root.ariaBusy = "true";
    }, PATIENCE);
    const { figure, error } = await source.at(this).then(
      (result) => ({ figure: result }),
      ({ message }) => ({ error: message }),
    );
    clearTimeout(slow);
    this.root.ariaBusy = null;
    if (source !== this.source) return; // who has changed it has asked again
    if (figure) {
      this.shown = keys;
      this.fail("figure", "");
      this.show(figure);
    } else if (!this.isNewer) {
      this.goBack(keys, error);
    }
  }

  // keys: of the position that fails.
  goBack(keys, error) {
    const moved = this.controls.filter((_, i) => keys[i] !== this.shown[i]);
    const inWords = (verb) => moved.map(({ text, said }) => `${text} ${verb} ${said()}`).join(", ");
    const failing = inWords("=");
    this.controls.forEach((control, i) => {
      control.take(this.shown[i]);
    });
    this.label();
    this.markPicture();
    if (moved.length) this.share();
    const again = moved.length ? `${inWords("is")} again. With ${failing}: ` : "";
    this.fail("figure", again + error);
  }

  // The still picture is of the first position; so is the sentence until there is a figure.
  markPicture() {
    const moved = String(this.keys()) !== this.firstKeys;
    this.box.classList.toggle("explorer-picture-old", moved);
    if (!this.headline || this.figure) return;
    this.headline.firstElementChild.textContent = moved ? "" : this.firstHeadline;
  }

  // The controls have changed, by the player, the reader or a link.
  changed() {
    this.root.dispatchEvent(new Event("change"));
    this.fail("link", "");
    this.update();
    this.load();
  }

  // Somebody takes hold of it: from now on its tools are seen.
  meet() {
    this.root.classList.add("explorer-met");
  }

  // By the reader or a link, which also stops the player.
  moved() {
    this.touched = true;
    this.meet();
    this.player?.pause();
    this.changed();
  }

  // positions: {control name: key}. Returns those that do not exist, which are ignored.
  // own: they are numbers that only Python computes.
  go({ own, ...positions }) {
    this.wanted = own && !this.own ? positions : null;
    const named = (name) => this.controls.find((control) => control.name === name);
    const strange = Object.entries(positions).filter(([name, key]) => !named(name)?.take(key));
    this.moved();
    return strange;
  }

  // What a link in the text does: it also brings the plot into sight, and outlines it for a moment.
  follow(positions, link) {
    const strange = this.go(positions).map(([name, key]) => `${name} = ${key}`);
    const asked = strange.join(", ").slice(0, 80);
    const hope = this.wanted ? " until you press “Run this page”" : "";
    this.fail(
      "link",
      asked && `The link asks for ${asked}: this plot has no such position${hope}.`,
    );
    this.bringIntoSight(link);
    this.root.classList.remove("explorer-moved");
    void this.root.offsetWidth; // restart the outline's animation
    this.root.classList.add("explorer-moved");
  }

  // Scroll to plot and controls unless the plot is in sight. A way back leads to `link`, where
  // there is one.
  bringIntoSight(link) {
    const view = this.box.parentElement; // with the headline, which says what is found
    const { top, bottom, height } = view.getBoundingClientRect();
    const seen = Math.min(bottom, innerHeight) - Math.max(top, ABOVE);
    const room = innerHeight - ABOVE;
    const isHeadlineSeen = top >= ABOVE || height > room;
    if (isHeadlineSeen && seen >= IN_SIGHT * Math.min(height, room)) return;
    if (link) this.leave(link);
    view.scrollIntoView({ block: "nearest", behavior: scrolling() });
  }

  leave(link) {
    offerWayBack(link, this.box);
  }

  // The link to copy.
  share() {
    return this.link();
  }

  link() {
    const query = this.controls.map((control) => `${control.name}=${control.key()}`);
    return `#${this.name}?${query.join("&")}${this.own ? "&own=1" : ""}`;
  }

  wireButtons() {
    const { pin, unpin, reset, link, play, numbers, code } = Object.fromEntries(
      [...this.root.querySelectorAll("[data-do]")].map((button) => [button.dataset.do, button]),
    );
    this.numbers = new Numbers(this, numbers);
    const fold = this.root.closest(".cell")?.querySelector(":scope > .explorer-code");
    code.hidden = !fold;
    fold?.addEventListener("toggle", () => {
      code.ariaExpanded = fold.open;
    });
    code.addEventListener("click", () => {
      fold.open = !fold.open;
    });
    if (!pin) return;
    if (play) this.player = new Player(this, play);
    if (this.data.drag.length) new Drag(this, this.data.drag);
    pin.addEventListener("click", async () => {
      await this.ready().catch(() => {}); // load() reports the error
      if (!this.figure) return;
      this.pinned = reading(this.figure);
      this.plot.pin();
      this.tellPinned(0);
      this.say(`Pinned: ${this.pinned}`);
    });
    unpin.addEventListener("click", () => {
      this.pinned = null;
      this.plot.unpin();
      this.tellPinned(0);
      pin.focus();
    });
    reset.addEventListener("click", () => {
      this.put(this.start);
      this.plot.whole();
      this.moved();
    });
    link.addEventListener("click", async () => {
      const text = this.share();
      const copied = await navigator.clipboard?.writeText(text).then(
        () => true,
        () => false,
      );
      link.textContent = copied ? "copied" : this.notCopied;
      this.say(link.textContent);
      setTimeout(() => {
        link.textContent = "link";
      }, 1500);
    });
  }

  destroy() {
    this.player?.destroy();
    this.plot.destroy();
  }

  // The line that says what is pinned, and, where curves of it are drawn, how they look.
  tellPinned(ghosts) {
    const note = this.root.querySelector(".explorer-pinned");
    if (!note) return;
    note.hidden = this.pinned === null;
    note.firstElementChild.textContent = `Pinned${ghosts ? " (dashed)" : ""}: ${this.pinned}`;
  }
}
