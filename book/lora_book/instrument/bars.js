// Norms as bars in octaves: the middle is the value when one took hold of a control.

const MIDDLE = 5;

const short = (value) => String(Number(value.toPrecision(3)));

function octaves(value, from) {
  if (!(value > 0 && from > 0)) return 0;
  return Math.max(0.1, Math.min(2 * MIDDLE, MIDDLE + Math.log2(value / from)));
}

// held: the norms to compare with, or null.
export function showBars(table, norms, held) {
  for (const row of table.rows) {
    const value = norms[row.dataset.norm];
    const before = held?.[row.dataset.norm];
    const [, bar, number, factor] = row.cells;
    bar.firstElementChild.style.setProperty("--octaves", octaves(value, before || value));
    bar.classList.toggle("instrument-zero", value === 0);
    number.textContent = value === 0 ? "exactly 0" : short(value);
    const isOther = before && value && before !== value;
    factor.textContent = isOther ? `× ${short(value / before)}` : "";
  }
}
