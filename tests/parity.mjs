// What the tests ask of the instrument's engine: in Node, and bundled in a browser.

import { entriesThatDiffer, Run } from "../book/lora_book/instrument/engine.js";
import { targetOf } from "../book/lora_book/instrument/portrait.js";
import { computing } from "../book/lora_book/instrument/runs.js";
import { checked, twinOf } from "../book/lora_book/instrument/settings.js";

// The largest difference of two arrays; NaN where an entry is.
const distance = (x, y) => x.reduce((most, value, i) => Math.max(most, Math.abs(value - y[i])), 0);
const largest = (x) => x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const relative = (gap, size) => (gap === 0 ? 0 : gap / size);

// For each run of Python's, which lie one after the other in bytes, the engine's own run: where it
// ends; whether both draw the same bits; for each quantity the largest difference, relative to its
// largest value in the run; and the places where one alone is zero.
export function runs(cases, bytes) {
  let begin = 0;
  return cases.map(({ settings, length, steps, last, norms: recorded }) => {
    const values = checked(settings);
    const python = new Run(values, bytes.slice(begin, begin + length));
    begin += length;
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
      compare("frame", [Math.hypot(...run.frame(step).delta)], [recorded[step][0]]);
      const norms = run.norms(step);
      Object.keys(norms).forEach((name, i) => {
        compare(name, [norms[name]], [recorded[step][i]]);
      });
    }
    const errors = Object.keys(gaps).map((name) => relative(gaps[name], sizes[name]));
    const sameStart = ["A", "B"].every(
      (name) => distance(run.frame(0)[name], python.frame(0)[name]) === 0,
    );
    return { last: run.to(steps), sameStart, error: Math.max(...errors), zeros };
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
