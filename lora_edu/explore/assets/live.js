// The notebook view: an explorer whose figures come from the kernel, through anywidget's model.
// Other scripts are put in front of this file to make one module (see bundle.py).

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

// The model holds the position asked for and the last answer.
class Kernel {
  constructor(model) {
    this.model = model;
  }

  // Whether the kernel is gone.
  get lost() {
    return this.holder?.comm_live === false;
  }

  get answer() {
    return JSON.parse(this.model.get("answer"));
  }

  // Another view, or Python, may have asked for another position meanwhile.
  get isBehind() {
    return String(this.answer.position) !== String(this.model.get("position"));
  }

  async at(explorer) {
    if (!this.lost) {
      this.model.set("position", explorer.position());
      this.model.save_changes();
    }
    while (!this.lost && this.isBehind) {
      await new Promise((resolve) => {
        this.hear = resolve;
      });
    }
    if (this.lost) throw new Error("the kernel is gone.");
    const { figure, error } = this.answer;
    if (error) throw new Error(error);
    return figure;
  }
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
  const kernel = new Kernel(model);
  const explorer = new Explorer(root, kernel, () => plotlyFrom(model));
  root.explorer = explorer;
  explorer.put(model.get("position"));
  explorer.shown = explorer.keys();
  explorer.show(kernel.answer.figure);
  explorer.fail("figure", kernel.answer.error);
  if (kernel.isBehind) explorer.ask();
  explorer.load();
  // The position has changed in Python or in another view.
  const onPosition = () => {
    const position = model.get("position");
    if (String(position) === String(explorer.position())) return;
    explorer.put(position);
    explorer.ask();
  };
  const onAnswer = () => kernel.hear?.();
  const onConnection = () => {
    root.classList.toggle("explorer-lost", kernel.lost);
    onAnswer();
  };
  holderOf(model).then((holder) => {
    kernel.holder = holder;
    holder.on("comm_live_update", onConnection);
    onConnection();
  });
  // A link in the text, such as #step-zero?r=8, moves the explorer of that name in its notebook.
  const onLink = (event) => {
    const anchor = event.target.closest?.('a[href*="#"]');
    const link = parseLink(anchor?.getAttribute("href"));
    if (link?.name !== explorer.name || kernel.lost || !isPlain(event)) return;
    const notebook = el.closest(".jp-NotebookPanel");
    if (notebook && !notebook.contains(event.target)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    explorer.follow(link.positions, anchor);
  };
  document.addEventListener("click", onLink, true);
  model.on("change:position", onPosition);
  model.on("change:answer", onAnswer);
  return () => {
    document.removeEventListener("click", onLink, true);
    model.off("change:position", onPosition);
    model.off("change:answer", onAnswer);
    kernel.holder?.off("comm_live_update", onConnection);
    explorer.destroy();
  };
}

export default { render };
