"""A figure's numbers as tables of words, for who sees no picture of it.

Imports the standard library. A table has true values, never the coordinates at which they are
drawn: ``customdata`` stands for y, and the words at an axis' ticks for a place on it.
"""

from __future__ import annotations

import numbers
from html import escape
from itertools import pairwise

ENDS = 3  # of a curve: its first point, one in the middle, its last one


def table(figure: dict) -> str:
    """The tables of a plain figure, one a panel; of each named trace at most ENDS points."""
    panels: dict[str, list[str]] = {}
    for trace in figure["data"]:
        name, number = str(trace.get("name") or ""), trace.get("xaxis", "x")[1:]
        rows = panels.setdefault(number, [])
        if name and not any(row.startswith(_head(name)) for row in rows):
            rows += [f"{_head(name)}<td>{x}</td><td>{y}</td></tr>"
                     for x, y in _points(trace, figure["layout"], number)]
    return "".join(_table(figure["layout"], number, rows)
                   for number, rows in sorted(panels.items()) if rows)


def _head(name: str) -> str:
    return f'<tr><th scope="row">{escape(name)}</th>'


def _table(layout: dict, number: str, rows: list[str]) -> str:
    titles = [_title(layout.get(f"{letter}axis{number}", {})) for letter in "xy"]
    heads = "".join(f'<th scope="col">{escape(text)}</th>' for text in
                    ("curve", titles[0] or "at", titles[1] or "value"))
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _title(axis: dict) -> str:
    title = axis.get("title") or ""
    return (title if isinstance(title, str) else title.get("text") or "").strip()


def _points(trace: dict, layout: dict, number: str) -> list[tuple[str, str]]:
    """(x, value) in words of the first, middle and last point of which both can be said."""
    x_axis, y_axis = (layout.get(f"{letter}axis{number}", {}) for letter in "xy")
    y = trace.get("y")
    if y is None or not len(y):
        return []
    x, own = trace.get("x"), trace.get("customdata")
    if own is not None and any(_is_list(value) for value in own):
        return []  # of several values none is known to be y's
    points = []
    for i, height in enumerate(y):
        across = _said(i if x is None else x[i], x_axis)
        value = _cell(own[i]) if own is not None else _said(height, y_axis)
        if across and value:
            points.append((across, value))
    if not points and len({str(value) for value in (y if own is None else own)}) == 1:
        value = _cell(own[0]) if own is not None else _said(y[0], y_axis)
        points = [("everywhere" if len(y) > 1 else "", value)] if value else []
    return [points[i] for i in sorted({0, len(points) // 2, len(points) - 1})] if points else []


def _said(value, axis: dict) -> str:
    """A place on an axis in words: of the tick there, where the axis has ticks with words."""
    texts, ticks = axis.get("ticktext"), axis.get("tickvals")
    if texts is None or ticks is None or axis.get("type") == "log" or isinstance(value, str):
        return _cell(value)
    if all(_cell(tick) == text for tick, text in zip(ticks, texts, strict=False)):
        return _cell(value)  # the words are the numbers themselves
    if value is None:
        return ""
    gap = min((abs(b - a) for a, b in pairwise(ticks)), default=1)
    near = [text for tick, text in zip(ticks, texts, strict=False)
            if abs(value - tick) <= 0.05 * gap]
    return near[0] if near else ""


def _is_list(value) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, str)


def _cell(value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return escape(str(value))
    return f"{value:,}" if isinstance(value, numbers.Integral) else f"{value:.3g}"
