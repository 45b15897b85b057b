// The portrait and the targets as 64 x 64 numbers, and a drawing as letters.

import PICTURES from "./pictures.json" with { type: "json" };

export const SIDE = 64;
export const SIZE = SIDE * SIDE;
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const pictures = {};

// A stored picture as 64 x 64 numbers: "portrait", where 1 is black, or one of the targets.
export function picture(name) {
  pictures[name] ??= unpacked(name);
  return pictures[name];
}

function unpacked(name) {
  const { top, left, cell, rows } = PICTURES[name];
  const values = new Float64Array(SIZE);
  for (let i = 0; i < rows.length * cell; i++) {
    const row = rows[Math.floor(i / cell)];
    for (let j = 0; j < row.length * cell; j++) {
      const ink = PICTURES.ink.indexOf(row[Math.floor(j / cell)]) / 16;
      values[(top + i) * SIDE + left + j] = ink;
    }
  }
  return values;
}

// The 32 x 32 cells of a drawing, 0 or 1, from its letters.
export function cellsOf(bits) {
  const cells = new Uint8Array(1024);
  for (let i = 0; i < bits.length * 6; i++)
    cells[i] = (LETTERS.indexOf(bits[Math.floor(i / 6)]) >> (5 - (i % 6))) & 1;
  return cells;
}

// The letters of a drawing; cells that are empty at its end need none.
export function bitsOf(cells) {
  let bits = "";
  for (let i = 0; i < cells.length; i += 6) {
    let letter = 0;
    for (let j = i; j < i + 6; j++) letter = 2 * letter + (cells[j] ? 1 : 0);
    bits += LETTERS[letter];
  }
  return bits.replace(/A+$/, "");
}

// What ΔW is trained towards.
export function targetOf({ target, bits }) {
  if (target !== "drawn") return picture(target);
  const cells = cellsOf(bits);
  const twice = (_, i) => cells[(i >> 7) * 32 + ((i >> 1) & 31)];
  return Float64Array.from({ length: SIZE }, twice);
}
