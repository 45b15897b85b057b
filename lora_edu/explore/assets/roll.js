// A figure may name a path and the ball at its end (layout.meta.roll): when the reader moves it,
// the ball rolls along the path, and the last paths stay, faint.
// Joined with its neighbours into one script (see bundle.py).

const ROLLS = 1000; // ms from the first place to the last
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
    const path = figure.data.find(({ name }) => name === roll[0]);
    const others = figure.data.filter(({ name }) => !roll.includes(name));
    const ball = figure.data.find(({ name }) => name === roll[1]);
    const faint = this.paths.map((trace) => ({ ...trace, mode: "lines", opacity: 0.35 }));
    const begun = performance.now();
    const step = (now) => {
      const share = Math.min(1, Math.max(0, now - begun) / ROLLS);
      const end = Math.round(share * (path.x.length - 1));
      const part = ({ x, y }, from) => ({ x: x.slice(from, end + 1), y: y.slice(from, end + 1) });
      const data = [
        ...faint,
        ...others,
        { ...path, ...part(path, 0) },
        { ...ball, ...part(path, end) },
      ];
      this.plot.show({ ...figure, data });
      if (share < 1) this.frame = requestAnimationFrame(step);
      else this.paths = [...this.paths, path].slice(-KEPT);
    };
    step(begun);
  }
}
