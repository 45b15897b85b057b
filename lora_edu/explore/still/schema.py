"""Which figures have a first frame: the parts of a plain figure that are drawn, and ``Unknown``.

Imports NumPy. In short, and in plotly's words: one or two panels with a margin of four sides and no
legend; axes that are linear, logarithmic (with ``tickvals`` and ``ticktext``) or of words, have a
``range`` and no zero line; scatter traces with a mode and a colour, bars that are stacked over
words, heat maps without a colour bar; lines and rectangles as shapes; annotations without an arrow.
A key that is not in KNOWN, and not one that changes nothing at rest (UNSEEN), is unknown.
"""

from __future__ import annotations

import numpy as np

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
    "heatmap": "z x0 y0 zmin zmax colorscale showscale",
    "marker": "size symbol color line", "line": "color width dash", "font": "size color"}.items()}


class Unknown(Exception):
    """The first frame cannot show this figure as plotly does; the message says why."""


def known(part: dict | None, kind: str) -> dict:
    """``part``, all of whose keys are known for its kind; else Unknown is raised."""
    strange = (part or {}).keys() - KNOWN[kind] - UNSEEN
    if strange:
        raise Unknown(f"{kind}.{min(strange)}")
    return part or {}


def each(value, i: int):
    """The i-th of a list, or the one value there is."""
    return value[i] if isinstance(value, (list, np.ndarray)) else value
