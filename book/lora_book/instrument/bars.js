// Norms as bars in octaves: the middle is the value when one took hold of a control, or at step 0.

const MIDDLE = 5;

const short = (value) => String(Number(value.toPrecision(3)));
const times = (factor) => (factor < 1 ? `÷ ${short(1 / factor)}` : `× ${short(factor)}`);

// held: the norms to compare with; null for those at step 0, at step 1 where they are zero.
export function showBars(table, run, { step, on }, held) {
  const norms = run.norms(step, on);
  table.querySelector(".instrument-mark").textContent = held ? "before" : "start";
  for (const row of table.tBodies[0].rows) {
    const name = row.dataset.norm;
    const value = norms[name];
    const mark = held ? held[name] || value : run.norms(0)[name] || run.norms(1)[name];
    const isScaled = value > 0 && mark > 0;
    const octaves = isScaled ? Math.log2(value / mark) : -MIDDLE;
    const [, bar, number, factor] = row.cells;
    // what is off the scale ends in a tip
    const length = Math.min(2 * MIDDLE + 0.5, Math.max(isScaled && 0.1, MIDDLE + octaves));
    bar.firstElementChild.style.setProperty("--octaves", length);
    bar.classList.toggle("instrument-zero", value === 0);
    number.textContent = value === 0 ? "exactly 0" : short(value);
    const isTold = isScaled && Math.abs(octaves) > (held ? 0.007 : MIDDLE);
    factor.textContent = isTold ? times(2 ** octaves) : "";
  }
}
