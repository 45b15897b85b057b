"""Pieces of SVG, and which parts of a figure are known, for the first frame (see first_frame.py).

Imports NumPy and the sibling module axis.
"""

from __future__ import annotations

import re
from html import escape, unescape

import numpy as np

from lora_edu.explore.axis import Unknown

UNSEEN = {"type", "name", "xaxis", "yaxis", "customdata", "meta", "showlegend", "hovertemplate",
          "hoverinfo", "hovertext", "hovermode", "hoverlabel", "hoverformat", "fixedrange",
          "legendgroup", "anchor"}
KNOWN = {kind: set(keys.split()) for kind, keys in {
    "layout": "margin annotations shapes barmode", "margin": "l r t b", "title": "text",
    "axis": "range domain title tickvals ticktext dtick tickformat ticks zeroline showgrid "
            "showticklabels constrain scaleanchor scaleratio",
    "annotation": "text x y xref yref xanchor yanchor xshift yshift showarrow font",
    "shape": "x0 x1 y0 y1 xref yref line layer fillcolor opacity",
    "scatter": "x y mode line marker text textposition textfont opacity",
    "bar": "x y marker text textposition insidetextanchor constraintext textfont",
    "heatmap": "z zmin zmax colorscale showscale",
    "marker": "size symbol color line", "line": "color width dash", "font": "size color"}.items()}


def known(part: dict | None, kind: str) -> dict:
    """``part``, all of whose keys are known for its kind; else Unknown is raised."""
    strange = (part or {}).keys() - KNOWN[kind] - UNSEEN
    if strange:
        raise Unknown(f"{kind}.{min(strange)}")
    return part or {}


def short(value: float) -> str:
    """To a hundredth, without needless zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) >= 0.005 else "0"


def share(fraction: float) -> str:
    """0.25 → "25%"."""
    return short(100 * fraction) + "%"


def attributes(**values) -> str:
    """`` name="value"`` for each that is not None; ``_`` stands for a dash."""
    return "".join(f' {name.replace("_", "-")}="{escape(str(value))}"'
                   for name, value in values.items() if value is not None)


def text(line: str, x, y, font: dict | None = None, **more) -> str:
    """An SVG text; of plotly's markup it may hold coloured spans."""
    font, body = known(font, "font"), ""
    for part in re.split(r"(<[^<>]*>)", line):
        span = re.fullmatch(r'<span style="color: ?([^";]*);?">', part)
        if span:
            body += f"<tspan{attributes(fill=span[1])}>"
        elif part == "</span>":
            body += "</tspan>"
        elif re.fullmatch("<[^<>]*>", part):
            raise Unknown(f"the markup {part}")
        else:
            body += escape(unescape(part))
    looks = attributes(x=x, y=y, fill=font.get("color"), font_size=font.get("size"), **more)
    return f"<text{looks}>{body}</text>"


def each(value, i: int):
    """The i-th of a list, or the one value there is."""
    return value[i] if isinstance(value, (list, np.ndarray)) else value
