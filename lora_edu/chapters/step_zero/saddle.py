"""Both zero is a saddle: how noise of size τ leaves it, and the saddle seen from above.

Imports the NumPy core, plotly, the style, and the problem of the step-zero board.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from lora_edu import Adapter, optimiser, scaling, train
from lora_edu.chapters.shared.style import COLOURS, ZeroLogAxis, curve, heading, layout
from lora_edu.chapters.step_zero.figures import LEARNING_RATE, SIDE, problem
from lora_edu.explore.words import number, short

R, ALPHA, STEPS = 8, 16, 150
TAUS = (0.0, 1e-16, 1e-14, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2)


def saddle(tau: float = 1e-8, optimiser: str = "SGD") -> go.Figure:
    """Both matrices start as noise of size τ: the loss and ‖ΔW‖ over the steps."""
    history = from_noise(tau, optimiser)
    escaped = escape_step(history)
    steps = np.arange(STEPS + 1)
    scale = ZeroLogAxis(-34, 1, every=4)
    frozen = problem().loss(problem().W0)
    plain = {"mode": "lines", "hovertemplate": "step %{x}: %{y:.3g}<extra></extra>"}
    traces = [
        curve("loss", steps, history.loss, **plain),
        curve("delta", steps, scale.place(history.delta_norm), panel=2, values=history.delta_norm,
              mode="lines", hovertemplate="step %{x}: %{customdata:.3g}<extra></extra>")]
    what = ("never leaves: loss and weights stay at the frozen model’s to the last bit"
            if escaped is None else f"leaves the plateau at step {escaped} (loss below 90 %)")
    xaxis = {"range": [0, STEPS], "title": {"text": "step"}}
    return go.Figure(traces, layout(
        [heading("loss"), heading("delta")], [xaxis, xaxis],
        [{"range": [0, 1.15 * frozen]}, scale.axis()],
        f"{optimiser}, noise τ = {short(tau)}: {what} · ‖ΔW‖ {number(history.delta_norm[0])} → "
        f"{number(history.delta_norm[-1])}"))


def from_noise(tau: float, optimiser_name: str, alpha: float = ALPHA, steps: int = STEPS,
               seed: int = 1, **settings):
    """The History of a run whose A and B start as N(0, τ²) noise, with r = 8.

    settings: of the optimiser, beside the board's learning rate.
    """
    rng = np.random.default_rng(seed)
    A, B = tau * rng.normal(size=(R, SIDE)), tau * rng.normal(size=(SIDE, R))
    rule = optimiser(optimiser_name, lr=LEARNING_RATE[optimiser_name], **settings)
    return train(problem(), Adapter(A, B, scaling(R, alpha)), rule, steps)


def escape_step(history) -> int | None:
    """The first step at which the loss is below 90 % of its start, None if there is none."""
    below = np.flatnonzero(history.loss < 0.9 * history.loss[0])
    return int(below[0]) if below.size else None


PLANE_STARTS = {  # (a, b) → the name of the start and where its label goes
    (0.9, 0.0): ("A random, B zero", "bottom center"),
    (0.0, 0.9): ("A zero, B random", "top left"),
    (-1.3, 0.4): ("both random", "middle right"),
    (0.03, -0.05): ("", "bottom center"),
}


def plane(lr: float = 0.05, steps: int = 400) -> go.Figure:
    """One number for A and one for B: gradient descent on (1 − ab)²/2, seen from above."""
    figure = go.Figure()
    t = np.geomspace(0.2, 8, 60)
    for c in (-2, -1, -0.4, 0.4, 2, 3):
        figure.add_traces([_hyperbola(c, t, COLOURS["frozen"], 0.8), _hyperbola(c, -t,
                          COLOURS["frozen"], 0.8)])
    figure.add_traces([_hyperbola(1, t, COLOURS["loss"], 3), _hyperbola(1, -t, COLOURS["loss"], 3)])
    for (a, b), (name, side) in PLANE_STARTS.items():
        path = descend(a, b, lr, steps)
        figure.add_trace(go.Scatter(
            x=path[:, 0], y=path[:, 1], mode="lines", name=name, hoverinfo="skip",
            line={"color": COLOURS["delta"], "width": 2.5}))
        figure.add_trace(go.Scatter(
            x=[a], y=[b], mode="markers+text", name=name, text=[name], textposition=side,
            marker={"size": 9, "color": COLOURS["delta"]}, hoverinfo="name"))
    figure.add_trace(go.Scatter(
        x=[0], y=[0], mode="markers", name="both zero", hoverinfo="name",
        marker={"size": 12, "symbol": "x", "color": COLOURS["B"]}))
    figure.add_trace(go.Scatter(x=[-0.5], y=[-0.55], mode="text", text=["  from noise"],
                                textposition="middle right", hoverinfo="skip"))
    axis = {"dtick": 1, "constrain": "domain"}
    figure.update_layout(layout(
        [f'<span style="color:{COLOURS["loss"]}">━ loss 0</span>   '
         f'<span style="color:{COLOURS["delta"]}">━ descent</span>   '
         f'<span style="color:{COLOURS["B"]}">✕ both zero</span>'],
        [{**axis, "range": [-1.8, 1.8], "title": {"text": "a (for A)"}}],
        [{**axis, "range": [-1.6, 1.6], "title": {"text": "b (for B)"}, "scaleanchor": "x"}],
        ""))
    return figure


def descend(a: float, b: float, lr: float, steps: int) -> np.ndarray:
    """The path (steps + 1, 2) of gradient descent on L(a, b) = (1 − ab)²/2."""
    path = [(a, b)]
    for _ in range(steps):
        error = 1 - a * b
        a, b = a + lr * error * b, b + lr * error * a
        path.append((a, b))
    return np.array(path)


def _hyperbola(c: float, t: np.ndarray, colour: str, width: float) -> go.Scatter:
    return go.Scatter(x=t, y=c / t, mode="lines", hoverinfo="skip",
                      line={"color": colour, "width": width})
