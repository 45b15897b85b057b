"""Text tables of a figure's numbers, for readers who cannot see the plot.

A table has true values, never the coordinates at which they are drawn: ``customdata`` stands for y,
and the words at an axis' ticks for a place on it.
"""

import numbers
from html import escape
from itertools import pairwise

import numpy as np

from lora_edu.explore.plain_figure import axis_of


def table(figure: dict) -> str:
    """The tables of a plain figure, one a panel; of each named trace its first, middle and last
    point."""
    panels: dict[str, dict[str, list]] = {}
    for trace in figure["data"]:
        rows = panels.setdefault(trace.get("xaxis", "x")[1:], {})
        if trace.get("name"):
            rows.setdefault(str(trace["name"]), _points(trace, figure["layout"]))
    return "".join(_table(figure["layout"], number, rows)
                   for number, rows in sorted(panels.items()) if any(rows.values()))


def _table(layout: dict, number: str, rows: dict[str, list]) -> str:
    titles = [(layout.get(f"{letter}axis{number}", {}).get("title") or {}).get("text", "").strip()
              for letter in "xy"]
    heads = "".join(f'<th scope="col">{escape(text)}</th>' for text in
                    ("curve", titles[0] or "at", titles[1] or "value"))
    body = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{x}</td><td>{y}</td></tr>'
                   for name, points in rows.items() for x, y in points)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _points(trace: dict, layout: dict) -> list[tuple[str, str]]:
    """(x, value) in words of the first, middle and last point of which both can be said."""
    x = trace.get("x")
    y = trace.get("y")
    custom = trace.get("customdata")
    if y is None or len(y) == 0:
        return []
    if x is None:
        x = range(len(y))
    if custom is not None and any(isinstance(value, (list, np.ndarray)) for value in custom):
        return []  # of several values at a point none is known to be y's
    x_axis = axis_of(trace, "x", layout)
    y_axis = axis_of(trace, "y", layout)
    values = [_place(value, y_axis) for value in y] if custom is None else [*map(_cell, custom)]
    places = [_place(value, x_axis) for value in x]
    # As plotly does, leave out what has no partner.
    points = [(x, value) for x, value, _ in zip(places, values, y, strict=False) if x and value]
    if not points and len(set(values)) == 1 and values[0]:
        return [("everywhere" if len(y) > 1 else "", values[0])]
    return [points[i] for i in sorted({0, len(points) // 2, len(points) - 1})] if points else []


def _place(value, axis: dict) -> str:
    """A place on an axis in words: those of the tick there, where its ticks have words."""
    ticks = axis.get("tickvals")
    texts = axis.get("ticktext")
    if not ticks or not texts or axis.get("type") == "log" or value is None or (
            isinstance(value, str) or [_cell(tick) for tick in ticks] == [*texts]):
        return _cell(value)
    gap = min((abs(b - a) for a, b in pairwise(ticks)), default=1)
    near = [text for tick, text in zip(ticks, texts, strict=False)
            if abs(value - tick) <= 0.05 * gap]
    return _cell(near[0]) if near else ""


def _cell(value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return escape(str(value))
    return f"{value:,}" if isinstance(value, numbers.Integral) else f"{value:.3g}"
