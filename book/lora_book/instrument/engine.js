// The instrument's runs, as lora_edu's train makes them: a frozen portrait W0 (64 x 64), a target T,
// ΔW = s·BA, and the loss ‖ΔW − T‖² / 2 of inputs whose covariance is the identity.

import { starts } from "./draws.js";
import { SIDE, SIZE, targetOf } from "./portrait.js";
import { checked, TABLE } from "./settings.js";
import { delta, gradA, gradB, look, OPTIMISERS } from "./steps.js";

export { bitsOf, cellsOf, picture, SIDE, targetOf } from "./portrait.js";
export { checked, TABLE, twinOf } from "./settings.js";

const LAST = TABLE.settings.step.max;
const RECORDED = ["delta", "gradA", "gradB", "loss", "decrease"];

const SCALES = {
  "alpha/r": ({ alpha, r }) => alpha / r,
  "alpha/sqrt(r)": ({ alpha, r }) => alpha / Math.sqrt(r),
  alpha: ({ alpha }) => alpha,
};

let inHand = null; // the state whose ΔW and gradients the arrays above hold

export class Run {
  #target;
  #isBlank;
  #states = [];
  #records = [];
  #memories;
  #move;

  // buffer: of a run that Python has made (task.py says how it is laid out)
  constructor(settings, buffer) {
    this.settings = checked(settings);
    const { r, rule, optimiser, rate } = this.settings;
    const size = 4 * Math.ceil(r / 4) * SIDE;
    this.scale = SCALES[rule](this.settings);
    this.last = null;
    this.#target = targetOf(this.settings);
    this.#isBlank = Array.from({ length: SIDE }, (_, i) =>
      this.#target.subarray(i * SIDE, (i + 1) * SIDE).every((value) => value === 0),
    );
    if (buffer) {
      this.#read(buffer, size);
      return;
    }
    this.#states = [starts(this.settings, size)];
    this.#memories = Array.from({ length: 4 }, () => new Float64Array(size));
    this.#move = { ...this.settings, rate: rate * TABLE.rates[optimiser], left1: 1, left2: 1 };
    this.#records = [this.#look(0)];
  }

  #read(buffer, size) {
    const count = this.settings.r * SIDE;
    const rows = new Float64Array(buffer);
    const width = 2 * count + RECORDED.length;
    for (let row = 0; row < rows.length; row += width) {
      const A = new Float64Array(size);
      A.set(rows.subarray(row, row + count));
      const B = new Float64Array(size);
      for (let i = 0; i < count; i++) B[this.#transposed(i)] = rows[row + count + i];
      const record = RECORDED.map((name, i) => [name, rows[row + 2 * count + i]]);
      this.#states.push({ A, B });
      this.#records.push(Object.fromEntries(record));
    }
    if (this.#states.length <= LAST) this.last = this.#states.length - 1;
  }

  // Where the entry i of B, row by row, lies in what is kept.
  #transposed(i) {
    const { r } = this.settings;
    return (i % r) * SIDE + Math.floor(i / r);
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
    const next = { A: new Float64Array(A.length), B: new Float64Array(B.length) };
    const move = OPTIMISERS[this.settings.optimiser];
    this.#move.left1 *= 0.9;
    this.#move.left2 *= 0.999;
    move(next.A, A, gradA, this.#memories.slice(0, 2), this.#move);
    move(next.B, B, gradB, this.#memories.slice(2), this.#move);
    this.#states.push(next);
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
    return new Float64Array(this.settings.r * SIDE).map((_, i) => transposed[this.#transposed(i)]);
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
