"""What a larger α is worth in learning rate when A's start stays as it is.

Imports the NumPy core, plotly and the style.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import plotly.graph_objects as go

from lora_edu import Adam, initial
from lora_edu.chapters.shared.style import COLOURS, curve, layout, power_ticks

SIDE, R, STEPS = 32, 8, 50
RATES = np.logspace(-5.5, 1, 53)


@cache
def useful_parts(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(−⟨BA, G⟩, ‖A − A0‖ / ‖A0‖) after STEPS steps of Adam for each of RATES, under a constant G.

    With a constant G and a negligible ε the path of A and B does not depend on the scale, so
    the useful part of ΔW = s·BA is s times the first of the two.
    """
    rng = np.random.default_rng(seed)
    A0, B0 = initial(SIDE, SIDE, R, rng=rng)
    G = rng.normal(size=(SIDE, SIDE))
    useful, moved = [], []
    for lr in RATES:
        rule, A, B = Adam(lr=float(lr), eps=1e-30), A0, B0
        state = rule.init([A, B])
        for _ in range(STEPS):
            (A, B), state = rule.step([A, B], [B.T @ G, G @ A.T], state)
        useful.append(-np.vdot(B @ A, G))
        moved.append(np.linalg.norm(A - A0) / np.linalg.norm(A0))
    return np.array(useful), np.array(moved)


def worth(factor: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(‖A − A0‖/‖A0‖, μ): α × factor has the useful part of η × μ, as far as RATES reach."""
    useful, moved = useful_parts(seed)
    logs, rates = np.log(useful), np.log(RATES)
    inside = logs + np.log(factor) <= logs[-1]
    m = np.exp(np.interp(logs[inside] + np.log(factor), logs, rates) - rates[inside])
    return moved[inside], m


def slide(factor: int = 16) -> go.Figure:
    """μ against how far A has moved from its start; dashed, the two ends."""
    moved, m = worth(factor)
    traces = [curve("A", moved, np.log2(m), mode="lines", name="μ", values=m,
                    line={"color": COLOURS["A"], "width": 4},
                    hovertemplate="A moved by %{x:.2g} of its start: μ = %{customdata:.3g}"
                                  "<extra></extra>")]
    for end in (factor, factor**0.5):
        traces.append(go.Scatter(
            x=[1e-4, 1e3], y=np.log2([end, end]), mode="lines", hoverinfo="skip",
            line={"color": COLOURS["frozen"], "dash": "dash", "width": 1.5}))
    at = {where: float(np.exp(np.interp(np.log(where), np.log(moved), np.log(m))))
          for where in (0.01, 0.1, 1, 10)}
    said = " · ".join(f"A moved by {where:g} of its start: η × {value:.3g}"
                      for where, value in at.items())
    made = layout(
        [f'<span style="color:{COLOURS["A"]}">━ μ: α × {factor} acts like η × μ</span>'],
        [{**power_ticks(-3, 2), "range": [-3.2, 2.2],
          "title": {"text": "how far A has moved: ‖A − A₀‖ / ‖A₀‖"}}],
        [{"range": [-0.3, 6.4], "tickvals": list(range(7)),
          "ticktext": [str(2**e) for e in range(7)]}],
        f"α × {factor}: {said}")
    for end, text in ((factor, f"f = {factor}"), (factor**0.5, f"√f = {factor**0.5:g}")):
        made["annotations"].append({
            "text": text, "x": 1, "xref": "x domain", "y": float(np.log2(end)), "yref": "y",
            "xanchor": "right", "yanchor": "bottom", "showarrow": False,
            "font": {"color": COLOURS["frozen"]}})
    return go.Figure(traces, made)
