// The instrument's runs, as lora_edu's train makes them: a frozen portrait W0 (64 x 64), a target T,
// ΔW = s·BA, and the loss ‖ΔW − T‖² / 2 of inputs whose covariance is the identity.
// B and its gradient are kept transposed, and r is filled up with zeros to a multiple of four.

import PICTURES from "./pictures.json" with { type: "json" };
import TABLE from "./settings.json" with { type: "json" };

export { TABLE };
export const SIDE = 64;
const SIZE = SIDE * SIDE;
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// Settings.

const spelled = (value) =>
  (typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value))).slice(
    0,
    100,
  );

const listed = (value) => (Array.isArray(value) ? value.map(spelled).join(", ") : spelled(value));

const isNumber = (value, { min, max }) => Number.isFinite(value) && value >= min && value <= max;

const CHECKS = {
  choice: (value, { allowed }) => allowed.includes(value),
  number: isNumber,
  whole: (value, bounds) => isNumber(value, bounds) && Number.isInteger(value),
  bits: (value) => typeof value === "string" && /^[\w-]{0,171}$/.test(value),
  twin: (value, { k, ticks }) =>
    value === null ||
    (typeof value === "object" &&
      k.includes(value.k) &&
      Object.keys(value).every((key) => key === "k" || key === "ticks") &&
      Object.entries(value.ticks ?? {}).every(
        ([name, tick]) => ticks.includes(name) && typeof tick === "boolean",
      )),
};

const alreadyChecked = new WeakSet();

// All settings, those that are missing by default. Throws an Error that says what is allowed.
export function checked(settings) {
  if (alreadyChecked.has(settings)) return settings;
  const names = Object.keys(TABLE.settings);
  for (const name in settings) {
    if (names.includes(name)) continue;
    throw Error(TABLE.unknown.replace("{name}", name).replace("{names}", names.join(", ")));
  }
  const values = {};
  for (const name of names) {
    const rule = TABLE.settings[name];
    const value = name in settings ? settings[name] : rule.default;
    values[name] = value;
    if (CHECKS[rule.kind](value, rule)) continue;
    const allowed = TABLE.words[rule.kind].replace(/{(\w+)}/g, (_, key) => listed(rule[key]));
    throw Error(`${name} must be ${allowed}, got ${spelled(value)}`);
  }
  if (values.r === 1 && values.start === "BA zero") throw Error(TABLE["BA zero"]);
  alreadyChecked.add(values);
  return values;
}

// The settings of the same run in a unit k times smaller, as far as they are ticked; null without a
// twin. `grow` multiplies A and B at the start.
export function twinOf(settings) {
  const values = checked(settings);
  if (!values.twin) return null;
  const { k, ticks = {} } = values.twin;
  const factor = values.optimiser === "Adam" ? k : k * k;
  const twin = { ...values, twin: null };
  if (ticks.alpha) twin.alpha /= k * k;
  if (ticks.start) twin.grow = k;
  if (ticks.eps) twin.eps /= k;
  if (ticks.rate) twin.rate *= factor;
  if (ticks.decay) twin.decay /= factor;
  alreadyChecked.add(twin);
  return twin;
}

// Pictures.

// A stored picture as 64 x 64 numbers: "portrait", where 1 is black, or one of the targets.
export function picture(name) {
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

// Draws.

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

// A (r x 64) and B (64 x r, transposed) at step 0, both filled up with zeros.
function starts({ r, start, seed, grow = 1 }, size) {
  const A = new Float64Array(size);
  const B = new Float64Array(size);
  const half = start === "BA zero" ? r >> 1 : r;
  const numbers = draws(seed, 2 * r * SIDE);
  const boundA = 1 / Math.sqrt(SIDE);
  const boundB = 1 / Math.sqrt(r);
  for (let k = 0; k < r; k++)
    for (let i = 0; i < SIDE; i++) {
      const number = numbers[r * SIDE + i * r + k];
      if (k < half) A[k * SIDE + i] = grow * (-boundA + 2 * boundA * numbers[k * SIDE + i]);
      if (k >= half || half === r) B[k * SIDE + i] = grow * (-boundB + 2 * boundB * number);
    }
  if (start === "A zero, B random" || start === "both zero") A.fill(0);
  if (start === "A random, B zero" || start === "both zero") B.fill(0);
  return { A, B };
}

// A step.

const delta = new Float64Array(SIZE);
const residual = new Float64Array(SIDE); // a row of G = ΔW − T
const gradA = new Float64Array(16 * SIDE);
const gradB = new Float64Array(16 * SIDE);

// Writes ΔW and both gradients into the arrays above; returns what a run records of a step.
function look({ A, B }, s, T, isBlank) {
  const size = A.length;
  let loss = 0;
  let deltaSquare = 0;
  let decrease = 0;
  delta.fill(0);
  gradA.fill(0);
  for (let i = 0; i < SIDE; i++) {
    let isZero = true;
    for (let k = i; k < size && isZero; k += SIDE) isZero = B[k] === 0;
    if (isZero && isBlank[i]) {
      for (let k = i; k < size; k += SIDE) gradB[k] = 0;
      continue;
    }
    const row = i * SIDE;
    for (let k = 0; k < size && !isZero; k += 4 * SIDE) {
      const b0 = B[k + i];
      const b1 = B[k + SIDE + i];
      const b2 = B[k + 2 * SIDE + i];
      const b3 = B[k + 3 * SIDE + i];
      for (let j = 0; j < SIDE; j++)
        delta[row + j] +=
          b0 * A[k + j] +
          b1 * A[k + SIDE + j] +
          b2 * A[k + 2 * SIDE + j] +
          b3 * A[k + 3 * SIDE + j];
    }
    for (let j = 0; j < SIDE; j++) {
      const entry = s * delta[row + j];
      const difference = entry - T[row + j];
      delta[row + j] = entry;
      residual[j] = difference;
      deltaSquare += entry * entry;
      decrease += entry * T[row + j];
      loss += difference * difference;
    }
    for (let k = 0; k < size; k += 4 * SIDE) {
      const b0 = B[k + i];
      const b1 = B[k + SIDE + i];
      const b2 = B[k + 2 * SIDE + i];
      const b3 = B[k + 3 * SIDE + i];
      let sum0 = 0;
      let sum1 = 0;
      let sum2 = 0;
      let sum3 = 0;
      for (let j = 0; j < SIDE; j++) {
        const g = residual[j];
        sum0 += g * A[k + j];
        sum1 += g * A[k + SIDE + j];
        sum2 += g * A[k + 2 * SIDE + j];
        sum3 += g * A[k + 3 * SIDE + j];
        if (isZero) continue;
        gradA[k + j] += b0 * g;
        gradA[k + SIDE + j] += b1 * g;
        gradA[k + 2 * SIDE + j] += b2 * g;
        gradA[k + 3 * SIDE + j] += b3 * g;
      }
      gradB[k + i] = s * sum0;
      gradB[k + SIDE + i] = s * sum1;
      gradB[k + 2 * SIDE + i] = s * sum2;
      gradB[k + 3 * SIDE + i] = s * sum3;
    }
  }
  let squareA = 0;
  let squareB = 0;
  for (let k = 0; k < size; k++) {
    gradA[k] *= s;
    squareA += gradA[k] * gradA[k];
    squareB += gradB[k] * gradB[k];
  }
  return {
    delta: Math.sqrt(deltaSquare),
    gradA: Math.sqrt(squareA),
    gradB: Math.sqrt(squareB),
    loss: loss / 2,
    decrease,
  };
}

const decaying = (g, p, decay) => (decay ? g + decay * p : g);

// Each takes an array, its gradient and its two memories, and returns the array one step later.
const OPTIMISERS = {
  // Kingma & Ba 2015, algorithm 1, with the decay apart from the gradient (AdamW). `left1` and
  // `left2` are β₁ and β₂ to the power of the steps taken.
  Adam(p, g, [m, v], { rate, decay, eps, left1, left2 }) {
    const stride = rate / (1 - left1);
    const root = Math.sqrt(1 - left2);
    const kept = 1 - rate * decay;
    return p.map((entry, i) => {
      m[i] += (1 - 0.9) * (g[i] - m[i]);
      v[i] = v[i] * 0.999 + g[i] * (1 - 0.999) * g[i];
      return entry * kept - (m[i] / (Math.sqrt(v[i]) / root + eps)) * stride;
    });
  },
  SGD: (p, g, _, { rate, decay }) =>
    p.map((entry, i) => entry - rate * decaying(g[i], entry, decay)),
  momentum: (p, g, [v], { rate, decay, momentum }) =>
    p.map((entry, i) => {
      v[i] = v[i] * momentum + decaying(g[i], entry, decay);
      return entry - rate * v[i];
    }),
};

const SCALES = {
  "alpha/r": ({ alpha, r }) => alpha / r,
  "alpha/sqrt(r)": ({ alpha, r }) => alpha / Math.sqrt(r),
  alpha: ({ alpha }) => alpha,
};

let inHand = null; // the state whose ΔW and gradients the arrays above hold

export class Run {
  #target;
  #isBlank;
  #states;
  #records = [];
  #memories;
  #move;

  constructor(settings) {
    this.settings = checked(settings);
    const { r, rule, optimiser, rate } = this.settings;
    const size = 4 * Math.ceil(r / 4) * SIDE;
    this.scale = SCALES[rule](this.settings);
    this.last = null;
    this.#target = targetOf(this.settings);
    this.#isBlank = Array.from({ length: SIDE }, (_, i) =>
      this.#target.subarray(i * SIDE, (i + 1) * SIDE).every((value) => value === 0),
    );
    this.#states = [starts(this.settings, size)];
    this.#memories = Array.from({ length: 4 }, () => new Float64Array(size));
    this.#move = { ...this.settings, rate: rate * TABLE.rates[optimiser], left1: 1, left2: 1 };
    this.#records = [this.#look(0)];
  }

  #look(step) {
    inHand = this.#states[step];
    return look(inHand, this.scale, this.#target, this.#isBlank);
  }

  #state(step) {
    return this.#states[this.to(step)];
  }

  // Train up to a step: the step, or the last at which all was finite.
  to(step) {
    while (this.#states.length <= step && this.last === null) this.#advance();
    return Math.min(step, this.#states.length - 1);
  }

  #advance() {
    const now = this.#states.length - 1;
    const { A, B } = this.#states[now];
    if (inHand !== this.#states[now]) this.#look(now);
    const move = OPTIMISERS[this.settings.optimiser];
    this.#move.left1 *= 0.9;
    this.#move.left2 *= 0.999;
    this.#states.push({
      A: move(A, gradA, this.#memories.slice(0, 2), this.#move),
      B: move(B, gradB, this.#memories.slice(2), this.#move),
    });
    const record = this.#look(now + 1);
    if (Object.values(record).every(Number.isFinite)) {
      this.#records.push(record);
      return;
    }
    this.#states.pop();
    this.last = now;
  }

  #rows(array) {
    return array.slice(0, this.settings.r * SIDE);
  }

  #columns(transposed) {
    const { r } = this.settings;
    return new Float64Array(r * SIDE).map((_, i) => transposed[(i % r) * SIDE + Math.floor(i / r)]);
  }

  // (r x 64), row by row
  A(step) {
    return this.#rows(this.#state(step).A);
  }

  // (64 x r), row by row
  B(step) {
    return this.#columns(this.#state(step).B);
  }

  #hold(step) {
    const state = this.#state(step);
    if (inHand !== state) this.#look(this.#states.indexOf(state));
  }

  gradients(step) {
    this.#hold(step);
    return { A: this.#rows(gradA), B: this.#columns(gradB) };
  }

  // ΔW = s·BA (64 x 64)
  delta(step) {
    this.#hold(step);
    return delta.slice();
  }

  // ‖ΔW‖, ‖∇A‖, ‖∇B‖, the loss and the first-order decrease ⟨ΔW, T⟩
  norms(step) {
    return this.#records[this.to(step)];
  }
}

// How many of the 4,096 entries of ΔW differ, the largest gap, and ‖difference‖ / ‖ΔW‖.
export function entriesThatDiffer(run, twin, step) {
  const first = run.delta(step);
  const second = twin.delta(step);
  let count = 0;
  let gap = 0;
  let square = 0;
  for (let i = 0; i < SIZE; i++) {
    const difference = Math.abs(first[i] - second[i]);
    if (difference > 0) count += 1;
    gap = Math.max(gap, difference);
    square += difference * difference;
  }
  return { count, gap, apart: Math.sqrt(square) / run.norms(step).delta };
}
