// Draw a figure into an element: the one renderer, used by the page and by the notebook.
// Plain functions, no imports: these files are joined into one script (see bundle.py).

const NARROW = 560; // px: below this width the two panels of a figure stand one above the other
const SMALL = 300; // px: below this width letters are smaller
const MARGIN = { l: 56, r: 20, t: 32, b: 52 }; // px, at the sides for which a figure gives none
const DARK = matchMedia("(prefers-color-scheme: dark)");
const CONFIG = { displayModeBar: false, doubleClick: "reset", showTips: false };
// What may change in a trace that plotly draws alone, without the rest of the plot, which is
// fastest. Only scatter traces are: a bar or an error bar that is added would get no style, stacked
// bars be confused.
const MOVES = {
  numbers: ["x", "y"],
  words: ["name", "text", "textposition", "customdata", "hovertemplate"],
};
const AT_ONCE = {
  mode: "immediate",
  transition: { duration: 0 },
  frame: { duration: 0, redraw: false },
};

// A plot in `box` that draws the newest figure it was given, at most once a frame. loadPlotly()
// promises plotly. After each drawing tell(types, ghosts) gets the types of trace that this plotly
// cannot draw, and how many of the pinned curves were drawn.
function createPlot(box, loadPlotly, tell) {
  let plotly = null;
  let figure = null;
  let drawn = null;
  let ghost = null;
  let frame = 0;
  let drawnInFrame = false;
  let surroundings = null; // what the page gives: size, colours
  let reported = 0; // px: the width of which `resized` last told
  let drawnFixedPart = null; // where the next figure's is equal, only curves are drawn
  let gone = false;
  let view = 1; // counts how often the reader's zoom has been taken back

  const draw = () => {
    frame = 0;
    if (!plotly || !figure || gone) return;
    surroundings ||= look(box);
    if (!surroundings.width) {
      // Not laid out: `resized` draws it, unless its place is gone for less than a frame.
      surroundings = null;
      if (reported) request();
      return;
    }
    drawnInFrame = true;
    drawn = figure;
    requestAnimationFrame(() => {
      drawnInFrame = false;
    });
    const ghosts = ghost ? comparable(ghost, figure) : [];
    const { data, layout } = prepare(figure, surroundings, ghosts, view);
    const before = drawnFixedPart;
    const next = fixedPartOf(data, layout);
    drawnFixedPart = null; // should drawing fail, the next one draws all
    if (next && next === before && isFixed(box)) moveTraces(plotly, box, data);
    else {
      plotly.react(box, data, layout, CONFIG).then(() => {
        box.querySelector(".explorer-frame")?.remove();
        layMaps(box, data, layout);
      });
    }
    drawnFixedPart = next;
    box.dataset.drawn = String(1 + Number(box.dataset.drawn || 0));
    const types = data.map(({ type }) => type);
    tell(
      types.filter((type, i) => type !== box._fullData[i]?.type),
      ghosts.length,
    );
  };
  const request = () => {
    frame ||= requestAnimationFrame(draw);
  };
  const invalidate = () => {
    surroundings = drawnFixedPart = null;
    request();
  };
  const resized = new ResizeObserver(([{ contentRect }]) => {
    reported = contentRect.width;
    invalidate();
  });
  resized.observe(box);
  const themed = new MutationObserver(invalidate);
  for (const node of [document.documentElement, document.body]) {
    themed.observe(node, { attributeFilter: ["class", "data-theme", "data-jp-theme-light"] });
  }
  DARK.addEventListener("change", invalidate);

  return {
    // Draw at once, or at the next frame if this frame has been drawn already.
    show(next) {
      figure = next;
      if (drawnInFrame) return request();
      cancelAnimationFrame(frame);
      draw();
    },
    // Draw all, at once: animate() waits for a frame, and paper has none.
    async load() {
      plotly ||= await loadPlotly();
      surroundings = drawnFixedPart = null;
      draw();
    },
    pin() {
      ghost = ghostOf(figure);
      request();
    },
    unpin() {
      ghost = null;
      request();
    },
    // Take back the reader's zoom.
    whole() {
      view += 1;
      request();
    },
    get current() {
      return drawn === figure;
    }, // whether the newest figure has been drawn
    destroy() {
      gone = true;
      resized.disconnect();
      themed.disconnect();
      DARK.removeEventListener("change", invalidate);
      cancelAnimationFrame(frame);
      setTimeout(() => plotly?.purge(box)); // once what is being drawn has been
    },
  };
}

// What a box has from the page around it; kept, because asking makes the browser lay out the page.
function look(box) {
  const style = getComputedStyle(box);
  const of = (name) => style.getPropertyValue(`--explorer-${name}`).trim();
  const [text, grid, surface, font] = ["text", "plot-grid", "surface", "font"].map(of);
  // a finger scrolls the page, never the plot
  const still = matchMedia("(pointer: coarse)").matches || box.classList.contains("explorer-drag");
  return { width: box.clientWidth, height: box.clientHeight, text, grid, surface, font, still };
}

// The figure with the page's colours and size, and the pinned curves; copied where plotly writes
// into it. view: as long as it stays, so does the reader's zoom.
function prepare(figure, surroundings, ghosts, view) {
  const { width, height } = surroundings;
  const still = surroundings.still || isPicture(figure);
  const layout = { ...figure.layout, title: undefined }; // it stands above the plot
  const narrow = width < NARROW;
  if (narrow && layout.yaxis2 && layout.xaxis2) stackPanels(layout, height);
  if (narrow && layout.annotations) {
    layout.annotations = layout.annotations.map((note) => headings(note, layout));
  }
  for (const key of axesIn(layout)) {
    layout[key] = { ...layout[key], fixedrange: still || layout[key].fixedrange };
  }
  Object.assign(layout, {
    width,
    height,
    uirevision: view,
    dragmode: still ? false : "zoom",
    template: { layout: theme(surroundings, layout) },
  });
  const copy = ({ marker, ...trace }) => (marker ? { ...trace, marker: { ...marker } } : trace);
  return { data: [...figure.data, ...ghosts].map(copy), layout };
}

// A map, or a drawing on axes without numbers: a part of it says nothing, so no drag zooms into it.
function isPicture({ data, layout }) {
  const isBlank = (key) => layout[key].showticklabels === false;
  return data.some(({ z }) => z) || axesIn(layout).some(isBlank);
}

// Draw the traces, and nothing else, before the next frame.
function moveTraces(plotly, box, data) {
  plotly.animate(box, { data, traces: data.map((_, i) => i) }, AT_ONCE).catch((error) => {
    // There is none where a newer move came first, and no layout where the plot has gone.
    if (error && box._fullLayout) throw error;
  });
}

// A figure may name maps and the curve that each is laid on (layout.meta.laid), which goes around it
// from the top left to the right: plotly itself draws upright maps alone.
function layMaps(box, data, { meta }) {
  for (const map of meta?.laid ? box.querySelectorAll(".hm") : []) {
    const on = meta.laid[map.__data__[0].trace.name];
    if (!on) continue;
    const { x: across, y: down } = data.find(({ name }) => name === on);
    const { xaxis, yaxis } = box._fullLayout;
    const corner = (i) => [xaxis.d2p(across[i]), yaxis.d2p(down[i])];
    const [start, right, , below] = [0, 1, 2, 3].map(corner);
    const image = map.querySelector("image");
    const [x, y, width, height] = ["x", "y", "width", "height"].map((at) => image.getAttribute(at));
    const along = start.map((place, i) => (right[i] - place) / width);
    const aside = start.map((place, i) => (below[i] - place) / height);
    const shift = start.map((place, i) => place - along[i] * x - aside[i] * y);
    map.setAttribute("transform", `matrix(${[along, aside, shift]})`);
  }
}

// JSON of a figure without what MOVES lists and the sizes of marks; null where the curves cannot be
// drawn alone.
function fixedPartOf(data, layout) {
  const withoutMoves = (key, value) => {
    if (MOVES.numbers.includes(key)) return kind(value);
    if (key === "marker" && value) return { ...value, size: kind(value.size) };
    return MOVES.words.includes(key) && value ? "words" : value;
  };
  const around = JSON.stringify({ ...layout, meta: { ...layout.meta, reading: "" } });
  const text = JSON.stringify(data, withoutMoves) + around;
  const isLine = ({ type = "scatter", error_x, error_y, hovertemplate }) =>
    type === "scatter" && !error_x && !error_y && !/%{meta/.test(hovertemplate);
  return data.every(isLine) && !text.includes("%{meta") ? text : null;
}

// "numbers" for an array of numbers, since any may take another's place. Other values stand for
// themselves: texts as coordinates may make another kind of axis, and what is null or empty is not
// drawn at all.
function kind(value) {
  const first = Array.isArray(value) ? value[0] : value;
  return typeof first === "number" ? "numbers" : value;
}

function axesIn(layout) {
  return Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key));
}

// Whether nothing around the traces depends on them: no legend, and axes with ends of their own.
function isFixed({ _fullLayout: layout }) {
  const axes = axesIn(layout).map((key) => layout[key]);
  return (
    !layout.showlegend &&
    axes.every(
      ({ autorange, type, rangeslider }) =>
        !autorange && !type.endsWith("category") && !rangeslider?.visible,
    )
  );
}

// Two panels side by side become two rows: each axis pair keeps its own half of the height, and
// between them is as much as is left below and above the whole.
function stackPanels(layout, height) {
  const { t, b } = { ...MARGIN, ...layout.margin };
  const gap = (t + b) / 2 / (height - t - b);
  layout.xaxis = { ...layout.xaxis, domain: [0, 1] };
  layout.xaxis2 = { ...layout.xaxis2, domain: [0, 1] };
  layout.yaxis = { ...layout.yaxis, domain: [0.5 + gap, 1] };
  layout.yaxis2 = { ...layout.yaxis2, domain: [0, 0.5 - gap] };
}

// A panel's heading begins at the plot's left edge, where it has the whole width.
function headings(note, { margin }) {
  const isAtCorner = note.x === 0 && note.y === 1 && note.xref?.endsWith(" domain");
  const heads = isAtCorner && note.yanchor === "bottom";
  return heads ? { ...note, xshift: 2 - { ...MARGIN, ...margin }.l } : note;
}

function theme({ text, grid, surface, font, width }, { margin }) {
  const line = "rgba(128,128,128,0.7)"; // seen on light and dark
  const less = width < SMALL ? 2 : 0; // px by which letters are smaller
  const axis = {
    gridcolor: grid,
    linecolor: line,
    zerolinecolor: line,
    tickcolor: line,
    // A figure that gives its margin spares measuring every label in every frame.
    automargin: !margin,
    ticklabeloverflow: "allow",
    title: { font: { size: 13 - less } },
    tickfont: { size: 12 - less },
  };
  return {
    font: { color: text, family: font, size: 13 - less },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    xaxis: axis,
    yaxis: axis,
    hoverlabel: { bgcolor: surface, bordercolor: line, font: { color: text } },
    legend: { bgcolor: "rgba(0,0,0,0)" },
    margin: MARGIN,
    colorway: COLORWAY,
  };
}

// What stands above the plot, and the sentence that screen readers announce when the controls have
// come to rest; where a figure has but one of them, it is both (see page_data.py).
function headline(figure) {
  return titleOf(figure) || figure.layout.meta?.reading || "";
}

function reading(figure) {
  return figure.layout.meta?.reading || titleOf(figure);
}

function titleOf({ layout }) {
  return bare(layout.title?.text || "");
}

// A text of plotly's without its markup; what else looks like a tag is words (see page_data.py).
function bare(text) {
  return String(text).replace(/<\/?(?:a|b|br|em|i|s|span|sub|sup|u)\b[^>]*>/g, "");
}
