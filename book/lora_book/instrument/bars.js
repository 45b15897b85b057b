// Norms as bars in octaves: the middle is the value when one took hold of a control, or at step 0.

const MIDDLE = 5;

const short = (value) => String(Number(value.toPrecision(3)));

function octaves(value, from) {
  if (!(value > 0 && from > 0)) return 0;
  return Math.max(0.1, Math.min(2 * MIDDLE, MIDDLE + Math.log2(value / from)));
}

// held: the norms to compare with; null for those at step 0, at step 1 where they are zero.
export function showBars(table, run, { step, on }, held) {
  const norms = run.norms(step, on);
  for (const row of table.rows) {
    const name = row.dataset.norm;
    const value = norms[name];
    const before = held?.[name];
    const mark = held ? before || value : run.norms(0)[name] || run.norms(1)[name];
    const [, bar, number, factor] = row.cells;
    bar.firstElementChild.style.setProperty("--octaves", octaves(value, mark));
    bar.classList.toggle("instrument-zero", value === 0);
    number.textContent = value === 0 ? "exactly 0" : short(value);
    const isOther = before && value && before !== value;
    factor.textContent = isOther ? `× ${short(value / before)}` : "";
  }
}
