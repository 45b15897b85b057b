"""One look for all figures: a colour and a mark per quantity, panels, an axis with a place for 0.

The colours of A, B and ΔW, of gradients and of the scale s mean nothing else in any figure.

Figures are dicts in plotly.js's own form, many times faster to make than plotly's objects;
``explore`` holds one of each explorer against plotly. Colours are chosen to stand 3:1 against white
and against the dark theme, and to be told apart with the common colour-vision deficiencies.
"""

import math

import numpy as np

from lora_edu.explore.words import power

PALE = "rgba(128,128,128,0.08)"  # of a heat map, where there is nothing
COLOURS = {"A": "#3b82c4", "B": "#d55e00", "delta": "#009e73", "gradient": "#aa6bc0",
           "s": "#a88300", "loss": "#6b7d95", "frozen": "#808080",
           # Of what is compared: rules, optimisers, methods, precisions, ranks.
           "rose": "#cc4778", "teal": "#1a93a0", "brown": "#97694f", "ink": "#7a7a8c"}
SYMBOLS = {"A": "circle", "B": "square", "delta": "diamond", "loss": "circle",
           "frozen": "diamond-open"}
MATRIX_COLOURS = {"A": "A", "B": "B", "∇A": "A", "∇B": "B", "ΔW": "delta"}
NAMES = {"A": "‖∇A‖", "B": "‖∇B‖", "delta": "‖ΔW‖", "loss": "loss",
         "frozen": "base moved"}
MARGIN = {"l": 62, "r": 14, "t": 34, "b": 46}
BLANK_AXIS = {"showticklabels": False, "ticks": "", "showgrid": False}


def coloured(text: str, colour: str) -> str:
    """A text of a title in a quantity's colour, or in one of its own."""
    return f'<span style="color:{COLOURS.get(colour, colour)}">{text}</span>'


def figure(traces: list[dict], title: str, xaxes: list[dict], yaxes: list[dict], reading: str, *,
           headings=(), **more) -> dict:
    """A figure of one or two panels, with fixed ranges and a reading.

    title: what the figure finds, above the plot; may be empty. headings: for each panel what stands
    over it, such as its legend (default: nothing). more: of plotly's layout.
    """
    domains = [[0, 1]] if len(xaxes) == 1 else [[0, 0.44], [0.56, 1]]
    layout = {"margin": MARGIN if headings else {**MARGIN, "t": 12}, "showlegend": False,
              "meta": {"reading": reading}}
    if title:
        layout["title"] = {"text": title}
    over = headings or [""] * len(xaxes)
    for i, (text, x, y, domain) in enumerate(zip(over, xaxes, yaxes, domains, strict=True)):
        n = "" if i == 0 else "2"  # plotly's names: x and y, then x2 and y2
        layout[f"xaxis{n}"] = {"domain": domain, "anchor": f"y{n}", "zeroline": False, **x}
        layout[f"yaxis{n}"] = {"anchor": f"x{n}", "zeroline": False, **y}
        if text:
            layout.setdefault("annotations", []).append({
                "text": text, "x": 0, "y": 1, "xref": f"x{n} domain", "yref": f"y{n} domain",
                "xanchor": "left", "yanchor": "bottom", "yshift": 6, "align": "left",
                "showarrow": False})
    return {"data": traces, "layout": layout | more}


def curve(quantity: str, x, y, *, panel: int = 1, values=None,
          symbols: str | list[str] | None = None, sizes: int = 10, dash: str = "solid",
          **more) -> dict:
    """A line with marks in the quantity's colour. ``values``: the true values, where y is not.

    A dotted line joins marks between which the axis means nothing: from a value to exact zero.
    """
    value = "%{y:.3g}" if values is None else "%{customdata:.3g}"
    name = more.pop("name", NAMES[quantity])
    return _scatter("lines+markers", x, y, panel, {
        "name": name, "line": _line(quantity, 2.5, dash),
        "marker": {"symbol": symbols or SYMBOLS[quantity], "size": sizes,
                   "color": COLOURS[quantity]},
        "hovertemplate": f"{name} = {value}<extra></extra>", "customdata": values, **more})


def line(x, y, colour: str, *, panel: int = 1, width: float = 2.5, dash: str = "solid",
         **more) -> dict:
    """A line without marks, in a quantity's colour or one of its own."""
    return _scatter("lines", x, y, panel, {"line": _line(colour, width, dash), **more})


def level(y: float, x, *, panel: int = 1, **more) -> dict:
    """A dashed grey line at one height, between the two x: what to compare with."""
    return line(x, [y, y], "frozen", panel=panel, width=1.5, dash="dash", **more)


def marks(x, y, colour: str | list[str], symbol: str | list[str], size: float, *,
          panel: int = 1, stroke: float = 0, **more) -> dict:
    """Marks without a line. stroke: the width of their outlines, where they are open.

    colour, symbol: one for all, or a list.
    """
    marker = {"symbol": symbol, "size": size,
              "color": COLOURS.get(colour, colour) if isinstance(colour, str) else colour}
    if stroke:
        marker["line"] = {"width": stroke}
    return _scatter("markers", x, y, panel, {"marker": marker, **more})


def words(x, y, text, *, panel: int = 1, **more) -> dict:
    """Texts at places of a panel."""
    return _scatter("text", x, y, panel, {"text": text, **more})


def heat(z: np.ndarray, low: int, high: int, colours: list, **more) -> dict:
    """A heat map. z: (rows, columns), rounded to whole numbers, which a page stores in few bytes.

    colours: evenly spaced from low to high, a quantity's or others. more: of plotly's trace; its
    ``customdata`` are the true values, which the numbers below the figure then show.
    """
    scale = [[float(at), COLOURS.get(colour, colour)] for at, colour in
             zip(np.linspace(0, 1, len(colours)), colours, strict=True)]
    return {"type": "heatmap", "z": np.round(z).astype(int), "zmin": low, "zmax": high,
            "meta": "levels", "showscale": False, "colorscale": scale, **_silent(more), **more}


def _scatter(mode: str, x, y, panel: int, more: dict) -> dict:
    n = "" if panel == 1 else str(panel)
    return {"type": "scatter", "mode": mode, "x": x, "y": y, "xaxis": f"x{n}", "yaxis": f"y{n}",
            **_silent(more), **{key: value for key, value in more.items() if value is not None}}


def _silent(more: dict) -> dict:
    """What has no words of its own for a hover says nothing."""
    return {} if more.get("hovertemplate") else {"hoverinfo": "skip"}


def _line(colour: str, width: float, dash: str) -> dict:
    return {"color": COLOURS.get(colour, colour), "width": width, "dash": dash}


def power_ticks(low: int, high: int) -> dict:
    """The part of a log axis that names powers of ten from 10^low to 10^high: as plain numbers, if
    all lie between 0.001 and 1000."""
    exponents = range(low, high + 1)
    plain = low >= -3 and high <= 3
    return {"type": "log", "tickvals": [10.0**e for e in exponents],
            "ticktext": [f"{10.0**e:g}" if plain else power(e) for e in exponents]}


class ZeroLogAxis:
    """A log axis over 10^low … 10^high with a place of its own, below, for exactly zero."""

    def __init__(self, low: int, high: int, every: int = 1):
        self.low = low
        self.high = high
        self.every = every
        self.zero = low - 0.09 * (high - low) - 0.3  # where an exact zero is drawn

    def place(self, values) -> np.ndarray:
        """Coordinates of values ≥ 0; those beyond the axis are drawn at its end."""
        values = np.atleast_1d(np.asarray(values, dtype=float))
        logs = np.log10(np.where(values > 0, values, 1.0))
        return np.where(values > 0, np.clip(logs, self.low, self.high), self.zero)

    def symbols(self, quantity: str, values) -> list[str]:
        """The quantity's mark for each value; an upward triangle for those above the axis."""
        return ["triangle-up" if value > 10.0**self.high else SYMBOLS[quantity]
                for value in values]

    def axis(self, title: str = "") -> dict:
        """The plotly axis: "0" at its place, and powers of ten that leave it room."""
        # The first label is more than this many powers of ten above the zero's.
        room = max(0.45 * self.every, 0.12 * (self.high - self.zero))
        ticks = [t for t in range(math.ceil(self.low), self.high + 1, self.every)
                 if t - self.zero > room]
        return {"tickvals": [self.zero, *ticks],
                "ticktext": ["exactly 0", *(power(t) for t in ticks)],
                "range": [self.zero - 0.06 * (self.high - self.low),
                          self.high + 0.04 * (self.high - self.low)],
                "title": {"text": title}}
