"""The first hundred steps: four curves of one run, and the singular values of ΔW on the way.

Imports the NumPy core, plotly and the style.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import plotly.graph_objects as go

from lora_edu import STARTS, Adapter, initial, optimiser, scaling, teacher_student, train
from lora_edu.chapters.shared.style import COLOURS, ZeroLogAxis, curve, heading, layout
from lora_edu.explore.words import number, short

SIDE, STEPS = 32, 100
SHOWN = (*range(13), *range(16, STEPS + 1, 6))  # every step first, then every sixth
OPTIMISERS = ("SGD", "Momentum", "Adam")


@cache
def problem():
    """A 32 × 32 regression whose target shift has rank 4."""
    return teacher_student(SIDE, SIDE, n=256, shift_rank=4, spectrum=0.5,
                           rng=np.random.default_rng(0))


def run(r: int, alpha: float, start: str, optimiser_name: str, lr: float, steps: int = STEPS):
    """The History of one run; one that diverges ends early."""
    A, B = initial(SIDE, SIDE, r, start, rng=np.random.default_rng(1))
    return train(problem(), Adapter(A, B, scaling(r, alpha)), optimiser(optimiser_name, lr=lr),
                 steps, allow_divergence=True)


def hundred_steps(r: int = 8, alpha: float = 16, start: str = STARTS[0], optimiser: str = "Adam",
                  lr: float = 0.01) -> go.Figure:
    """‖∇A‖, ‖∇B‖, ‖ΔW‖ (left, log scale) and the loss (right) over a hundred steps."""
    history = run(r, alpha, start, optimiser, lr)
    frozen = problem().loss(problem().W0)
    shown = [step for step in SHOWN if step < usable(history)]
    x = np.sqrt(shown)  # the first steps get more room
    scale = ZeroLogAxis(-9, 3, every=3)
    traces = []
    for quantity, values in (("A", history.grad_A_norm), ("B", history.grad_B_norm),
                             ("delta", history.delta_norm)):
        values = values[shown]
        marks = {"A": 7, "B": 9, "delta": 14}[quantity]
        traces.append(curve(quantity, x, scale.place(values), values=values, text=shown,
                               sizes=[marks if value == 0 else 0 for value in values],
                               symbols="diamond-open" if quantity == "delta" else None,
                               hovertemplate="step %{text}: %{customdata:.3g}<extra></extra>"))
    loss = np.minimum(history.loss[shown], 2 * frozen)
    traces.append(curve("loss", x, loss, panel=2, values=history.loss[shown], mode="lines",
                           text=shown,
                           hovertemplate="step %{text}: %{customdata:.3g}<extra></extra>"))
    traces.append(go.Scatter(
        x=[0, STEPS**0.5], y=[frozen, frozen], xaxis="x2", yaxis="y2", mode="lines",
        hoverinfo="skip", name="frozen model",
        line={"color": COLOURS["frozen"], "dash": "dash", "width": 1.5}))
    ticks = (0, 1, 2, 5, 10, 20, 50, 100)
    xaxis = {"range": [-0.4, STEPS**0.5 + 0.2], "tickvals": np.sqrt(ticks).round(4).tolist(),
             "ticktext": [str(tick) for tick in ticks], "title": {"text": "step"}}
    return go.Figure(traces, layout(
        [heading("A", "B", "delta", text="   (log scale)"), heading("loss")], [xaxis, xaxis],
        [scale.axis(), {"range": [0, 2.05 * frozen]}],
        _reading(r, alpha, start, optimiser, lr, history)))


def usable(history) -> int:
    """How many records to draw: all, or those before the loss is a million times its start."""
    lost = np.flatnonzero(history.loss > 1e6 * history.loss[0])
    return int(lost[0]) if lost.size else len(history.loss)


def _reading(r, alpha, start, optimiser_name, lr, history) -> str:
    last = usable(history) - 1
    if last < STEPS:
        end = f"diverges: the loss is a million times its start after step {last}"
    else:
        end = f"loss {number(history.loss[0])} → {number(history.loss[last])}"
    awake = np.flatnonzero(history.grad_A_norm > 0)
    wakes = f"∇A first non-zero after step {awake[0]}" if awake.size else "∇A never wakes"
    return (f"{optimiser_name}, η = {short(lr)}, r = {r}, α = {alpha:g}, {start}: {wakes} · {end} "
            f"· ‖ΔW‖ ends at {number(history.delta_norm[last])}")


@cache
def spectrum_path(optimiser_name: str, lr: float, r: int, steps: int = 60) -> np.ndarray:
    """Singular values of ΔW at steps 0 … steps, (steps + 1, r), from the paper's start, s = 2."""
    A, B = initial(SIDE, SIDE, r, rng=np.random.default_rng(1))
    adapter, state, rule = Adapter(A, B, 2.0), None, optimiser(optimiser_name, lr=lr)
    path = []
    for _ in range(steps + 1):
        path.append(np.linalg.svd(adapter.delta(), compute_uv=False)[:r])
        grads = adapter.gradients(problem().gradient(adapter.merge(problem().W0)))
        params = [adapter.A, adapter.B]
        state = rule.init(params) if state is None else state
        (A, B), state = rule.step(params, list(grads), state)
        adapter = Adapter(A, B, adapter.scaling)
    return np.array(path)


def spectrum(r: int = 8, optimiser: str = "SGD") -> go.Figure:
    """The singular values of ΔW over sixty steps; dashed, those of the target shift."""
    lr = {"SGD": 0.1, "Momentum": 0.02, "Adam": 0.01}[optimiser]
    path = spectrum_path(optimiser, lr, r)
    target = np.linalg.svd(problem().W_star - problem().W0, compute_uv=False)[:4]
    steps = np.arange(len(path))
    figure = go.Figure([curve("delta", steps, path[:, i].round(6), mode="lines", name=f"σ{i + 1}",
                              hovertemplate=f"σ{i + 1} at step %{{x}}: %{{y:.3g}}<extra></extra>")
                        for i in range(r)])
    for value in target:
        figure.add_trace(go.Scatter(
            x=[0, steps[-1]], y=[value, value], mode="lines", hoverinfo="skip",
            line={"color": COLOURS["frozen"], "dash": "dash", "width": 1.2}))
    top = " · ".join(f"σ{'₁₂₃₄₅'[i]} = {number(s) if s > 1e-12 else '0 to rounding'}"
                     for i, s in enumerate(path[-1][:5]))
    figure.update_layout(layout(
        [f'<span style="color:{COLOURS["delta"]}">━ σᵢ of ΔW</span>   '
         f'<span style="color:{COLOURS["frozen"]}">┅ σᵢ of the target shift</span>'],
        [{"range": [0, steps[-1]], "title": {"text": "step"}}], [{"range": [-0.02, 0.8]}],
        f"{optimiser}, r = {r}, after {steps[-1]} steps: {top}"))
    return figure
