// Draw a figure into an element: the one renderer, used by the page and by the notebook.
// Plain functions, no imports: these files are joined into one script (see assets.py).

const NARROW = 560; // px: below this width the two panels of a figure stand one above the other
const SMALL = 300; // px: below this width letters are smaller
const MARGIN = { l: 56, r: 20, t: 32, b: 52 }; // px, at the sides for which a figure gives none
const CONFIG = { displayModeBar: false, doubleClick: "reset", showTips: false };

// A plot in `box` that draws the newest figure it was given, at most once a frame. loadPlotly()
// promises plotly; tell(types, ghosts) hears of the traces that this plotly has drawn as something
// else, and how many of the pinned copy it has drawn.
function createPlot(box, loadPlotly, tell) {
  let plotly = null, figure = null, drawn = null, ghost = null, frame = 0, drawnInFrame = false, width = 0;

  const draw = () => {
    frame = 0;
    if (!plotly || !figure || !box.clientWidth) return; // not laid out yet: `resized` draws it
    drawnInFrame = true;
    drawn = figure;
    requestAnimationFrame(() => { drawnInFrame = false; });
    const { data, layout } = prepare(figure, box), ghosts = ghost ? comparable(ghost, figure) : [];
    data.push(...ghosts);
    plotly.react(box, data, layout, CONFIG).then(() => box.querySelector(".explorer-frame")?.remove());
    box.dataset.drawn = String(1 + Number(box.dataset.drawn || 0));
    tell(data.map(({ type }) => type).filter((type, i) => type !== box._fullData[i]?.type), ghosts.length);
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
    pin() { ghost = ghostOf(figure); request(); },
    unpin() { ghost = null; request(); },
    get current() { return drawn === figure; }, // whether the newest figure has been drawn
    destroy() { resized.disconnect(); themed.disconnect(); cancelAnimationFrame(frame); plotly?.purge(box); },
  };
}

// The figure with the page's colours and size.
function prepare(figure, box) {
  const style = getComputedStyle(box);
  const color = (name) => style.getPropertyValue(name).trim();
  const layout = { ...figure.layout };
  const narrow = box.clientWidth < NARROW;
  if (narrow && layout.yaxis2 && layout.xaxis2) stackPanels(layout, box.clientHeight);
  if (narrow && layout.annotations) layout.annotations = layout.annotations.map((note) => headings(note, layout));
  const touch = matchMedia("(pointer: coarse)").matches; // a finger scrolls the page, never the plot
  for (const key of Object.keys(layout)) {
    if (/^[xy]axis\d*$/.test(key)) layout[key] = { ...layout[key], fixedrange: touch || layout[key].fixedrange };
  }
  Object.assign(layout, {
    width: box.clientWidth,
    height: box.clientHeight,
    uirevision: "keep",
    dragmode: touch ? false : "zoom",
    template: { layout: theme(color, layout, box.clientWidth < SMALL ? 2 : 0) },
  });
  return { data: figure.data.map((trace) => ({ ...trace })), layout };
}

// Two panels side by side become two rows: each axis pair keeps its own half of the height, and
// between them is as much as is left below and above the whole.
function stackPanels(layout, height) {
  const { t, b } = { ...MARGIN, ...layout.margin }, gap = (t + b) / 2 / (height - t - b);
  layout.xaxis = { ...layout.xaxis, domain: [0, 1] };
  layout.xaxis2 = { ...layout.xaxis2, domain: [0, 1] };
  layout.yaxis = { ...layout.yaxis, domain: [0.5 + gap, 1] };
  layout.yaxis2 = { ...layout.yaxis2, domain: [0, 0.5 - gap] };
}

// A panel's heading begins at the plot's left edge, where it has the whole width.
function headings(note, { margin }) {
  const heads = note.x === 0 && note.y === 1 && note.xref?.endsWith(" domain") && note.yanchor === "bottom";
  return heads ? { ...note, xshift: 2 - { ...MARGIN, ...margin }.l } : note;
}

// less: px by which letters are smaller.
function theme(color, { margin, title }, less) {
  const text = color("--explorer-text");
  const grid = color("--explorer-plot-grid"), line = "rgba(128,128,128,0.7)"; // seen on light and dark
  const axis = {
    gridcolor: grid, linecolor: line, zerolinecolor: line, tickcolor: line,
    automargin: !margin, // a figure that gives its margin spares measuring every label in every frame
    ticklabeloverflow: "allow",
    title: { font: { size: 13 - less } }, tickfont: { size: 12 - less },
  };
  return {
    font: { color: text, family: color("--explorer-font") || "sans-serif", size: 13 - less },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    xaxis: axis,
    yaxis: axis,
    hoverlabel: { bgcolor: color("--explorer-surface"), bordercolor: line, font: { color: text } },
    legend: { bgcolor: "rgba(0,0,0,0)" },
    margin: { ...MARGIN, t: title?.text ? 64 : MARGIN.t },
    colorway: COLORWAY,
  };
}

// The sentence below the plot, which screen readers announce when the controls have come to rest.
function reading(figure) {
  return figure.layout.meta?.reading || "";
}
