// While an explorer plays, each figure blends into the next: curves, maps and boxes move from their
// places to the new ones, and halfway all else changes, also the words. What blending ends with, or
// whoever ends it, is the figure itself.
// Joined with its neighbours into one script (see bundle.py).

const BLEND = 350; // ms
const SLOW = 80; // ms: what takes longer to draw blends no further
const MOVING = ["x", "y", "z", "x0", "y0", "x1", "y1"]; // of a trace, or of a shape

class Blend {
  // draw(figure), as often as there is time for.
  constructor(draw) {
    this.draw = draw;
  }

  // Show a figure, gently from the one that is drawn or at once. say(): its words.
  show(figure, say, gently) {
    cancelAnimationFrame(this.frame);
    const at = gently && this.drawn && between(this.drawn, figure);
    const begun = performance.now();
    let isSaid = false;
    const put = (next, share) => {
      this.drawn = next;
      this.draw(next);
      if (share >= 0.5 && !isSaid) say();
      isSaid = share >= 0.5;
    };
    const step = (now) => {
      const share = Math.max(0, (now - begun) / BLEND);
      if (share >= 1) return this.end();
      put(at(share), share);
      if (performance.now() - now > SLOW) return this.end();
      this.frame = requestAnimationFrame(step);
    };
    this.end = () => {
      cancelAnimationFrame(this.frame);
      this.end = () => {};
      put(figure, 1);
    };
    if (at) this.frame = requestAnimationFrame(step);
    else this.end();
  }

  // At once: what is being blended becomes the figure that it blends into.
  end() {}
}

// share → the figure between two; null where nothing of one can move to the other, or a ball rolls.
function between(from, to) {
  const twins = new Map();
  const pair = (olds = [], news = []) => {
    for (const [i, next] of news.entries()) {
      const isTwin = (part) => part?.type === next.type && part.name === next.name;
      const at = next.name || olds.length === news.length ? [olds[i]] : [];
      const twin = [...at, ...(next.name ? olds : [])].find(isTwin);
      if (!twin || !moved(twin, next, 0.5, to.layout)) continue;
      for (const part of [twin, next]) twins.set(part, [twin, next]);
    }
  };
  pair(from.data, to.data);
  pair(from.layout.shapes, to.layout.shapes);
  if (!twins.size || to.layout.meta?.roll) return null;
  return (share) => {
    const { data, layout } = share < 0.5 ? from : to;
    const blend = (part) =>
      twins.has(part) ? { ...part, ...moved(...twins.get(part), share, to.layout) } : part;
    const shapes = layout.shapes && { shapes: layout.shapes.map(blend) };
    return { data: data.map(blend), layout: { ...layout, ...shapes } };
  };
}

// What moves of a trace or a shape, where it then is; null where nothing does, or something cannot:
// a map that is exactly zero is nothing else.
function moved(last, next, share, layout) {
  if ([last, next].some(({ z }) => z && !z.flat().some(Boolean))) return null;
  const places = MOVING.filter((key) => String(last[key]) !== String(next[key])).map((key) => {
    const axis = next[`${key[0]}axis`] || next[`${key[0]}ref`] || key[0];
    const isLog = layout[`${key[0]}axis${axis.slice(1)}`]?.type === "log";
    return [key, mix(last[key], next[key], share, isLog)];
  });
  const isWhole = places.length && places.every(([, place]) => place !== undefined);
  return isWhole ? Object.fromEntries(places) : null;
}

// Between two numbers, or lists of lists of them; undefined where one is none, or has no logarithm.
function mix(last, next, share, isLog) {
  if (last === next) return next;
  if ([last, next].every(Array.isArray) && last.length === next.length) {
    const mixed = next.map((value, i) => mix(last[i], value, share, isLog));
    return mixed.includes(undefined) ? undefined : mixed;
  }
  if (!Number.isFinite(last) || !Number.isFinite(next)) return undefined;
  if (!isLog) return last + share * (next - last);
  return last > 0 && next > 0 ? last * (next / last) ** share : undefined;
}
