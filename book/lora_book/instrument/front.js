// The instrument's front: controls, play, links. What it shows comes from `compute`, an asynchronous
// source (runs.js), and it does not know whether JavaScript or Python has trained.

import { readAddress, writeAddress } from "./address.js";
import { showBars } from "./bars.js";
import { between, paintGap, paintRun } from "./drawing.js";
import { makePad } from "./pad.js";
import { PHRASES } from "./phrases.js";
import { checked, TABLE } from "./settings.js";
import { gapInWords, isStill, lineOf, lossLeft, pictureInWords } from "./words.js";

const END = TABLE.settings.step.max;
const PLAYING = 7000; // ms from step 0 to the last
const HOLDING = 700; // ms at step 0, before anything moves
const FADING = 500;
const TARGETS = ["top hat", "cone", "word"];
const UNIT = 4; // so many times smaller is the second run's
const KEYS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 };

const nextFrame = () => new Promise(requestAnimationFrame);
const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// The slider of steps moves evenly in their root, so that the first ones have room.
const stepAt = (place, input) => Math.round(END * (place / input.max) ** 2);
const placeOf = (step, input) => Math.round(input.max * Math.sqrt(step / END));

// What a run shows between two steps, with s times `on`.
function frameAt(run, time, on) {
  const end = Math.min(time, run.last ?? END);
  const first = Math.floor(end);
  const frame = run.frame(first, on);
  if (end === first || isCalm()) return frame;
  return between(frame, run.frame(first + 1, on), end - first);
}

const framesAt = ({ run, twin }, time, on) => ({
  run: frameAt(run, time, on),
  twin: twin && frameAt(twin, time, on),
});

const rowsOf = (values, count) => {
  const width = values.length / count;
  return Array.from({ length: count }, (_, i) => [...values.slice(i * width, (i + 1) * width)]);
};

function canvasesOf(box) {
  const named = [...box.querySelectorAll("canvas[data-matrix]")];
  return Object.fromEntries(named.map((canvas) => [canvas.dataset.matrix, canvas]));
}

// root: the figure that markup.py writes. keep(query): called with the state's address. Returns
// go(query), and destroy().
export function mount(root, compute, keep = () => {}) {
  const part = (name) => root.querySelector(`.instrument-${name}`);
  const button = (name) => root.querySelector(`[data-do="${name}"]`);
  const controls = [...root.querySelectorAll("[data-setting]")];
  const ticks = [...root.querySelectorAll("[data-tick]")];
  const stepInput = part("step input");
  const [mainBox, twinBox] = root.querySelectorAll(".instrument-run");
  const mainCanvases = canvasesOf(mainBox);
  const twinCanvases = canvasesOf(twinBox);

  const template = part("code pre").textContent;
  const base = checked(JSON.parse(root.dataset.settings));
  let settings = base;
  let held = null; // norms that the bars compare with
  let frames = null; // what is on show
  let playing = null; // a play: the step it goes to, the line it puts there, its ms until now
  let paused = null; // the play that goes on where it was paused
  let wish = null;
  let busy = false;

  function say(text, isError = false) {
    const line = part("line");
    line.firstElementChild.textContent = text;
    line.classList.toggle("instrument-error", isError);
  }

  // Paint.

  function paint(next) {
    frames = next;
    root.style.setProperty("--r", next.run.A.length / 64);
    paintRun(mainCanvases, next.run);
    root.classList.toggle("instrument-two", Boolean(next.twin));
    if (!next.twin) return;
    paintRun(twinCanvases, next.twin);
    paintGap(part("gap canvas"), next.run.delta, next.twin.delta);
  }

  async function fadeTo(next, isWanted) {
    const from = frames;
    const began = performance.now();
    while (from && !from.twin && !next.twin && !isCalm()) {
      const share = (performance.now() - began) / FADING;
      if (share >= 1 || !isWanted()) break;
      paint({ run: between(from.run, next.run, share), twin: null });
      await nextFrame();
    }
    if (isWanted()) paint(next);
  }

  // Follow the newest wish, when what was begun is finished.

  async function follow() {
    if (busy) return;
    busy = true;
    while (wish) {
      const asked = wish;
      wish = null;
      try {
        await show(asked, () => !wish && !playing);
      } catch (error) {
        say(error.message, true);
      }
      await nextFrame();
    }
    busy = false;
  }

  async function show({ now, was, isFaded, line, rest }, isWanted) {
    const runs = await compute(now, now.step);
    if (was) {
      const before = await compute(was, was.step);
      held = before.run.norms(was.step, was.on);
      if (isFaded && !now.twin) paint(framesAt(before, was.step, was.on));
    }
    const next = framesAt(runs, now.step, now.on);
    const told = { settings: now, ...runs };
    showBars(part("norms"), runs.run, now, held);
    say(line ? await line(toolsOf(now, was, runs)) : lineOf(told, rest?.step));
    mainBox.ariaLabel = pictureInWords(told);
    await (isFaded ? fadeTo(next, isWanted) : paint(next));
    writeFolds();
  }

  function toolsOf(now, was, { run, twin }) {
    const norms = async (of) => (await compute(of, of.step)).run.norms(of.step);
    const left = async (of) => lossLeft((await compute(of, of.step)).run, of.step);
    return { now, was, norms, left, gap: () => gapInWords(run, twin, now.step) };
  }

  // The arrays on show as JSON, and the code of this run, where their folds are open.
  function writeFolds() {
    if (part("numbers").open && frames) {
      const rowCounts = { A: settings.r, B: 64, gradA: settings.r, gradB: 64, delta: 64 };
      const arrays = Object.entries(rowCounts).map(([name, count]) => [
        name,
        rowsOf(frames.run[name], count),
      ]);
      part("numbers textarea").value = JSON.stringify({ settings, ...Object.fromEntries(arrays) });
    }
    const rules = TABLE.settings;
    const ofRun = Object.keys(rules).filter((name) => !["on", "twin"].includes(name));
    const others = ofRun.filter((name) => settings[name] !== rules[name].default);
    const written = others.map((name) => `${name}=${JSON.stringify(settings[name])}`).join(", ");
    part("code pre").textContent = template.replace("{settings}", written);
  }

  // Settings.

  function syncControls() {
    for (const control of controls) {
      const { setting } = control.dataset;
      const values = JSON.parse(control.dataset.values);
      const at = values.indexOf(settings[setting]);
      if (control.type === "range") control.value = at;
      else control.selectedIndex = at;
      control.ariaValueText = settings[setting];
      const output = control.parentElement.querySelector("output");
      if (output) output.textContent = settings[setting];
    }
    syncStep(paused?.step ?? settings.step);
    const [k, ...follows] = settings.twin.split("-");
    part("twin").checked = Boolean(k);
    for (const tick of ticks) tick.checked = follows.includes(tick.dataset.tick);
    button("off").textContent = settings.on > 0 ? "ΔW off" : "ΔW on";
  }

  // A step beyond the slider leaves it at its end.
  function syncStep(step) {
    stepInput.value = placeOf(Math.min(step, END), stepInput);
    stepInput.ariaValueText = `step ${step}`;
    part("step output").textContent = step;
  }

  // What the bars compare with from now on: the norms as they are.
  async function hold() {
    const { step, on } = settings;
    const { run } = await compute(settings, step);
    held = run.norms(step, on);
  }

  let sharing = null;
  function share(query = writeAddress(settings, base)) {
    clearTimeout(sharing); // browsers limit how often the address may change
    sharing = setTimeout(() => keep(query), 250);
  }

  function wishFor(next, more = {}) {
    stop();
    paused = more.rest ?? null;
    try {
      settings = checked(next);
    } catch (error) {
      say(error.message, true);
      syncControls();
      return false;
    }
    syncControls();
    root.dispatchEvent(new Event("change")); // what covers the picture listens
    wish = { now: settings, ...more };
    follow();
    return true;
  }

  // A control has been moved: the phrase no longer holds. rest: the play that this pauses.
  function change(changes, isFaded = false, rest = null) {
    mark(null);
    if (wishFor({ ...settings, ...changes }, { isFaded, rest })) share();
  }

  // The same, and the bars compare with the run's beginning again.
  function move(changes, isFaded, rest) {
    held = null;
    change(changes, isFaded, rest);
  }

  function mark(name) {
    for (const link of document.querySelectorAll(`a[href^="#${root.id}?"]`))
      link.toggleAttribute("data-now", Boolean(name) && link.hash === `#${root.id}?${name}`);
  }

  // A link, or the address: everything that it does not name is as at the beginning.
  function go(query) {
    root.classList.remove("instrument-drawing");
    try {
      const address = readAddress(query);
      const next = checked({ ...base, ...address.set });
      const was = Object.keys(address.was).length ? checked({ ...next, ...address.was }) : null;
      if (!was) held = null;
      mark(query);
      const { line, playTo } = PHRASES[address.show] ?? {};
      if (playTo && wishFor({ ...next, step: 0 })) play({ to: playTo, line });
      else if (!playTo) wishFor(next, { was, isFaded: true, line });
      share(query);
    } catch (error) {
      stop();
      say(`This address cannot be read: ${error.message}`, true);
    }
  }

  // Play.

  function stop() {
    if (!playing) return;
    playing = null;
    button("play").textContent = "▶ play";
    part("line").ariaLive = "polite";
  }

  async function play(from) {
    const turn = { to: END, line: null, time: -HOLDING, ...from };
    const { to, line } = turn;
    playing = turn;
    root.dispatchEvent(new Event("change"));
    button("play").textContent = "❚❚ pause";
    part("line").ariaLive = "off";
    held = null;
    settings = { ...settings, step: from ? settings.step : 0, on: 1 };
    syncControls();
    const runs = await compute(settings, to);
    const isOn = () => playing === turn;
    // Where nothing moves, the steps go by until somebody pauses them.
    const end = isStill(runs.run.norms(0)) ? Infinity : to;
    const last = Math.min(end, runs.run.last ?? end, runs.twin?.last ?? end);
    if (!isOn()) return;
    const began = performance.now() - turn.time;
    for (let at = 0; at < last && isOn(); ) {
      turn.time = performance.now() - began;
      at = Math.min(last, END * (Math.max(0, turn.time) / PLAYING) ** 2);
      turn.step = Math.floor(at);
      tell(runs, at, line);
      await nextFrame();
    }
    if (!isOn()) return;
    if (line) wishFor({ ...settings, step: last }, { line });
    else move({ step: last });
  }

  function tell(runs, time, line) {
    const step = Math.floor(time);
    settings = { ...settings, step: Math.min(step, END) };
    paint(framesAt(runs, time, settings.on));
    showBars(part("norms"), runs.run, settings, held);
    syncStep(step);
    if (!line) say(lineOf({ settings, ...runs }, step));
  }

  // Listen.

  const pad = makePad(part("pad"), (bits) => {
    mark(null);
    if (wishFor({ ...settings, target: "drawn", bits, step: 0, on: 1 })) share();
  });
  const setDrawing = (isDrawing) => {
    root.classList.toggle("instrument-drawing", isDrawing);
    if (isDrawing) pad.begin(settings.target === "drawn" ? settings.bits : "");
    else button("draw").focus();
  };
  const nextTarget = () => {
    const at = TARGETS.indexOf(settings.target);
    return TARGETS[(at + 1) % TARGETS.length];
  };
  const actions = {
    play: () => (playing ? change({}, false, playing) : play(paused)),
    off: () => move({ on: settings.on > 0 ? 0 : 1 }, true, playing ?? paused),
    hat: () => move({ target: nextTarget(), on: 1 }, true),
    draw: () => setDrawing(true),
    done: () => {
      setDrawing(false);
      actions[settings.bits ? "play" : "hat"]();
    },
    undo: pad.undo,
    clear: pad.clear,
  };
  root.addEventListener("click", ({ target }) => actions[target.dataset.do]?.());

  for (const control of controls) {
    const values = JSON.parse(control.dataset.values);
    const isRange = control.type === "range";
    for (const event of ["pointerdown", "focus"]) control.addEventListener(event, hold);
    control.addEventListener("input", () =>
      change(
        { [control.dataset.setting]: values[isRange ? control.value : control.selectedIndex] },
        !isRange,
      ),
    );
  }
  stepInput.addEventListener("input", () => move({ step: stepAt(stepInput.value, stepInput) }));
  stepInput.addEventListener("keydown", (event) => {
    const direction = KEYS[event.key];
    if (!direction) return;
    event.preventDefault();
    move({ step: Math.max(0, Math.min(END, settings.step + direction)) });
  });
  const readTwin = () => {
    const follows = ticks.filter((tick) => tick.checked).map((tick) => tick.dataset.tick);
    change({ twin: part("twin").checked ? [UNIT, ...follows].join("-") : "" });
  };
  for (const box of [...ticks, part("twin")]) box.addEventListener("input", readTwin);
  part("numbers").addEventListener("toggle", writeFolds);
  part("code").addEventListener("toggle", writeFolds);
  root.classList.add("instrument-alive");
  // Nothing is computed before a reader comes, but for what a first frame of two runs lacks.
  const begin = () => {
    if (frames || busy) return;
    wish = { now: settings };
    follow();
  };
  for (const event of ["pointerover", "focusin"])
    root.addEventListener(event, begin, { once: true });
  if (base.twin) begin();
  const followLink = (event) => {
    const link = event.target.closest?.(`a[href^="#${root.id}?"]`);
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    go(link.hash.split("?")[1]);
    part("picture").scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("click", followLink, true);
  return { go, destroy: () => document.removeEventListener("click", followLink, true) };
}
