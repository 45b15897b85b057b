"""The digits, upright and turned. Imports the digits (scikit-learn), plotly and the style."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from lora_edu import digits
from lora_edu.figures.style import COLOURS, layout

SIDE, GAP = digits.SIDE, 2


def pictures(angles=(0, 45, 90)) -> go.Figure:
    """The first training picture of each digit, a row an angle, darker where there is more ink."""
    labels = digits.load().y_train
    chosen = [int(np.flatnonzero(labels == digit)[0]) for digit in range(digits.CLASSES)]
    step = SIDE + GAP
    sheet = np.zeros((len(angles) * step - GAP, len(chosen) * step - GAP))
    for i, angle in enumerate(angles):
        for j, row in enumerate(digits.load(angle).X_train[chosen]):
            sheet[i * step:i * step + SIDE, j * step:j * step + SIDE] = row.reshape(SIDE, SIDE)
    bare = {"ticks": "", "showgrid": False, "constrain": "domain"}
    return go.Figure(
        go.Heatmap(z=np.round(100 * sheet).astype(int), zmin=0, zmax=100, showscale=False,
                   colorscale=[[0, "rgba(128,128,128,0.08)"], [1, COLOURS["A"]]],
                   hoverinfo="skip", name="ink"),
        layout([""], [{**bare, "range": [-0.5, sheet.shape[1] - 0.5], "showticklabels": False}],
               [{**bare, "range": [sheet.shape[0] - 0.5, -0.5], "scaleanchor": "x",
                 "scaleratio": 1,
                 "tickvals": [i * step + (SIDE - 1) / 2 for i in range(len(angles))],
                 "ticktext": [f"{angle}°" for angle in angles]}],
               f"The digits 0 to 9, a row an angle: {', '.join(f'{one}°' for one in angles)}"))
