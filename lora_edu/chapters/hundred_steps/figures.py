"""The first hundred steps: four curves of one run, and the singular values of ΔW on the way."""

from __future__ import annotations

import numpy as np

from lora_edu import STARTS
from lora_edu.chapters.hundred_steps.runs import OPTIMISERS, STEPS, problem, run, spectrum_path
from lora_edu.chapters.shared.style import (
    ZeroLogAxis,
    coloured,
    curve,
    figure,
    heading,
    layout,
    level,
)
from lora_edu.explore.words import number, short

SHOWN = (*range(13), *range(16, STEPS + 1, 6))  # every step first, then every sixth
STEP_TICKS = (0, 1, 5, 10, 20, 50, 100)


def first_steps(last: int = 6) -> dict:
    """‖∇A‖ and ‖∇B‖ after each of the first steps of Adam from the paper's start."""
    history, steps = run(8, 16, STARTS[0], "Adam", 0.01), np.arange(last + 1)
    scale = ZeroLogAxis(-2, 1)
    traces = [curve(quantity, steps, scale.place(values[steps]), values=values[steps])
              for quantity, values in (("A", history.grad_A_norm), ("B", history.grad_B_norm))]
    return figure(traces, layout(
        [heading("A", "B", text="   (log scale)")],
        [{"range": [-0.3, last + 0.3], "dtick": 1, "title": {"text": "step"}}], [scale.axis()],
        f"Adam, A random, B zero. ‖∇A‖ is {number(history.grad_A_norm[0])} at the start and "
        f"{number(history.grad_A_norm[1])} after one step; ‖∇B‖ is "
        f"{number(history.grad_B_norm[0])} at the start"))


def hundred_steps(r: int = 8, alpha: float = 16, start: str = STARTS[0], optimiser: str = "Adam",
                  lr: float = 0.01) -> dict:
    """‖∇A‖, ‖∇B‖, ‖ΔW‖ (left, log scale) and the loss (right) over a hundred steps."""
    history = run(r, alpha, start, optimiser, lr)
    frozen = problem().loss(problem().W0)
    shown = [step for step in SHOWN if step < usable(history)]
    x = np.sqrt(shown)  # the first steps get more room
    scale = ZeroLogAxis(-9, 3, every=3)
    hover = "step %{text}: %{customdata:.3g}<extra></extra>"
    traces = []
    for quantity, values, size in (("A", history.grad_A_norm, 7), ("B", history.grad_B_norm, 9),
                                   ("delta", history.delta_norm, 14)):
        values = values[shown]
        traces.append(curve(quantity, x, scale.place(values), values=values, text=shown,
                            sizes=[size if value == 0 else 0 for value in values],
                            symbols="diamond-open" if quantity == "delta" else None,
                            hovertemplate=hover))
    loss = history.loss[shown]
    traces.append(curve("loss", x, np.minimum(loss, 2 * frozen), panel=2, values=loss,
                        mode="lines", text=shown, hovertemplate=hover))
    traces.append(level(frozen, [0, STEPS**0.5], panel=2, name="frozen model"))
    xaxis = {"range": [-0.4, STEPS**0.5 + 0.2], "tickvals": np.sqrt(STEP_TICKS).round(4).tolist(),
             "ticktext": [str(tick) for tick in STEP_TICKS], "title": {"text": "step"}}
    return figure(traces, layout(
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


def spectrum(r: int = 8, optimiser: str = OPTIMISERS[0]) -> dict:
    """The singular values of ΔW over sixty steps; dashed, those of the target shift."""
    path = spectrum_path(optimiser, r)
    target = np.linalg.svd(problem().W_star - problem().W0, compute_uv=False)[:4]
    steps = np.arange(len(path))
    traces = [curve("delta", steps, path[:, i].round(6), mode="lines", name=f"σ{i + 1}",
                    hovertemplate=f"σ{i + 1} at step %{{x}}: %{{y:.3g}}<extra></extra>")
              for i in range(r)]
    traces += [level(value, [0, steps[-1]], width=1.2) for value in target]
    top = " · ".join(f"σ{'₁₂₃₄₅'[i]} = {number(s) if s > 1e-12 else '0 to rounding'}"
                     for i, s in enumerate(path[-1][:5]))
    return figure(traces, layout(
        [coloured("━ σᵢ of ΔW", "delta") + "   " + coloured("┅ σᵢ of the target shift", "frozen")],
        [{"range": [0, steps[-1]], "title": {"text": "step"}}], [{"range": [-0.02, 0.8]}],
        f"{optimiser}, r = {r}, after {steps[-1]} steps: {top}"))
