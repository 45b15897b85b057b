// Where A and B start: the numbers that NumPy draws, in every bit.

import { SIDE } from "./portrait.js";

// The numbers in [0, 1) of NumPy's default_rng(seed): SeedSequence fills the state of a PCG64.
function* uniforms(seed) {
  const hashing = (constant, factor) => (value) => {
    const mixed = value ^ constant;
    constant = Math.imul(constant, factor);
    const product = Math.imul(mixed, constant);
    return product ^ (product >>> 16);
  };
  const hash = hashing(0x43b0d7e5, 0x931e8875);
  const pool = [seed, 0, 0, 0].map(hash);
  for (let from = 0; from < 4; from++)
    for (let to = 0; to < 4; to++) {
      if (from === to) continue;
      const mixed = Math.imul(0xca01f9dd, pool[to]) - Math.imul(0x4973f715, hash(pool[from]));
      pool[to] = mixed ^ ((mixed >>> 0) >>> 16);
    }
  const words = [...pool, ...pool].map(hashing(0x8b51f9dd, 0x58f38ded));
  const [high, low, highStep, lowStep] = [0, 2, 4, 6].map(
    (i) => BigInt(words[i] >>> 0) | (BigInt(words[i + 1] >>> 0) << 32n),
  );
  const step = (((highStep << 64n) | lowStep) << 1n) | 1n;
  const next = (state) => BigInt.asUintN(128, state * 0x2360ed051fc65da44385df649fccf645n + step);
  let state = next(step + ((high << 64n) | low));
  while (true) {
    state = next(state);
    const folded = BigInt.asUintN(64, state ^ (state >> 64n));
    const turn = state >> 122n;
    const word = BigInt.asUintN(64, (folded >> turn) | (folded << (64n - turn)));
    yield Number(word >> 11n) / 2 ** 53;
  }
}

const drawn = { seed: null };

// The first numbers of a seed; they are kept until another seed is asked for.
function draws(seed, count) {
  if (drawn.seed !== seed) Object.assign(drawn, { seed, source: uniforms(seed), numbers: [] });
  while (drawn.numbers.length < count) drawn.numbers.push(drawn.source.next().value);
  return drawn.numbers;
}

// A (r x 64) and B (64 x r) at step 0, row by row.
export function starts({ r, start, seed, grow = 1 }) {
  const numbers = draws(seed, 2 * r * SIDE);
  const uniform = (from, bound) =>
    Float64Array.from(
      { length: r * SIDE },
      (_, i) => grow * (-bound + 2 * bound * numbers[from + i]),
    );
  const A = uniform(0, 1 / Math.sqrt(SIDE));
  const B = uniform(r * SIDE, 1 / Math.sqrt(r));
  if (start === "A zero, B random" || start === "both zero") A.fill(0);
  if (start === "A random, B zero" || start === "both zero") B.fill(0);
  if (start === "BA zero") {
    const half = r >> 1;
    A.fill(0, half * SIDE);
    for (let i = 0; i < B.length; i++) if (i % r < half) B[i] = 0;
  }
  return { A, B };
}
