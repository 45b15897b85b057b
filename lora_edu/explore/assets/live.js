// The notebook view: anywidget's `render` around the same renderer.
// render.js is put in front of this file to make one module (see assets.py).

// plotly arrives once a kernel, gzipped, in a model of its own; it becomes a script once a page.
function plotlyFrom(model) {
  globalThis.__loraEduPlotly ||= (async () => {
    if (globalThis.Plotly) return globalThis.Plotly;
    const reference = model.get("bundle").replace("IPY_MODEL_", "");
    const holder = await model.widget_manager.get_model(reference);
    const stream = new Blob([holder.get("gzipped")]).stream().pipeThrough(new DecompressionStream("gzip"));
    const source = await new Response(stream).blob();
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    await new Promise((resolve, reject) => {
      const script = document.createElement("script");
      Object.assign(script, { src: url, onload: resolve, onerror: () => reject(new Error("plotly did not load")) });
      document.head.append(script);
    });
    URL.revokeObjectURL(url);
    return globalThis.Plotly;
  })();
  return globalThis.__loraEduPlotly;
}

function render({ model, el }) {
  const root = Object.assign(document.createElement("div"), { className: "explorer explorer-live" });
  root.style.setProperty("--explorer-height", `${model.get("height")}px`);
  root.style.setProperty("--explorer-height-narrow", `${model.get("height_narrow")}px`);
  root.dataset.name = model.get("name");
  const add = (tag, className, properties = {}) => {
    const node = Object.assign(document.createElement(tag), { className, ...properties });
    root.append(node);
    return node;
  };
  const dead = add("p", "explorer-dead", { hidden: true, textContent: "The kernel behind this view is gone: run this cell again." });
  const failed = add("p", "explorer-dead", { hidden: true });
  const box = add("div", "explorer-plot");
  box.setAttribute("role", "img");
  const line = add("p", "explorer-reading");
  line.setAttribute("aria-live", "polite");
  const pinned = add("p", "explorer-pinned", { hidden: true });
  if (model.get("controls")) addButtons();
  add("p", "explorer-caption", { textContent: model.get("caption") });
  el.append(root);

  let figure = null;
  const plot = createPlot(box, () => plotlyFrom(model));
  root.explorer = { box, plot, figure: () => figure };
  const update = () => {
    figure = JSON.parse(model.get("figure"));
    plot.show(figure);
    line.textContent = reading(figure);
    box.setAttribute("aria-label", reading(figure) || model.get("name"));
    failed.hidden = !(failed.textContent = model.get("error"));
  };
  const lost = () => { dead.hidden = model.comm_live !== false; };

  function addButtons() {
    const bar = add("p", "explorer-buttons");
    const button = (text, hint) => {
      const node = Object.assign(document.createElement("button"), { type: "button", textContent: text, title: hint });
      bar.append(node);
      return node;
    };
    const pin = button("pin", "keep the present curves as a faint ghost");
    pin.setAttribute("aria-pressed", "false");
    queueMicrotask(() => wirePin(pin, pinned, plot, () => reading(figure)));
    button("reset", "back to the first position").addEventListener("click", () => {
      if (plot.pinned) pin.click();
      model.send({ reset: true });
    });
  }
  // A link in the text, such as #step-zero?r=8, moves the explorer of that name.
  const onLink = (event) => {
    const href = event.target.closest?.('a[href*="#"]')?.getAttribute("href") || "";
    const found = /#([^?]+)\?(.*)$/.exec(href);
    if (!found || decodeURIComponent(found[1]) !== model.get("name")) return;
    event.preventDefault();
    event.stopPropagation();
    model.send({ go: Object.fromEntries(new URLSearchParams(found[2])) });
  };
  document.addEventListener("click", onLink, true);
  model.on("change:figure", update);
  model.on("change:error", update);
  model.on("comm_live_update", lost);
  update();
  plot.load();
  return () => {
    document.removeEventListener("click", onLink, true);
    model.off("change:figure", update);
    model.off("change:error", update);
    model.off("comm_live_update", lost);
    plot.destroy();
  };
}

export default { render };
