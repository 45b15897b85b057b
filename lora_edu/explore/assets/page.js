// The static page: stored figures, the address, and lazy loading. Until the reader does something,
// the first frame that Python has drawn stands for the plot, and plotly is not fetched.
// Joined with decode.js, render.js and explorer.js into one script (see bundle.py).

const BASE = document.currentScript.src.replace(/[^/]*$/, "");
const explorers = new Map();
let sharing = null; // the address is the last moved explorer's, written once the reader rests

// Resolves at the first thing the reader does, whatever it is, or when a link calls `begin`.
// (Browsers also report a pointer that rests while the page is laid out below it.)
const INPUTS = ["pointermove", "pointerdown", "wheel", "scroll", "keydown", "focusin", "click"];
let begin = null;
const firstInput = new Promise((resolve) => {
  begin = resolve;
});
const listeners = new AbortController();
const onFirstInput = ({ type, movementX, movementY }) => {
  if (type === "pointermove" && !movementX && !movementY) return;
  listeners.abort();
  begin();
};
for (const type of INPUTS) {
  addEventListener(type, onFirstInput, { passive: true, signal: listeners.signal });
}

// plotly is fetched once, for the first explorer that needs it: the basic bundle where every figure
// of the page is made of its traces. BUNDLES is put in front of this file by bundle.py.
const fetchPlotly = once(() => {
  const traces = [...explorers.values()].flatMap((explorer) => explorer.data.traces);
  const isBasic = traces.every((trace) => ["scatter", "bar"].includes(trace));
  const bundle = isBasic ? BUNDLES.basic : BUNDLES.cartesian;
  return loadScript(BASE + bundle, () => globalThis.Plotly);
});

// The files with states (see page_data.py) call this.
const files = new Map();
globalThis.exploreStates = (name, states) => {
  files.set(name, states);
};

// The states stand in the page, or in a file, which is fetched once a reader is near.
class Stored {
  constructor(element) {
    this.element = element;
  }

  fetch = once(async () => {
    const { src } = this.element.dataset;
    return src
      ? loadScript(BASE + src, () => files.get(src))
      : JSON.parse(this.element.textContent);
  });

  async at({ controls, hope }) {
    const number = controls.reduce((state, control) => state * control.count + control.get(), 0);
    try {
      return await this.figure(number);
    } catch ({ message }) {
      throw new Error(`The positions of this plot are not here: ${message}.${hope}`);
    }
  }

  async figure(number) {
    return figureOf(await this.fetch(), number);
  }
}

class PageExplorer extends Explorer {
  notCopied = "in address bar";

  constructor(root) {
    super(root, new Stored(root.querySelector(".explorer-states")), fetchPlotly);
    this.stored = this.source;
  }

  changed() {
    super.changed();
    clearTimeout(sharing); // browsers limit how often the address may change
    sharing = setTimeout(() => this.share(), QUIET);
  }

  share() {
    clearTimeout(sharing);
    history.replaceState(history.state, "", this.link());
    return location.href;
  }

  // Back leads from a plot that a link has brought into sight to that link.
  leave(link) {
    history.replaceState({ explorer: "left" }, "");
    history.pushState({ explorer: "reached" }, "", this.link());
    offerWayBack(link, this.box, () => {
      if (history.state?.explorer === "reached") history.back();
      else wayBack.come();
    });
  }
}

// from: the link in the text, if it is one; arriving: with a page that has just been opened.
function follow(hash, { from, arriving } = {}) {
  const link = parseLink(hash);
  const explorer = link && explorers.get(link.name);
  if (!explorer) return false;
  begin();
  if (arriving) arrive(explorer.root);
  explorer.follow(link.positions, from);
  return true;
}

// The next Tab goes to the first control.
function arrive(root) {
  root.tabIndex = -1;
  root.focus({ preventScroll: true });
  root.scrollIntoView({ block: "start" });
}

function startPage() {
  const near = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        const { explorer } = target;
        explorer.stored.fetch().catch(() => {}); // said when the reader asks for them
        const asked = explorer.box.querySelector(".explorer-frame") ? firstInput : null;
        Promise.resolve(asked).then(() => explorer.load());
      }
    },
    { rootMargin: "300px 0px" },
  );
  for (const root of document.querySelectorAll(".explorer")) {
    root.explorer = new PageExplorer(root);
    explorers.set(root.explorer.name, root.explorer);
    near.observe(root);
  }
  document.addEventListener("click", (event) => {
    const from = event.target.closest?.('a[href^="#"]');
    if (!from || !isPlain(event)) return;
    if (follow(from.getAttribute("href"), { from })) event.preventDefault();
  });
  addEventListener("popstate", ({ state }) => {
    if (state?.explorer === "left") requestAnimationFrame(() => wayBack?.come());
  });
  addEventListener("hashchange", () => {
    if (history.state?.explorer !== "left") follow(location.hash);
  });
  // A page that Back leads to may be as it was left, but for controls, which WebKit resets: to
  // where they were left.
  addEventListener("pagehide", () => {
    for (const input of document.querySelectorAll(".explorer input")) {
      input.defaultValue = input.value;
      input.defaultChecked = input.checked;
    }
  });
  follow(location.hash, { arriving: true });
}

// For scripts that show figures of their own on the page.
globalThis.loraExplore = { Explorer, explorers, loadPlotly: fetchPlotly };

startPage(); // the script is deferred, or stands below what it moves
