// The notebook view: anywidget's `render` around the same renderer.
// render.js is put in front of this file to make one module (see assets.py).

// plotly arrives once a kernel, gzipped, in a model of its own; it becomes a script once a page.
function plotlyFrom(model) {
  globalThis.__loraEduPlotly ||= loadFrom(model).catch((error) => {
    globalThis.__loraEduPlotly = null; // the next view tries again
    throw error;
  });
  return globalThis.__loraEduPlotly;
}

async function loadFrom(model) {
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
}

function render({ model, el }) {
  const make = (tag, className, properties = {}) => Object.assign(document.createElement(tag), { className, ...properties });
  const root = make("div", "explorer explorer-live");
  root.style.setProperty("--explorer-height", `${model.get("height")}px`);
  root.style.setProperty("--explorer-height-narrow", `${model.get("height_narrow")}px`);
  root.dataset.name = model.get("name");
  const failed = make("p", "explorer-failed", { hidden: true });
  const box = make("div", "explorer-plot");
  box.setAttribute("role", "img");
  const line = make("p", "explorer-reading");
  const said = make("span", "");
  line.append(said);
  line.setAttribute("aria-live", "polite");
  const foot = make("div", "explorer-foot");
  const pinned = make("p", "explorer-pinned", { hidden: true });
  foot.append(line);
  root.append(failed, box, foot, pinned, make("p", "explorer-caption", { textContent: model.get("caption") }));
  el.append(root);

  let figure = null;
  const plot = createPlot(box, () => plotlyFrom(model));
  const update = () => {
    figure = JSON.parse(model.get("figure"));
    plot.show(figure);
    said.textContent = reading(figure);
    if (said.textContent.length > (line.dataset.longest || "").length) line.dataset.longest = said.textContent;
    box.setAttribute("aria-label", reading(figure) || model.get("caption") || model.get("name"));
  };
  const fail = (text) => { failed.hidden = !(failed.textContent = text); };
  const sayError = () => fail(model.get("error"));
  const lost = () => el.closest(".jupyter-widgets-disconnected"); // ipywidgets' mark of a lost kernel
  const send = (content) => { if (!lost()) model.send(content); };

  if (model.get("controls")) {
    const bar = make("div", "explorer-buttons");
    const pin = make("button", "", { type: "button", textContent: "pin", title: "keep the present curves as a faint ghost" });
    const reset = make("button", "", { type: "button", textContent: "reset", title: "back to the first position" });
    pin.setAttribute("aria-pressed", "false");
    wirePin(pin, pinned, plot, () => reading(figure));
    reset.addEventListener("click", () => {
      if (plot.pinned) pin.click();
      send({ reset: true });
    });
    bar.append(pin, reset);
    foot.append(bar);
    root.prepend(make("p", "explorer-dead", { textContent: "The kernel behind this view is gone: run this cell again." }));
  }
  // A link in the text, such as #step-zero?r=8, moves the explorer of that name in the same notebook.
  const onLink = (event) => {
    const href = event.target.closest?.('a[href*="#"]')?.getAttribute("href") || "";
    const found = /#([^?]+)\?(.*)$/.exec(href);
    const [name] = found ? new URLSearchParams(found[1]).keys() : []; // decodes, and never throws
    if (name !== model.get("name") || lost()) return;
    const notebook = el.closest(".jp-NotebookPanel");
    if (notebook && !notebook.contains(event.target)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    send({ go: Object.fromEntries(new URLSearchParams(found[2])) });
    showMoved(root, box);
  };
  document.addEventListener("click", onLink, true);
  model.on("change:figure", update);
  model.on("change:error", sayError);
  update();
  sayError();
  plot.load().catch((error) => fail(error.message));
  return () => {
    document.removeEventListener("click", onLink, true);
    model.off("change:figure", update);
    model.off("change:error", sayError);
    plot.destroy();
  };
}

export default { render };
