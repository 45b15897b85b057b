// The instruments of a page: their runs are computed here, their state stands in the address.

import { Run, twinOf } from "./engine.js";
import { mount } from "./front.js";

const SLICE = 12; // ms of training at a time: meanwhile the page listens
const kept = new Map(); // the last runs, by their settings

function runOf(settings) {
  const key = JSON.stringify({ ...settings, step: 0, on: 1, twin: null });
  const run = kept.get(key) ?? new Run(settings);
  kept.delete(key);
  kept.set(key, run);
  if (kept.size > 16) kept.delete(kept.keys().next().value);
  return run;
}

async function trained(settings, step) {
  const run = runOf(settings);
  let began = performance.now();
  for (let now = 0; now < step; ) {
    now = Math.min(step, now + 2);
    run.to(now);
    if (performance.now() - began < SLICE) continue;
    await new Promise((resolve) => setTimeout(resolve));
    began = performance.now();
  }
  return run;
}

async function compute(settings, step) {
  const twin = twinOf(settings);
  const run = await trained(settings, step);
  return { run, twin: twin && (await trained(twin, step)) };
}

const instruments = new Map();
for (const root of document.querySelectorAll(".instrument")) {
  const keep = (query) =>
    history.replaceState(history.state, "", query ? `#${root.id}?${query}` : `#${root.id}`);
  instruments.set(root.id, { root, ...mount(root, compute, keep) });
}

function follow(hash) {
  const [name, query] = hash.slice(1).split("?");
  const instrument = instruments.get(name);
  if (!instrument || query === undefined) return false;
  instrument.go(query);
  const picture = instrument.root.querySelector(".instrument-picture");
  picture.scrollIntoView({ block: "nearest" });
  return true;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.('a[href^="#"]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (follow(link.getAttribute("href"))) event.preventDefault();
});
addEventListener("hashchange", () => follow(location.hash));
follow(location.hash);
