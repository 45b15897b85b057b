"""Chapter 3: the five starting points at step zero and after one step; the both-zero saddle.

Imports the NumPy core, plotly and the style. The problem is a teacher–student regression of
64 × 64 with decaying input spectrum; A and B are drawn with one standard deviation, so that the
two one-zero starts are mirror images.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import plotly.graph_objects as go

from lora_edu import STARTS, Adapter, initial, optimiser, scaling, teacher_student, train
from lora_edu.figures.style import COLOURS, ZeroLogAxis, curve, heading, layout, number

SIDE = 64
SIGMA = 1 / np.sqrt(3 * SIDE)  # PEFT's default spread of A at k = 64
LEARNING_RATE = {"SGD": 0.1, "Momentum": 0.1, "Adam": 0.003}


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
    titles = [heading("A", "B", "delta"), heading("loss")]
    if start == "BA zero" and r == 1:
        figure = go.Figure(layout=layout(
            titles, [axes, axes], [scale.axis(), loss_axis],
            f"r = 1, α = {alpha:g}, {start}: not possible. The product of two vectors is zero only "
            "if one of them is zero."))
        figure.add_scatter(x=[0.5], y=[-1], mode="text", text="needs r ≥ 2", hoverinfo="skip")
        return figure
    history = one_step(r, alpha, start, optimiser)
    norms = {"A": history.grad_A_norm, "B": history.grad_B_norm, "delta": history.delta_norm}
    figure = go.Figure()
    for aside, (quantity, values) in zip((-0.04, 0.0, 0.04), norms.items(), strict=True):
        figure.add_trace(curve(quantity, [aside, 1 + aside], scale.place(values), values=values,
                               symbols=scale.symbols(quantity, values)))
    loss = history.loss
    off = loss > top
    figure.add_trace(go.Scatter(
        x=[-0.22, 1.22], y=[frozen, frozen], mode="lines", name="frozen model", xaxis="x2",
        yaxis="y2", line={"color": COLOURS["frozen"], "dash": "dash", "width": 1.5},
        hovertemplate="frozen model = %{y:.3g}<extra></extra>"))
    figure.add_trace(curve(
        "loss", [0, 1], np.minimum(loss, top), panel=2, values=loss, mode="lines+markers+text",
        text=[f"▲ {number(v)}" if out else number(v) for v, out in zip(loss, off, strict=True)],
        textposition=["bottom center" if out else "top center" for out in off]))
    figure.update_layout(layout(
        titles, [axes, axes], [scale.axis(), loss_axis], _board_reading(r, alpha, start, history)))
    return figure


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


STEPS = 150
TAUS = (0.0, 1e-16, 1e-14, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2)


def saddle(tau: float = 1e-8, optimiser: str = "SGD") -> go.Figure:
    """Both matrices start as noise of size τ: the loss and ‖ΔW‖ over the steps."""
    history = from_noise(tau, optimiser)
    escaped = escape_step(history)
    steps = np.arange(STEPS + 1)
    scale = ZeroLogAxis(-34, 1, every=4)
    frozen = problem().loss(problem().W0)
    plain = {"mode": "lines", "hovertemplate": "step %{x}: %{y:.3g}<extra></extra>"}
    figure = go.Figure([
        curve("loss", steps, history.loss, **plain),
        curve("delta", steps, scale.place(history.delta_norm), panel=2, values=history.delta_norm,
              mode="lines", hovertemplate="step %{x}: %{customdata:.3g}<extra></extra>")])
    what = ("never leaves: loss and weights stay at the frozen model's to the last bit"
            if escaped is None else f"leaves the plateau at step {escaped} (loss below 90 %)")
    xaxis = {"range": [0, STEPS], "title": {"text": "step"}}
    figure.update_layout(layout(
        [heading("loss"), heading("delta")], [xaxis, xaxis],
        [{"range": [0, 1.15 * frozen]}, scale.axis()],
        f"{optimiser}, noise τ = {number(tau)}: {what} · ‖ΔW‖ {number(history.delta_norm[0])} → "
        f"{number(history.delta_norm[-1])}"))
    return figure


def from_noise(tau: float, optimiser_name: str, steps: int = STEPS):
    """The History of a run whose A and B start as N(0, τ²) noise (r = 8, α = 16)."""
    rng = np.random.default_rng(1)
    A, B = tau * rng.normal(size=(8, SIDE)), tau * rng.normal(size=(SIDE, 8))
    return train(problem(), Adapter(A, B, scaling(8, 16)),
                 optimiser(optimiser_name, lr=LEARNING_RATE[optimiser_name]), steps)


def escape_step(history) -> int | None:
    """The first step at which the loss is below 90 % of its start, None if there is none."""
    below = np.flatnonzero(history.loss < 0.9 * history.loss[0])
    return int(below[0]) if below.size else None
