// The instrument's runs, as lora_edu's train makes them: a frozen portrait W0 (64 x 64), a target T,
// ΔW = s·BA, and the loss ‖ΔW − T‖² / 2 of inputs whose covariance is the identity.

import { starts } from "./draws.js";
import { SIDE, SIZE, targetOf } from "./portrait.js";
import { TABLE } from "./settings.js";
import { look, OPTIMISERS } from "./steps.js";

const LAST = TABLE.settings.step.max;

const SCALES = {
  "alpha/r": ({ alpha, r }) => alpha / r,
  "alpha/sqrt(r)": ({ alpha, r }) => alpha / Math.sqrt(r),
  alpha: ({ alpha }) => alpha,
};

// Python's steps (task.py): A (r x 64) and B (64 x r) of each, row by row.
function statesIn(buffer, size) {
  const states = [];
  for (let at = 0; at < buffer.byteLength; at += 16 * size)
    states.push({
      A: new Float64Array(buffer, at, size),
      B: new Float64Array(buffer, at + 8 * size, size),
    });
  return states;
}

export class Run {
  #target;
  #states;
  #norms = [];
  #newest; // what the last state looks like
  #memories;
  #move;

  // settings: through checked() or twinOf(). buffer: of a run that Python has made.
  constructor(settings, buffer) {
    const { r, rule, optimiser, rate } = settings;
    const size = r * SIDE;
    this.settings = settings;
    this.scale = SCALES[rule](settings);
    this.#target = targetOf(settings);
    this.#states = buffer ? statesIn(buffer, size) : [starts(settings)];
    // the last step that is finite; null as long as none is known
    this.last = buffer && this.#states.length <= LAST ? this.#states.length - 1 : null;
    this.#newest = this.#look(this.#states.at(-1));
    this.#memories = Array.from({ length: 4 }, () => new Float64Array(size));
    this.#move = { ...settings, rate: rate * TABLE.rates[optimiser], left1: 1, left2: 1 };
  }

  #look(state, on = 1) {
    return look(state, on * this.scale, this.#target);
  }

  // Train up to a step: the step, or the last at which all was finite.
  to(step) {
    while (this.#states.length <= step && this.last === null) this.#advance();
    return Math.min(step, this.#states.length - 1);
  }

  #advance() {
    const { A, B } = this.#states.at(-1);
    const { gradA, gradB } = this.#newest;
    const move = OPTIMISERS[this.settings.optimiser];
    this.#move.left1 *= 0.9;
    this.#move.left2 *= 0.999;
    const next = {
      A: move(A, gradA, this.#memories.slice(0, 2), this.#move),
      B: move(B, gradB, this.#memories.slice(2), this.#move),
    };
    this.#newest = this.#look(next);
    if (Object.values(this.#newest.norms).every(Number.isFinite)) this.#states.push(next);
    else this.last = this.#states.length - 1;
  }

  // A (r x 64), B (64 x r), gradA, gradB and delta, ΔW = s·BA (64 x 64), all row by row. on:
  // a factor of s, after the training.
  frame(step, on = 1) {
    const state = this.#states[this.to(step)];
    const { gradA, gradB, delta } = this.#look(state, on);
    return { ...state, gradA, gradB, delta };
  }

  // ‖ΔW‖, ‖∇A‖, ‖∇B‖, the loss and the first-order decrease ⟨ΔW, T⟩
  norms(step, on = 1) {
    const at = this.to(step);
    if (on !== 1) return this.#look(this.#states[at], on).norms;
    this.#norms[at] ??= this.#look(this.#states[at]).norms;
    return this.#norms[at];
  }
}

// How many of the 4,096 entries of ΔW differ, and ‖difference‖ / ‖ΔW‖.
export function entriesThatDiffer(run, twin, step) {
  const first = run.frame(step).delta;
  const second = twin.frame(step).delta;
  let count = 0;
  let square = 0;
  for (let i = 0; i < SIZE; i++) {
    const difference = first[i] - second[i];
    if (difference !== 0) count += 1;
    square += difference * difference;
  }
  return { count, apart: Math.sqrt(square) / run.norms(step).delta };
}
