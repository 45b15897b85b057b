"""The dashboard for teaching: one run's settings, seen over its steps and against the rank.

Imports the NumPy core, plotly, the style and two chapters' figures: their task and their rules.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import plotly.graph_objects as go

from lora_edu import STARTS, scaling, sweep
from lora_edu.chapters.divide_by_r.growth import FORMULAS, RULE_COLOURS, RULE_MARKS, RULES, legend
from lora_edu.chapters.hundred_steps.figures import problem
from lora_edu.chapters.shared.style import COLOURS, ZeroLogAxis, curve, heading, layout
from lora_edu.explore.words import number, short

RANKS = (1, 4, 16, 64)
ALPHAS = [4, 16, 64]
RATES = [0.003, 0.03]
OPTIMISERS = ("SGD", "Adam")
STEPS = 100
SHOWN = (0, 1, 2, 3, 5, 10, 20, 35, 60, 100)
VIEWS = ("over the steps", "one step, against r")
QUANTITIES = {"A": "grad_A_norm", "B": "grad_B_norm", "delta": "delta_norm"}
TICKS = (0, 1, 5, 20, 50, 100)
FAR = 1e3  # what lies further off is drawn at this distance, outside the axes
LARGE = 16  # px of the panels' titles


@cache
def runs(optimiser: str, rule: str):
    """The Sweep of all runs of the dashboard: axes (r, alpha, lr, start), one seed."""
    return sweep(problem(), r=RANKS, alpha=ALPHAS, lr=RATES, start=STARTS[:4], seed=1,
                 steps=STEPS, optimiser=optimiser, rule=RULES[rule]).select(seed=1)


def dashboard(r: int = 4, alpha: float = 16, start: str = STARTS[0], optimiser: str = "Adam",
              rule: str = "LoRA", lr: float = 0.003, view: str = VIEWS[0]) -> go.Figure:
    """Two panels of the run with these settings: norms, and the loss beside the useful part."""
    if view == VIEWS[0]:
        return _over_steps(r, alpha, start, optimiser, rule, lr)
    return _against_rank(r, alpha, start, optimiser, rule, lr)


def frozen_loss() -> float:
    """The loss before training, the unit of losses and useful parts here."""
    return problem().loss(problem().W0)


def least_loss(r: int) -> float:
    """The least loss that a ΔW of rank r can leave, in units of the frozen model's.

    The loss of ΔW is half the squared norm of (ΔW − shift)·L with covariance = L·Lᵀ, so by Eckart
    and Young it is at least the squares of the singular values of shift·L beyond the r-th.
    """
    task = problem()
    root = np.linalg.cholesky(task.covariance)
    squares = np.linalg.svd((task.W_star - task.W0) @ root, compute_uv=False) ** 2
    return float(squares[r:].sum() / squares.sum())


def one_run(r, alpha, start, optimiser, rule, lr):
    """The Sweep of one run: arrays of the steps 0 … STEPS, inf where it ran off."""
    return runs(optimiser, rule).select(r=r, alpha=alpha, lr=lr, start=start)


def _over_steps(*settings) -> go.Figure:
    """Left: the three norms, log scale. Right: the loss, and the useful part of ΔW."""
    run, scale = one_run(*settings), ZeroLogAxis(-6, 3, every=3)
    shown = [step for step in SHOWN if run.delta_norm[step] < 1e30 and run.loss[step] < 1e30]
    x, traces = np.sqrt(shown), []
    for quantity, name in QUANTITIES.items():
        values = getattr(run, name)[shown]
        traces.append(curve(quantity, x, scale.place(values), values=values, text=shown,
                            sizes=[{"A": 12, "B": 15, "delta": 22}[quantity]
                                   if step < 2 or value == 0 else 0
                                   for step, value in zip(shown, values, strict=True)],
                            symbols="diamond-open" if quantity == "delta" else None,
                            hovertemplate="step %{text}: %{customdata:.3g}<extra></extra>"))
    for quantity, values, dash in (("loss", run.loss, "solid"), ("delta", run.useful, "dash")):
        values = np.clip(values[shown] / frozen_loss(), -FAR, FAR)
        traces.append(curve(quantity, x, values, panel=2, text=shown, mode="lines", dash=dash,
                            name="loss" if quantity == "loss" else "useful part",
                            line={"color": COLOURS[quantity], "width": 4, "dash": dash},
                            hovertemplate="step %{text}: %{y:.3g}<extra></extra>"))
    traces.append(go.Scatter(
        x=[0, STEPS**0.5], y=[1, 1], xaxis="x2", yaxis="y2", mode="lines", hoverinfo="skip",
        name="frozen model", line={"color": COLOURS["frozen"], "dash": "dot", "width": 2}))
    xaxis = {"range": [-0.5, STEPS**0.5 + 0.4], "tickvals": np.sqrt(TICKS).round(4).tolist(),
             "ticktext": [str(tick) for tick in TICKS], "title": {"text": "step"}}
    useful = f'<span style="color:{COLOURS["delta"]}">┅ useful part</span>'
    return _figure(traces, [heading(*QUANTITIES), heading("loss") + "   " + useful],
                   [xaxis, xaxis], [scale.axis(), {"range": [-0.15, 2.3]}], _says_steps(*settings))


def _against_rank(r, *others) -> go.Figure:
    """‖ΔW‖ (left) and its useful part (right) after one step; the chosen rule in front."""
    alpha, start, optimiser, rule, lr = others
    scale, traces = ZeroLogAxis(-3, 3), []
    for panel, quantity in enumerate(("delta_norm", "useful"), start=1):
        for name in [other for other in RULES if other != rule] + [rule]:
            values = ranks_of(quantity, alpha, start, optimiser, name, lr)
            traces.append(curve(
                "delta", np.log2(RANKS), scale.place(np.maximum(values, 0)), panel=panel,
                values=values, name=name, opacity=1.0 if name == rule else 0.35,
                line={"color": RULE_COLOURS[name], "width": 4},
                marker={"symbol": RULE_MARKS[name], "size": 12, "color": RULE_COLOURS[name]}))
        here = values[RANKS.index(r)]  # of the chosen rule, which came last
        traces.append(go.Scatter(
            x=[np.log2(r)], y=scale.place(max(here, 0)), mode="markers", hoverinfo="skip",
            name="this run",
            xaxis=f"x{panel}" if panel > 1 else "x", yaxis=f"y{panel}" if panel > 1 else "y",
            marker={"symbol": "square-open", "size": 26, "color": COLOURS["B"],
                    "line": {"width": 3}}))
    xaxis = {"range": [-0.4, 6.4], "tickvals": np.log2(RANKS).tolist(),
             "ticktext": [str(rank) for rank in RANKS], "title": {"text": "r"}}
    yaxis = scale.axis()
    below = {**yaxis, "ticktext": ["≤ 0", *yaxis["ticktext"][1:]]}
    return _figure(traces, ["‖ΔW‖,  s =  " + legend(), "useful part"], [xaxis, xaxis],
                   [yaxis, below],
                   _says_ranks(r, *others))


def ranks_of(quantity, alpha, start, optimiser, rule, lr) -> np.ndarray:
    """A quantity after one step, (ranks,), in units of A random, B zero at r = 1."""
    grid = getattr(runs(optimiser, rule).select(alpha=alpha, lr=lr), quantity)[..., 1]
    return grid[:, STARTS.index(start)] / grid[0, 0]


def _figure(traces, titles, xaxes, yaxes, said: str) -> go.Figure:
    """The two panels with large titles."""
    made = layout(titles, xaxes, yaxes, said)
    for note in made["annotations"]:
        note["font"] = {"size": LARGE}
    return go.Figure(traces, made)


def _set_up(r, alpha, start, optimiser, rule, lr) -> str:
    s = scaling(r, alpha, RULES[rule])
    return f"{optimiser}, η = {short(lr)}, r = {r}, s = {FORMULAS[rule]} = {short(s)}, {start}"


def _says_steps(*settings) -> str:
    run = one_run(*settings)

    def pair(values):
        return f"{number(values[0])} → {number(values[1])}"

    return (f"{_set_up(*settings)}. In one step ‖∇A‖ {pair(run.grad_A_norm)}, ‖∇B‖ "
            f"{pair(run.grad_B_norm)}, ‖ΔW‖ {pair(run.delta_norm)}; "
            f"{_end(settings[0], run.loss)}.")


def _end(r, loss) -> str:
    if not np.isfinite(loss[-1]):
        return "the run flies apart"
    if loss[-1] >= loss[0]:
        return "the loss does not fall"
    left, least = loss[-1] / frozen_loss(), least_loss(r)
    end = f"in {STEPS} steps the loss falls to {number(left)} of the frozen model's"
    return end + (f" (rank {r} can leave {number(least)}, not less)" if least > 1e-6 else "")


def _says_ranks(r, *others) -> str:
    parts = []
    for label, quantity in (("‖ΔW‖", "delta_norm"), ("useful part", "useful")):
        values = ranks_of(quantity, *others)
        parts.append(f"{label} × " + ", ".join(number(value) for value in values))
    return (f"{_set_up(r, *others)}. After one step, for r = {', '.join(map(str, RANKS))}: "
            f"{'; '.join(parts)} (of the paper's start at r = 1).")
