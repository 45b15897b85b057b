// The static page: controls, links and lazy loading around the renderer. Until the reader does
// something, the first frame that Python has drawn stands for the plot, and plotly is not fetched.
// Joined with decode.js and render.js into one script (see assets.py).

const BASE = document.currentScript.src.replace(/[^/]*$/, "");
const explorers = new Map();
let loading = null;

// Settles at the first thing the reader does, whatever it is; `touch` says that it has happened.
const TOUCHES = ["pointermove", "pointerdown", "touchstart", "wheel", "scroll", "keydown", "focusin", "input", "click", "hashchange"];
let touch = null;
const touched = new Promise((resolve) => { touch = resolve; });
for (const type of TOUCHES) addEventListener(type, touch, { once: true, passive: true });

// plotly is fetched once, for the first explorer that needs it: the basic bundle where every figure
// of the page is made of its traces. BUNDLES is put in front of this file by assets.py.
function loadPlotly() {
  loading ||= new Promise((resolve, reject) => {
    const traces = [...document.querySelectorAll(".explorer")].flatMap((root) => root.dataset.traces.split(" "));
    const script = document.createElement("script");
    script.src = BASE + (traces.every((trace) => ["scatter", "bar"].includes(trace)) ? BUNDLES.basic : BUNDLES.cartesian);
    script.onload = () => resolve(globalThis.Plotly);
    script.onerror = () => {
      loading = null; // the next move tries again
      script.remove();
      reject(new Error(`could not load ${script.src}`));
    };
    document.head.append(script);
  });
  return loading;
}

class Explorer {
  constructor(root) {
    this.root = root;
    this.name = root.dataset.name;
    this.box = root.querySelector(".explorer-plot");
    this.readingLine = root.querySelector(".explorer-reading > span");
    this.controls = [...root.querySelectorAll("[data-control]")].map(readControl);
    this.start = this.controls.map((control) => control.get());
    this.first = this.state();
    this.plot = createPlot(this.box, loadPlotly);
    this.ready = decodeStates(root.querySelector(".explorer-states").textContent).then((states) => {
      this.states = states;
      this.update();
    });
    this.ready.catch((error) => {
      this.fail(`This plot cannot move: its positions could not be read (${error.message}). What you see is the first one.`);
      root.querySelectorAll(".explorer-controls :is(input, button)").forEach((input) => { input.disabled = true; });
    });
    this.controls.forEach((control) => control.onMove(() => this.moved()));
    this.wireButtons();
    root.classList.add("explorer-alive");
  }

  // Say what went wrong, above the plot; "" takes it back.
  fail(text) {
    this.failure ||= Object.assign(document.createElement("p"), { className: "explorer-failed" });
    this.failure.textContent = text;
    if (text) this.box.before(this.failure); else this.failure.remove();
  }

  // Fetch plotly and draw; after a failure the next move tries again.
  load() {
    this.drawing ||= this.ready.then(() => this.plot.load()).then(() => this.fail(""), (error) => {
      this.drawing = null;
      if (this.states) this.fail(`The plot is not drawn: ${error.message}. The next move tries again.`);
    });
    return this.drawing;
  }

  state() {
    return this.controls.reduce((state, control) => state * control.count + control.get(), 0);
  }

  figure(state = this.state()) {
    return this.states.figure(state);
  }

  update() {
    this.controls.forEach((control) => control.label());
    if (!this.states) return;
    const figure = this.figure();
    if (this.state() !== this.first) this.box.classList.add("explorer-elsewhere"); // the still picture is the first position's
    this.plot.show(figure);
    if (!this.readingLine) return;
    this.readingLine.textContent = reading(figure);
    this.box.setAttribute("aria-label", reading(figure));
  }

  moved() {
    this.update();
    if (this.failure?.isConnected) this.load();
    clearTimeout(this.linkTimer); // browsers limit how often the address may change
    this.linkTimer = setTimeout(() => history.replaceState(history.state, "", this.link()), 250);
  }

  // positions: {control name: key}; unknown names and keys are left alone.
  go(positions) {
    for (const control of this.controls) {
      const at = control.keys.indexOf(positions[control.name]);
      if (at >= 0) control.set(at);
    }
    this.moved();
  }

  link() {
    const query = this.controls.map((control) => `${control.name}=${control.keys[control.get()]}`);
    return `#${this.name}?${query.join("&")}`;
  }

  wireButtons() {
    const button = (name) => this.root.querySelector(`[data-do="${name}"]`);
    button("reset")?.addEventListener("click", () => {
      this.controls.forEach((control, i) => control.set(this.start[i]));
      if (this.plot.pinned) button("pin").click();
      this.moved();
    });
    button("link")?.addEventListener("click", async (event) => {
      history.replaceState(history.state, "", this.link());
      const said = await navigator.clipboard?.writeText(location.href).then(() => "copied", () => "in address bar");
      event.target.textContent = said || "in address bar";
      setTimeout(() => { event.target.textContent = "link"; }, 1500);
    });
    if (button("pin")) {
      wirePin(button("pin"), this.root.querySelector(".explorer-pinned"), this.plot, () => reading(this.figure()));
    }
  }
}

// One interface to the three kinds of HTML control.
function readControl(element) {
  const { control: name, kind } = element.dataset;
  const inputs = [...element.querySelectorAll("input")];
  const keys = JSON.parse(element.dataset.keys), texts = JSON.parse(element.dataset.texts);
  const output = element.querySelector("output");
  const get = {
    slider: () => Number(inputs[0].value),
    choice: () => inputs.findIndex((input) => input.checked),
    switch: () => Number(inputs[0].checked),
  }[kind];
  const set = {
    slider: (at) => { inputs[0].value = at; },
    choice: (at) => { inputs[at].checked = true; },
    switch: (at) => { inputs[0].checked = Boolean(at); },
  }[kind];
  return {
    name, keys, get, set, count: keys.length,
    onMove: (callback) => element.addEventListener("input", callback),
    label: () => {
      if (!output) return;
      output.textContent = texts[get()];
      inputs[0].setAttribute("aria-valuetext", texts[get()]);
    },
  };
}

// "#name?r=8&start=both-zero" -> {name, positions}, or null if it is no such link.
function parseLink(hash) {
  const found = /^#([^?]+)\?(.*)$/.exec(hash);
  if (!found) return null;
  const [name] = new URLSearchParams(found[1]).keys(); // decodes, and never throws
  return { name, positions: Object.fromEntries(new URLSearchParams(found[2])) };
}

function follow(hash, arriving) {
  const link = parseLink(hash);
  const explorer = link && explorers.get(link.name);
  if (!explorer) return false;
  touch();
  explorer.go(link.positions);
  if (arriving) explorer.root.scrollIntoView({ block: "start" });
  showMoved(explorer.root, explorer.box);
  return true;
}

function startPage() {
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      const { explorer } = target;
      const asked = explorer.box.querySelector(".explorer-frame") ? touched : null;
      Promise.resolve(asked).then(() => explorer.load());
    }
  }, { rootMargin: "300px 0px" });
  for (const root of document.querySelectorAll(".explorer")) {
    root.explorer = new Explorer(root);
    explorers.set(root.explorer.name, root.explorer);
    near.observe(root);
  }
  document.addEventListener("click", (event) => {
    const anchor = event.target.closest?.('a[href^="#"]');
    if (anchor && !event.metaKey && !event.ctrlKey && follow(anchor.getAttribute("href"), false)) event.preventDefault();
  });
  addEventListener("hashchange", () => follow(location.hash, false));
  follow(location.hash, true);
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startPage);
else startPage();
