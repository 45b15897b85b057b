// Read the states of an explorer: the counterpart of codec.py, which describes the text.
// Plain functions, no imports: these files are joined into one script (see bundle.py).

// The figure of a state, copied whole, because plotly writes into the layout it is given.
function figureOf(joined, state) {
  if (Array.isArray(joined)) return joined.map((entry) => figureOf(entry, state));
  if (joined === null || typeof joined !== "object") return joined;
  if ("\0" in joined) return figureOf(joined.of[joined["\0"][state]], state);
  const copy = {};
  for (const key in joined) copy[key] = figureOf(joined[key], state);
  return copy;
}
