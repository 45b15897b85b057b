// A figure may name a path and the ball at its end (layout.meta.roll): when the reader moves it,
// the ball rolls along the path, and the last paths stay, faint.
// Joined with its neighbours into one script (see bundle.py).

const ROLL_STEP = 90; // ms from a place to the next
const LONGEST_ROLL = 3000; // ms, for the whole path
const KEPT = 5; // paths that stay

class Roll {
  paths = [];

  constructor(plot) {
    this.plot = plot;
  }

  show(figure, moved) {
    cancelAnimationFrame(this.frame);
    const { roll } = figure.layout.meta || {};
    if (!roll || !moved || LESS_MOTION.matches) return this.plot.show(figure);
    const [path, ball] = roll.map((part) => figure.data.find(({ name }) => name === part));
    const others = figure.data.filter(({ name }) => !roll.includes(name));
    const faint = this.paths.map((trace) => ({ ...trace, mode: "lines", opacity: 0.35 }));
    const begun = performance.now();
    const last = path.x.length - 1;
    const pace = Math.max(1 / ROLL_STEP, last / LONGEST_ROLL);
    const step = (now) => {
      const at = Math.min(last, Math.max(0, (now - begun) * pace));
      const before = Math.floor(at);
      const after = Math.ceil(at);
      // The ball, which may be between two places, and its way.
      const here = (places) => places[before] + (at - before) * (places[after] - places[before]);
      const way = (places) => [...places.slice(0, after), here(places)];
      const data = [
        ...faint,
        ...others,
        { ...path, x: way(path.x), y: way(path.y) },
        { ...ball, x: [here(path.x)], y: [here(path.y)] },
      ];
      this.plot.show({ ...figure, data });
      if (at < last) this.frame = requestAnimationFrame(step);
      else this.paths = [...this.paths, path].slice(-KEPT);
    };
    step(begun);
  }
}
