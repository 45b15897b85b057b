// The pinned copy of a figure: its curves as thin dashed lines and open marks, in their colours.
// Plain functions, no imports: these files are joined into one script (see bundle.py).

// Where a trace has no colour.
const COLORWAY = ["#3b82c4", "#d55e00", "#009e73", "#aa6bc0", "#808080"];

// The copy: the traces, each with what it was made of. Only lines and markers are copied: text,
// bars, maps and stacked areas would mislead, and faint traces are background.
function ghostOf({ data, layout }) {
  return data.flatMap((trace, i) => {
    const { type = "scatter", mode = "lines", visible = true, opacity = 1, line, marker } = trace;
    const drawn = mode
      .split("+")
      .filter((part) => part !== "text" && part !== "none")
      .join("+");
    const faint = visible !== true || opacity < 1;
    if (type !== "scatter" || !drawn || trace.stackgroup || faint) return [];
    const colours = layout.colorway || COLORWAY;
    const color = marker?.color || colours[i % colours.length];
    const ofLine = typeof color === "string" ? color : undefined;
    const copy = {
      ...trace,
      mode: drawn,
      text: null,
      fill: "none",
      error_x: undefined,
      error_y: undefined,
      zorder: -1,
      line: { color: ofLine, ...line, width: 1.5, dash: "4px,3px" },
      marker: {
        color: line?.color || color,
        ...marker,
        symbol: hollow(marker?.symbol),
        line: { width: 1.5 },
      },
      showlegend: false,
      hoverinfo: "skip",
      hovertemplate: null,
    };
    return [{ origin: curveOf(trace), axes: axesOf(trace, layout), i, trace: copy }];
  });
}

// The traces of the copy beside a new figure: those that have moved, where the axes mean the same.
function comparable(ghost, { data, layout }) {
  const differs = ({ trace, i, origin, axes }) =>
    axes === axesOf(trace, layout) && origin !== curveOf(data[i]);
  return ghost.filter(differs).map(({ trace }) => trace);
}

// What tells one curve from another, and what its axes mean: a title may also say, in brackets,
// where a slider stands.
function curveOf({ x, y, line, marker, opacity } = {}) {
  return JSON.stringify([x, y, line?.color, marker?.color, opacity]);
}

function axesOf({ xaxis = "x", yaxis = "y" }, layout) {
  return JSON.stringify(
    [xaxis, yaxis].map((axis) => {
      const { type, title, ticktext } = layout[`${axis[0]}axis${axis.slice(1)}`] || {};
      return [type, (title?.text || "").replace(/\(.*\)/, ""), type === "log" ? null : ticktext];
    }),
  );
}

function hollow(symbol = "circle") {
  if (typeof symbol === "number") return symbol % 200 < 100 ? symbol + 100 : symbol;
  if (typeof symbol !== "string") return Array.from(symbol, hollow);
  if (symbol.includes("-open")) return symbol;
  return symbol.includes("-dot") ? symbol.replace("-dot", "-open-dot") : `${symbol}-open`;
}
