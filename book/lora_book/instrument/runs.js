// Runs as the front asks for them: kept, and computed a little at a time.

import { twinOf } from "./settings.js";

const SLICE = 12; // ms of training at a time: meanwhile the page listens
const KEPT = 16;

// runFor(settings) → its Run, or a promise of it. Returns compute(settings, step) → { run, twin },
// each trained up to that step; twin may be null.
export function computing(runFor) {
  const kept = new Map(); // the last runs, by their settings

  function runOf(settings) {
    const key = JSON.stringify({ ...settings, step: 0, on: 1, twin: "" });
    const run = kept.get(key) ?? runFor(settings);
    kept.delete(key);
    kept.set(key, run);
    if (kept.size > KEPT) kept.delete(kept.keys().next().value);
    run.catch?.(() => kept.delete(key)); // a kernel may answer the next time
    return run;
  }

  let listenedAt; // when the page was last free to listen

  async function listen() {
    await new Promise((resolve) => setTimeout(resolve));
    listenedAt = performance.now();
  }

  async function trained(settings, step) {
    const run = await runOf(settings);
    for (let now = 0; now < step; ) {
      now = Math.min(step, now + 2);
      run.to(now);
      if (performance.now() - listenedAt > SLICE) await listen();
    }
    return run;
  }

  return async (settings, step) => {
    await listen(); // the input that asks is a task of its own
    const second = twinOf(settings);
    const run = await trained(settings, step);
    return { run, twin: second && (await trained(second, step)) };
  };
}
