// The notebook view: an explorer whose figures come from the kernel, through anywidget's model.
// Other scripts are put in front of this file to make one module (see bundle.py).

const PATIENCE = 300; // ms after which a view says that the kernel is computing
let views = 0;

// plotly arrives once a kernel, gzipped, in a model of its own; it becomes a script once a page.
function plotlyFrom(model) {
  globalThis.__loraEduPlotly ||= once(loadFrom);
  return globalThis.__loraEduPlotly(model);
}

// The model that holds plotly: a whole one, where anywidget hands a view a part of its own.
function holderOf(model) {
  return model.widget_manager.get_model(model.get("bundle").replace("IPY_MODEL_", ""));
}

async function loadFrom(model) {
  if (globalThis.Plotly) return globalThis.Plotly;
  const holder = await holderOf(model);
  const gunzip = new DecompressionStream("gzip");
  const stream = new Blob([holder.get("gzipped")]).stream().pipeThrough(gunzip);
  const headers = { "Content-Type": "text/javascript" };
  const url = URL.createObjectURL(await new Response(stream, { headers }).blob());
  return loadScript(url, () => globalThis.Plotly);
}

// The model holds the position asked for and the last answer. While the kernel is busy its manager
// holds the position back and then sends the newest only, so a held arrow key never queues.
class LiveExplorer extends Explorer {
  waiting = null; // a timer, while the kernel computes

  constructor(root, model) {
    super(root);
    this.model = model;
    this.connected = () => root.classList.toggle("explorer-lost", this.lost);
    holderOf(model).then((holder) => {
      this.holder = holder;
      holder.on("comm_live_update", this.connected);
      this.connected();
    });
    this.followed();
    this.answered();
    this.load();
  }

  loadPlotly() {
    return plotlyFrom(this.model);
  }

  // Whether the kernel is gone.
  get lost() {
    return this.holder?.comm_live === false;
  }

  destroy() {
    this.holder?.off("comm_live_update", this.connected);
    this.player?.destroy();
    this.plot.destroy();
  }

  ask() {
    if (this.lost) return this.answered();
    this.model.set("position", this.position());
    this.model.save_changes();
  }

  get busy() {
    return super.busy || this.waiting !== null;
  }

  // The position has changed, here or in Python or in another view.
  followed = () => {
    this.put(this.model.get("position"));
    this.waiting ||= setTimeout(() => {
      this.root.ariaBusy = "true";
    }, PATIENCE);
  };

  answered = () => {
    const { position, figure, error } = JSON.parse(this.model.get("answer"));
    if (this.lost) this.put(position);
    this.show(figure);
    this.fail("kernel", error);
    if (!this.lost && String(position) !== String(this.model.get("position"))) return;
    clearTimeout(this.waiting);
    this.waiting = null;
    this.root.ariaBusy = null;
  };
}

function render({ model, el }) {
  el.innerHTML = model.get("html"); // of page.py
  const root = el.firstElementChild;
  views += 1; // two views of one explorer have their own radio buttons
  root.querySelectorAll("[type=radio]").forEach((input) => {
    input.name += `-${views}`;
  });
  for (const input of root.querySelectorAll("input, select, .explorer-play")) {
    input.dataset.lmSuppressShortcuts = ""; // arrow keys are ours, not JupyterLab's
  }
  const explorer = new LiveExplorer(root, model);
  root.explorer = explorer;
  // A link in the text, such as #step-zero?r=8, moves the explorer of that name in its notebook.
  const onLink = (event) => {
    const anchor = event.target.closest?.('a[href*="#"]');
    const link = parseLink(anchor?.getAttribute("href"));
    if (link?.name !== explorer.name || explorer.lost || !isPlain(event)) return;
    const notebook = el.closest(".jp-NotebookPanel");
    if (notebook && !notebook.contains(event.target)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    explorer.follow(link.positions, anchor);
  };
  document.addEventListener("click", onLink, true);
  model.on("change:position", explorer.followed);
  model.on("change:answer", explorer.answered);
  return () => {
    document.removeEventListener("click", onLink, true);
    model.off("change:position", explorer.followed);
    model.off("change:answer", explorer.answered);
    explorer.destroy();
  };
}

export default { render };
