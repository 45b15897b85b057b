"""Pictures of digits in rows, as one heat map. Imports NumPy, plotly and the style."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from lora_edu.chapters.shared.style import COLOURS, layout

GAP = 2  # pixels between two pictures


def digit_rows(rows: dict[str, np.ndarray], reading: str) -> go.Figure:
    """A row of square pictures for each name, darker where there is more ink.

    rows: {name: (columns, pixels) in [0, 1]}, each picture a row of pixels. reading: the sentence
    that says what is shown. Raises ValueError unless all rows have one shape and the pictures are
    square.
    """
    shapes = {name: np.shape(pictures) for name, pictures in rows.items()}
    columns, pixels = next(iter(shapes.values()))
    side = round(pixels**0.5)
    if len(set(shapes.values())) > 1 or side**2 != pixels:
        raise ValueError(f"rows must hold equally many square pictures each, got {shapes}")
    step = side + GAP
    sheet = np.zeros((step * len(rows) - GAP, step * columns - GAP))
    for i, pictures in enumerate(rows.values()):
        for j, picture in enumerate(np.asarray(pictures)):
            sheet[step * i:step * i + side, step * j:step * j + side] = picture.reshape(side, side)
    still = {"ticks": "", "showgrid": False, "constrain": "domain"}
    return go.Figure(
        go.Heatmap(z=np.round(100 * sheet).astype(int), zmin=0, zmax=100, showscale=False,
                   colorscale=[[0, "rgba(128,128,128,0.08)"], [1, COLOURS["A"]]],
                   hoverinfo="skip", name="ink"),
        layout([""], [{**still, "range": [-0.5, sheet.shape[1] - 0.5], "showticklabels": False}],
               [{**still, "range": [sheet.shape[0] - 0.5, -0.5], "scaleanchor": "x",
                 "scaleratio": 1, "ticktext": list(rows),
                 "tickvals": [step * i + (side - 1) / 2 for i in range(len(rows))]}], reading))
