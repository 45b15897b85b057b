// Play the slider that counts steps: a button, the key p, and when it pauses.
// Joined with its neighbours into one script (see bundle.py).

const PACE = [350, 1600]; // ms from one step to the next: the shortest and the longest
const WHOLE = 9000; // ms that a slider of few steps takes from end to end
const LESS_MOTION = matchMedia("(prefers-reduced-motion: reduce)"); // then each press is one step

class Player {
  playing = false;

  constructor(explorer, button) {
    this.explorer = explorer;
    this.button = button;
    const { root } = explorer;
    button.addEventListener("click", () => this.press());
    root.addEventListener("keydown", (event) => {
      if (event.key !== "p" || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation(); // in a notebook it would mean something else
      button.click();
    });
    // Whatever else the reader takes hold of, or that is out of sight, ends it.
    for (const type of ["pointerdown", "click", "input"]) {
      root.addEventListener(type, ({ target }) => {
        if (button.contains(target)) return;
        if (target.closest("label, input, select, button")) this.pause();
      });
    }
    this.sight = new IntersectionObserver(([{ isIntersecting }]) => {
      if (!isIntersecting) this.pause();
    });
    this.sight.observe(explorer.box);
    this.name();
  }

  get control() {
    return this.explorer.controls.find(({ name }) => name === this.explorer.data.play);
  }

  name() {
    const begins = LESS_MOTION.matches ? "step" : "play";
    const word = this.playing ? "pause" : begins;
    this.button.textContent = `${this.playing ? "❚❚" : "▶\ufe0e"} ${word}`;
    this.button.ariaLabel = `${word} ${this.control.text}`;
    this.button.title = `${word} (key p)`;
  }

  // The picture stays until the plot is loaded.
  async press() {
    if (this.playing) return this.pause();
    const { control, explorer } = this;
    this.playing = true;
    this.name();
    explorer.bringIntoSight();
    explorer.plot.whole();
    await explorer.load();
    if (!this.playing) return;
    if (!explorer.drawing) return this.pause(); // load() says why
    const isUnseen = !explorer.touched; // it may have opened with a later step
    explorer.touched = true;
    if (LESS_MOTION.matches) {
      this.put((control.get() + 1) % control.count);
      return this.pause();
    }
    if (isUnseen || control.get() === control.count - 1) this.put(0);
    const { pace = WHOLE / control.count } = explorer.figure.layout.meta || {};
    this.timer = setInterval(() => this.forward(), Math.min(PACE[1], Math.max(PACE[0], pace)));
  }

  put(step) {
    this.control.set(step);
    this.explorer.changed();
  }

  // One step, unless the one before is not drawn yet; after the last one it ends.
  forward() {
    const { control, explorer } = this;
    if (explorer.busy) return;
    if (control.get() === control.count - 1) this.pause();
    else this.put(control.get() + 1);
  }

  pause() {
    if (!this.playing) return;
    clearInterval(this.timer);
    this.playing = false;
    this.name();
    this.explorer.blend.end();
    this.explorer.settle();
  }

  destroy() {
    this.pause();
    this.sight.disconnect();
  }
}
