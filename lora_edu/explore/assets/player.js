// Play the slider that counts steps: a button, the key p, and when it pauses.
// Joined with its neighbours into one script (see bundle.py).

const PACE = [350, 1600]; // ms from one step to the next: the shortest and the longest
const WHOLE = 9000; // ms that a slider of few steps takes from end to end
const LESS_MOTION = matchMedia("(prefers-reduced-motion: reduce)"); // then each press is one step

class Player {
  timer = 0; // 0: at rest

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
    const word = this.timer ? "pause" : begins;
    this.button.textContent = `${this.timer ? "❚❚" : "▶\ufe0e"} ${word}`;
    this.button.ariaLabel = `${word} ${this.control.text}`;
    this.button.title = `${word} (key p)`;
  }

  press() {
    if (this.timer) return this.pause();
    const { control, explorer } = this;
    explorer.bringIntoSight();
    if (!LESS_MOTION.matches) {
      // It opened with a later step: nobody has seen the first ones yet.
      if (!explorer.touched && control.get() > 0) control.set(control.count - 1);
      const pace = Math.min(PACE[1], Math.max(PACE[0], WHOLE / control.count));
      this.timer = setInterval(() => {
        // Until the last step is drawn the next one waits.
        if (!explorer.busy && !this.forward()) this.pause();
      }, pace);
    }
    explorer.touched = true;
    if (!this.forward()) this.pause();
    this.name();
  }

  // One step, from the last one to the first; whether there is a step after it.
  forward() {
    const next = (this.control.get() + 1) % this.control.count;
    this.control.set(next);
    this.explorer.changed();
    return next < this.control.count - 1;
  }

  pause() {
    if (!this.timer) return;
    clearInterval(this.timer);
    this.timer = 0;
    this.name();
    this.explorer.settle();
  }

  destroy() {
    this.pause();
    this.sight.disconnect();
  }
}
