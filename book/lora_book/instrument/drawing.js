// A frame of the instrument as pixels: what is zero has the colour of paper, what is above zero the
// matrix's own, what is below a darker one, the more of it the larger the entry.

import LOOKS from "./looks.json" with { type: "json" };
import { picture, SIDE } from "./portrait.js";

const tone = (value, full) => Math.min(1, Math.abs(value) / full) ** LOOKS.tone;

let greys = null;

// The portrait at an entry, as a colour.
function grey(i) {
  const { paper, ink } = LOOKS;
  const colour = (share) => paper.map((channel, c) => channel + share * (ink[c] - channel));
  greys ??= Array.from(picture("portrait"), colour);
  return greys[i];
}

// Paint each entry as a pixel. ground: of an entry that is zero; colours: above zero and below.
function paint(canvas, values, columns, share, [above, below], ground = () => LOOKS.paper) {
  const rows = values.length / columns;
  if (canvas.width !== columns) canvas.width = columns;
  if (canvas.height !== rows) canvas.height = rows;
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  image.data.fill(255);
  for (let i = 0; i < values.length; i++) {
    const from = ground(i);
    const to = values[i] < 0 ? below : above;
    const strength = share(values[i]);
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = from[c] + strength * (to[c] - from[c]);
  }
  context.putImageData(image, 0, 0);
}

const byFull = (full) => (value) => tone(value, full);

// Gradients are shaded by their largest entry: how large they are is the bars' to say.
const byLargest = (values) => {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return (value) => (largest ? tone(value, largest) : 0);
};

// canvases: those of a run, by name.
export function paintRun(canvases, { A, B, gradA, gradB, delta }) {
  const r = A.length / SIDE;
  const { full, gradient } = LOOKS;
  paint(canvases.A, A, SIDE, byFull(full.A), LOOKS.A);
  paint(canvases.B, B, r, byFull(full.B), LOOKS.B);
  paint(canvases.gradA, gradA, SIDE, byLargest(gradA), gradient);
  paint(canvases.gradB, gradB, r, byLargest(gradB), gradient);
  paint(canvases.delta, delta, SIDE, byFull(full.delta), LOOKS.delta, grey);
}

// What two runs have not in common, by powers of ten: from 1e-16, pale, to 1.
export function paintGap(canvas, first, second) {
  const gap = first.map((value, i) => value - second[i]);
  const share = (value) =>
    value ? Math.min(1, Math.max(0.08, 1 + Math.log10(Math.abs(value)) / 16)) : 0;
  paint(canvas, gap, SIDE, share, [LOOKS.gap, LOOKS.gap]);
}

// The frame between two, entry by entry; a matrix of another shape is the second's.
export function between(from, to, share) {
  const blend = ([name, values]) => [
    name,
    from[name].length === values.length
      ? values.map((value, i) => from[name][i] + share * (value - from[name][i]))
      : values,
  ];
  return Object.fromEntries(Object.entries(to).map(blend));
}
