"""Drawings of matrices: boxes to scale, coloured cells, words.

A drawing is a figure whose axes show nothing: places are in units of its own, y upwards, and one
unit is as long along x as along y.
"""

import itertools

import numpy as np

from lora_book.shared.style import BLANK_AXIS, COLOURS, PALE, figure, heat, words

CLEAR = "rgba(0,0,0,0)"
EDGE = {"color": "rgba(128,128,128,0.7)", "width": 1}
STRONGEST = 0.75  # opacity of the fill of a drawing's largest entry: words on it can be read
DEEPEST = 8  # levels of a colour in a map of cells, on either side of 0


def drawing(parts: list[dict], title: str, across: tuple, up: tuple, reading: str) -> dict:
    """The figure of shapes (``box``, ``connect``) and words (``say``). across, up: ends of x, y."""
    blank = {**BLANK_AXIS, "constrain": "domain"}
    return _in_one_panel(
        parts, title, {**blank, "range": list(across)},
        {**blank, "range": list(up), "scaleanchor": "x", "scaleratio": 1}, reading,
        {"l": 4, "r": 4, "t": 6, "b": 6})


def map_drawing(parts: list[dict], title: str, across: tuple, down: tuple, reading: str, *,
                square: bool = False) -> dict:
    """The figure of maps (``cell_map``, ``frame``), boxes, lines and words, in any order.

    across, down: the left and right end of its x, and the upper and lower of its y; in cells, which
    are squares if so wanted.
    """
    x = {**BLANK_AXIS, "range": list(across)}
    y = {**BLANK_AXIS, "range": list(down)[::-1]}
    if square:
        x |= {"constrain": "domain"}
        y |= {"constrain": "domain", "scaleanchor": "x"}
    return _in_one_panel(parts, title, x, y, reading,
                         {"l": 4, "r": 4, "t": 4, "b": 4})


def _in_one_panel(parts, title, x, y, reading, margin) -> dict:
    shapes = [part for part in parts if part["type"] in ("rect", "line")]
    traces = [part for part in parts if part["type"] not in ("rect", "line")]
    more = {"shapes": shapes} if shapes else {}
    return figure(traces, title, [x], [y], reading, margin=margin, **more)


def fill(quantity: str, strength: float) -> str:
    """A quantity's colour, the paler the smaller ``strength``, in [0, 1]; 0 is an empty place."""
    if strength == 0:
        return PALE
    red, green, blue = bytes.fromhex(COLOURS[quantity][1:])
    return f"rgba({red},{green},{blue},{0.15 + (STRONGEST - 0.15) * strength:.2f})"


def box(left: float, low: float, width: float, height: float, colour: str) -> dict:
    """A rectangle. colour: of its inside, a quantity's or as ``fill`` gives it."""
    return _shape("rect", left, low, left + width, low + height,
                  {"fillcolor": COLOURS.get(colour, colour), "line": EDGE})


def cells(matrix: np.ndarray, left: float, top: float, quantity: str, largest: float
          ) -> list[dict]:
    """A matrix, one unit a cell, the first row on top: coloured by the size of the entries.

    largest: the size with the full colour.
    """
    return [box(left + j, top - i - 1, 1, 1, fill(quantity, size / largest))
            for (i, j), size in np.ndenumerate(np.abs(matrix))]


def cell_map(values: np.ndarray, left: float, top: float, quantity: str, name: str) -> dict:
    """A matrix as a heat map, for a panel whose y goes down: a cell a unit, its value a colour.

    Args:
        values: the matrix; what is above 1 in size has the full colour.
        left, top: the centre of its first cell.
        quantity: whose colour stands for values above 0. Grey is below, exactly 0 is empty.
        name: of the trace.
    """
    return heat(_levels(values), -DEEPEST, DEEPEST, _colours(quantity), name=name, x0=left, y0=top)


def _levels(values: np.ndarray) -> np.ndarray:
    """Whole numbers from −DEEPEST to DEEPEST, each of which has a colour."""
    depth = np.clip(np.ceil(DEEPEST * np.abs(values)**0.6), 0, DEEPEST)
    return np.sign(values) * depth


def _colours(quantity: str) -> list[str]:
    """The colours of the levels, from the lowest to the highest."""
    return [*_shades("frozen")[::-1], "rgba(128, 128, 128, 0)", *_shades(quantity)]


def _shades(quantity: str) -> list[str]:
    """A quantity's colour at each of DEEPEST levels, the palest first."""
    red, green, blue = bytes.fromhex(COLOURS[quantity][1:])
    return [f"rgba({red}, {green}, {blue}, {opacity:.2f})"
            for opacity in np.linspace(0.16, 1, DEEPEST)]


def sign_key(left: float, top: float, *quantities: str) -> list[dict]:
    """What the colours of :func:`cell_map` say, a row a quantity: "−", grey, "0", colours, "+"."""
    ramp = _levels(np.array([-1, -0.45, -0.12, 0, 0, 0, 0.12, 0.45, 1]))
    colours = [colour for quantity in quantities for colour in _colours(quantity)]
    # One map, which is drawn sooner than several: each row has its own part of the colours.
    lowest = (2 * DEEPEST + 1) * np.arange(len(quantities))
    key = heat(lowest[:, np.newaxis] + ramp, -DEEPEST, len(colours) - DEEPEST - 1, colours,
               name="key", x0=left, y0=top)
    middle = top + (len(quantities) - 1) / 2
    signs = {(left - 2, middle): "−", (left + 4, middle): "0", (left + 10, middle): "+"}
    return [key, say(signs, size=12)]


def frame(values: np.ndarray, left: float, top: float) -> dict:
    """The outline of a :func:`cell_map`."""
    rows, columns = values.shape
    return {**_shape("rect", left - 0.5, top - 0.5, left + columns - 0.5, top + rows - 0.5,
                     {"line": {"color": COLOURS["frozen"], "width": 1}}), "layer": "above"}


def framed(values: np.ndarray, left: float, top: float, quantity: str, name: str) -> list[dict]:
    """A :func:`cell_map` in its :func:`frame`."""
    return [cell_map(values, left, top, quantity, name), frame(values, left, top)]


def zero_signs(maps, side: str | None = None) -> list[dict]:
    """A 0 in the middle of each map of zeros. maps: of (values, left, top). side: as in ``say``."""
    middles = [(left + (values.shape[1] - 1) / 2, top + (values.shape[0] - 1) / 2)
               for values, left, top in maps if not values.any()]
    return [say(dict.fromkeys(middles, "0"), side, 16)] if middles else []


def dotted(left: float, low: float, width: float, height: float, *, colour: str = "frozen",
           thick: float = 2) -> dict:
    """The dotted outline of a rectangle: what is compared with."""
    return {**box(left, low, width, height, CLEAR),
            "line": {"color": COLOURS[colour], "width": thick, "dash": "dot"}}


def connect(*points: tuple) -> list[dict]:
    """Straight lines from point to point."""
    return [_shape("line", *start, *end, {"line": {**EDGE, "width": 1.5}})
            for start, end in itertools.pairwise(points)]


def say(texts: dict[tuple, str], side: str | None = None, size: int = 13, *, panel: int = 1,
        colour: str | None = None) -> dict:
    """Words, each at its place {(x, y): text}; in a quantity's colour, or the theme's.

    side: where they stand, seen from their place, such as "middle right" (default: centred on it).
    """
    x = [x for x, _ in texts]
    y = [y for _, y in texts]
    font = {"size": size}
    if colour:
        font["color"] = COLOURS[colour]
    return words(x, y, list(texts.values()), panel=panel, textposition=side, textfont=font)


def _shape(kind: str, x0, y0, x1, y1, looks: dict) -> dict:
    return {"type": kind, "x0": x0, "x1": x1, "y0": y0, "y1": y1, "xref": "x", "yref": "y",
            "layer": "below", **looks}
