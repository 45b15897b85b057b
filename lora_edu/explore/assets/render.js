// Draw a figure into an element: the one renderer, used by the page and by the notebook view.
// Plain functions, no imports: these files are joined into one script (see assets.py).

const NARROW = 560; // px: below this width the two panels of a figure stand one above the other
const GHOST_OPACITY = 0.3;
const CONFIG = { displayModeBar: false, doubleClick: "reset", showTips: false };

// A plot in `box` that draws the newest figure it was given, at most once a frame.
function createPlot(box, loadPlotly) {
  let plotly = null, figure = null, ghost = null, frame = 0, drawnInFrame = false, width = 0;

  const draw = () => {
    frame = 0;
    if (!plotly || !figure || !box.clientWidth) return; // not laid out yet: `resized` draws it
    drawnInFrame = true;
    requestAnimationFrame(() => { drawnInFrame = false; });
    const { data, layout } = prepare(figure, ghost, box);
    plotly.react(box, data, layout, CONFIG).then(() => box.querySelector(".explorer-frame")?.remove());
    box.dataset.drawn = String(1 + Number(box.dataset.drawn || 0));
  };
  const request = () => { frame ||= requestAnimationFrame(draw); };
  const resized = new ResizeObserver(() => {
    if (box.clientWidth && box.clientWidth !== width) { width = box.clientWidth; request(); }
  });
  resized.observe(box);
  const themed = new MutationObserver(request);
  for (const node of [document.documentElement, document.body]) {
    themed.observe(node, { attributes: true, attributeFilter: ["data-theme", "data-jp-theme-light"] });
  }

  return {
    // Draw at once, or at the next frame if this frame has been drawn already.
    show(next) {
      figure = next;
      if (drawnInFrame) request(); else { cancelAnimationFrame(frame); draw(); }
    },
    async load() {
      plotly ||= await loadPlotly();
      draw();
    },
    pin() { ghost = figure && structuredClone(figure.data); request(); },
    unpin() { ghost = null; request(); },
    get pinned() { return ghost !== null; },
    destroy() { resized.disconnect(); themed.disconnect(); cancelAnimationFrame(frame); plotly?.purge(box); },
  };
}

// The figure with the page's colours and size, the ghost's traces behind it.
function prepare(figure, ghost, box) {
  const style = getComputedStyle(box);
  const color = (name) => style.getPropertyValue(name).trim();
  const layout = { ...figure.layout };
  const narrow = box.clientWidth < NARROW;
  if (narrow && layout.yaxis2 && layout.xaxis2) stackPanels(layout);
  const touch = matchMedia("(pointer: coarse)").matches; // a finger scrolls the page, never the plot
  for (const key of Object.keys(layout)) {
    if (/^[xy]axis\d*$/.test(key)) layout[key] = { ...layout[key], fixedrange: touch || layout[key].fixedrange };
  }
  Object.assign(layout, {
    width: box.clientWidth,
    height: box.clientHeight,
    uirevision: "keep",
    dragmode: touch ? false : "zoom",
    template: { layout: theme(color) },
  });
  const data = figure.data.map((trace) => ({ ...trace }));
  for (const trace of ghost || []) {
    data.push({ ...trace, opacity: GHOST_OPACITY, showlegend: false, hoverinfo: "skip", hovertemplate: null, zorder: -1 });
  }
  return { data, layout };
}

// Two panels side by side become two rows: each axis pair keeps its own half of the height.
function stackPanels(layout) {
  const gap = 0.08;
  layout.xaxis = { ...layout.xaxis, domain: [0, 1] };
  layout.xaxis2 = { ...layout.xaxis2, domain: [0, 1] };
  layout.yaxis = { ...layout.yaxis, domain: [0.5 + gap, 1] };
  layout.yaxis2 = { ...layout.yaxis2, domain: [0, 0.5 - gap] };
}

function theme(color) {
  const text = color("--explorer-text");
  const grid = color("--explorer-plot-grid"), line = "rgba(128,128,128,0.7)"; // seen on light and dark
  const axis = {
    gridcolor: grid, linecolor: line, zerolinecolor: line, tickcolor: line, automargin: false,
    ticklabeloverflow: "allow", // not to measure every label in every frame
    title: { font: { size: 13 } }, tickfont: { size: 12 },
  };
  return {
    font: { color: text, family: color("--explorer-font") || "sans-serif", size: 13 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    xaxis: axis,
    yaxis: axis,
    hoverlabel: { bgcolor: color("--explorer-surface"), bordercolor: line, font: { color: text } },
    legend: { bgcolor: "rgba(0,0,0,0)" },
    colorway: ["#3b82c4", "#d55e00", "#009e73", "#aa6bc0", "#808080"],
  };
}

// The sentence below the plot, which screen readers announce.
function reading(figure) {
  return figure.layout.meta?.reading || "";
}

// Keep the pin button, its pressed state and the pinned sentence in step with the plot.
function wirePin(button, note, plot, currentReading) {
  button.addEventListener("click", () => {
    if (plot.pinned) plot.unpin(); else plot.pin();
    button.setAttribute("aria-pressed", String(plot.pinned));
    button.textContent = plot.pinned ? "unpin" : "pin";
    note.textContent = plot.pinned ? `Pinned (faint): ${currentReading()}` : "";
    note.hidden = !plot.pinned;
  });
}

// Bring a plot that a link has moved into sight, and outline it for a moment.
function showMoved(root, box) {
  const { top, bottom } = box.getBoundingClientRect();
  const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
  if (bottom < 60 || top > innerHeight - 60) box.scrollIntoView({ block: "center", behavior });
  root.classList.remove("explorer-moved");
  void root.offsetWidth; // restart the outline's animation
  root.classList.add("explorer-moved");
}
