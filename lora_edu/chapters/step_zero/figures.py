"""The board: the five starting points at step zero and after one step.

Imports the NumPy core, plotly and the style. The problem is a teacher–student regression of
64 × 64 with decaying input spectrum; A and B are drawn with one standard deviation, so that the
two one-zero starts are mirror images.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import plotly.graph_objects as go

from lora_edu import STARTS, Adapter, initial, optimiser, scaling, teacher_student, train
from lora_edu.chapters.shared.style import COLOURS, ZeroLogAxis, curve, heading, layout
from lora_edu.explore.words import number

SIDE = 64
SIGMA = 1 / np.sqrt(3 * SIDE)  # PEFT's default spread of A at k = 64
LEARNING_RATE = {"SGD": 0.1, "Momentum": 0.1, "Adam": 0.003, "AdamW": 0.003}


@cache
def problem():
    """The regression that every figure of this chapter starts from."""
    return teacher_student(SIDE, SIDE, n=256, shift_rank=4, spectrum=1.0,
                           rng=np.random.default_rng(0))


def step_zero(r: int = 8, alpha: float = 16, start: str = STARTS[0], optimiser: str = "SGD"
              ) -> go.Figure:
    """The board: ‖∇A‖, ‖∇B‖, ‖ΔW‖ and the loss at step zero and after one step."""
    frozen = problem().loss(problem().W0)
    scale = ZeroLogAxis(-5, 3)
    top = 2 * frozen
    axes = {"tickvals": [0, 1], "ticktext": ["step 0", "after 1 step"], "range": [-0.22, 1.22]}
    axes = {**axes, "showgrid": False}
    loss_axis = {"range": [0, 1.08 * top]}
    titles = [heading("A", "B", "delta", text="   (log scale)"), heading("loss")]
    if start == "BA zero" and r == 1:
        return go.Figure(
            go.Scatter(x=[0.5], y=[-1], mode="text", text="needs r ≥ 2", hoverinfo="skip"),
            layout(titles, [axes, axes], [scale.axis(), loss_axis],
                   f"r = 1, α = {alpha:g}, {start}: not possible. The product of two vectors is "
                   "zero only if one of them is zero."))
    history = one_step(r, alpha, start, optimiser)
    norms = {"A": history.grad_A_norm, "B": history.grad_B_norm, "delta": history.delta_norm}
    traces = []
    for aside, (quantity, values) in zip((-0.04, 0.0, 0.04), norms.items(), strict=True):
        traces.append(curve(
            quantity, [aside, 1 + aside], scale.place(values), values=values,
            symbols=scale.symbols(quantity, values), dash="solid" if values.all() else "dot"))
    loss = history.loss
    off = loss > top
    traces.append(go.Scatter(
        x=[-0.22, 1.22], y=[frozen, frozen], mode="lines", name="frozen model", xaxis="x2",
        yaxis="y2", line={"color": COLOURS["frozen"], "dash": "dash", "width": 1.5},
        hovertemplate="frozen model = %{y:.3g}<extra></extra>"))
    traces.append(curve(
        "loss", [0, 1], np.minimum(loss, top), panel=2, values=loss, mode="lines+markers+text",
        text=[f"▲ {number(v)}" if out else number(v) for v, out in zip(loss, off, strict=True)],
        textposition=["bottom center" if out or value < frozen else "top center"
                      for out, value in zip(off, loss, strict=True)]))
    return go.Figure(traces, layout(titles, [axes, axes], [scale.axis(), loss_axis],
                                    _board_reading(r, alpha, start, history)))


def one_step(r: int, alpha: float, start: str, optimiser_name: str):
    """The History of one step from a starting point of the board."""
    A, B = initial(SIDE, SIDE, r, start, SIGMA, rng=np.random.default_rng(1))
    return train(problem(), Adapter(A, B, scaling(r, alpha)),
                 optimiser(optimiser_name, lr=LEARNING_RATE[optimiser_name]), 1)


def _board_reading(r, alpha, start, history) -> str:
    def pair(values):
        return f"{number(values[0])} → {number(values[1])}"

    return (f"r = {r}, α = {alpha:g}, {start}: ‖∇A‖ {pair(history.grad_A_norm)} · "
            f"‖∇B‖ {pair(history.grad_B_norm)} · ‖ΔW‖ {pair(history.delta_norm)} · "
            f"loss {pair(history.loss)}")
