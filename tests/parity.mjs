// What the tests ask of the instrument's engine: in Node, and bundled in a browser.

import { entriesThatDiffer, Run } from "../book/lora_book/instrument/engine.js";
import { targetOf } from "../book/lora_book/instrument/portrait.js";
import { computing } from "../book/lora_book/instrument/runs.js";
import { checked, TABLE, twinOf } from "../book/lora_book/instrument/settings.js";
import { OPTIMISERS } from "../book/lora_book/instrument/steps.js";

// The largest difference of two arrays; NaN where an entry is.
const distance = (x, y) => x.reduce((most, value, i) => Math.max(most, Math.abs(value - y[i])), 0);
const largest = (x) => x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const relative = (gap, size) => (gap === 0 ? 0 : gap / size);

// Runs that Python has made, one after the other in a buffer, each with its settings, its last
// step, and the norms that train recorded.
function* stored(cases, bytes) {
  let start = 0;
  for (const { settings, length, last, norms } of cases) {
    const values = checked(settings);
    const python = new Run(values, bytes.slice(start, start + length));
    yield { values, python, last, norms };
    start += length;
  }
}

// For each run of Python's: the worst error of a single step of the engine, from each of Python's
// states, relative to the largest entry; and whether both draw the same bits.
export function singleSteps(cases, bytes) {
  return [...stored(cases, bytes)].map(({ values, python, last }) => {
    const move = { ...values, rate: values.rate * TABLE.rates[values.optimiser] };
    const memories = Array.from({ length: 4 }, () => new Float64Array(64 * values.r));
    Object.assign(move, { left1: 1, left2: 1 });
    let error = 0;
    for (let step = 0; step < last; step++) {
      const now = python.frame(step);
      const wanted = python.frame(step + 1);
      move.left1 *= 0.9;
      move.left2 *= 0.999;
      const takeStep = OPTIMISERS[values.optimiser];
      const next = {
        A: takeStep(now.A, now.gradA, memories.slice(0, 2), move),
        B: takeStep(now.B, now.gradB, memories.slice(2), move),
      };
      for (const name in next)
        error = Math.max(
          error,
          relative(distance(next[name], wanted[name]), largest(wanted[name])),
        );
    }
    const mine = new Run(values).frame(0);
    const first = python.frame(0);
    const sameStart = distance(mine.A, first.A) === 0 && distance(mine.B, first.B) === 0;
    return { error, sameStart };
  });
}

// For each run of Python's, the engine's own run: where it ends; for each quantity the largest
// difference, relative to its largest value in the run; and the places where one alone is zero.
export function wholeRuns(cases, bytes) {
  return [...stored(cases, bytes)].map((each) => {
    const { values, python, last } = each;
    const run = new Run(values);
    const gaps = {};
    const sizes = {};
    let zeros = 0;
    const compare = (name, x, y) => {
      gaps[name] = Math.max(gaps[name] ?? 0, distance(x, y));
      sizes[name] = Math.max(sizes[name] ?? 0, largest(y));
    };
    for (let step = 0; step <= last; step++) {
      for (const name of ["A", "B"]) {
        const mine = run.frame(step)[name];
        const wanted = python.frame(step)[name];
        compare(name, mine, wanted);
        zeros += mine.filter((value, i) => (value === 0) !== (wanted[i] === 0)).length;
      }
      compare("frame", [Math.hypot(...run.frame(step).delta)], [each.norms[step][0]]);
      const norms = run.norms(step);
      Object.keys(norms).forEach((name, i) => {
        compare(name, [norms[name]], [each.norms[step][i]]);
      });
    }
    const errors = Object.keys(gaps).map((name) => relative(gaps[name], sizes[name]));
    return { last: run.to(120), error: Math.max(...errors), zeros };
  });
}

// The entries of ΔW that differ between each run and its twin, over all steps.
export function twinEntries(list) {
  return list.map((settings) => {
    const run = new Run(checked(settings));
    const twin = new Run(twinOf(checked(settings)));
    let count = 0;
    for (let step = 0; step <= 120; step++) count += entriesThatDiffer(run, twin, step).count;
    return count;
  });
}

// What each refusal says, or "".
export function refusals(list) {
  return list.map((settings) => {
    try {
      checked(settings);
      return "";
    } catch (error) {
      return error.message;
    }
  });
}

export const targets = (list) => list.map((settings) => [...targetOf(checked(settings))]);

// A number that is another if any bit of any run is (FNV-1a).
export function digest(list) {
  let hash = 0x811c9dc5;
  for (const settings of list) {
    const run = new Run(checked(settings));
    for (let step = 0; step <= run.to(120); step++) {
      const { A, B } = run.frame(step);
      for (const array of [A, B, Object.values(run.norms(step))])
        for (const word of new Uint32Array(Float64Array.from(array).buffer))
          hash = Math.imul(hash ^ word, 0x01000193);
    }
  }
  return hash >>> 0;
}

// How often a run is asked for, of which the first try fails.
export async function asksAgain() {
  let count = 0;
  const compute = computing(async (settings) => {
    count += 1;
    if (count === 1) throw Error("the kernel does not answer");
    return new Run(settings);
  });
  const settings = checked({});
  await compute(settings, 0).catch(() => {});
  await compute(settings, 0);
  return count;
}
