"""The best learning rate against r under the three rules for s: predicted and measured.

Imports the NumPy core, plotly, the style and the figure of the growth with r.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import plotly.graph_objects as go

from lora_edu import STARTS, scaling, sweep, teacher_student
from lora_edu.chapters.divide_by_r.growth import (
    FORMULAS,
    RULE_COLOURS,
    RULE_MARKS,
    RULES,
    exponent,
    legend,
)
from lora_edu.chapters.shared.style import curve, layout, power_ticks
from lora_edu.explore.words import signed

SIDE, RANKS, SEEDS = 32, (2, 4, 8, 16, 32), tuple(range(5))
STEPS = [1, 30]
INPUTS = {"one direction": 3.0, "a few": 1.0, "all directions": 0.0}  # how the variances fall off
SPAN = {"Adam": (-3.5, 1.1), "SGD": (-1.6, 3.5)}  # log 10 of the rates tried


@cache
def problem(inputs: str):
    """A 32 × 32 regression whose inputs vary mostly in one direction, in a few, or in all."""
    return teacher_student(SIDE, SIDE, n=512, spectrum=INPUTS[inputs],
                           rng=np.random.default_rng(0))


def crossover(inputs: str, optimiser_name: str) -> float:
    """The rank r_c of the chapter's theorem: the best first η goes like 1/(s^p·(1 + (r − 1)/r_c)).

    Adam: (π/2)·d·tr C / Σᵢ ĝᵢᵀCĝᵢ, with ĝᵢ the rows of G at length 1. SGD: 2 + tr C·‖G‖²/tr(GCGᵀ).
    """
    task = problem(inputs)
    G, C = task.gradient(task.W0), task.covariance
    if optimiser_name == "SGD":
        return 2 + float(np.trace(C) * np.vdot(G, G) / np.vdot(G, G @ C))
    directions = G / np.linalg.norm(G, axis=1, keepdims=True)
    return float(np.pi / 2 * SIDE * np.trace(C) / np.vdot(directions, directions @ C))


def predicted(rule: str, optimiser_name: str, inputs: str) -> np.ndarray:
    """The η with the least expected loss after one step, (ranks,), A0 Gaussian of kaiming's σ."""
    task, sigma2 = problem(inputs), 1 / (3 * SIDE)
    G, C, r = task.gradient(task.W0), task.covariance, np.array(RANKS)
    s = np.array([scaling(rank, 1.0, RULES[rule]) for rank in RANKS])
    r_c, d = crossover(inputs, optimiser_name), SIDE
    if optimiser_name == "SGD":
        return np.vdot(G, G) / (s**2 * sigma2 * np.vdot(G, G @ C) * (r - 1 + r_c))
    rows = np.linalg.norm(G, axis=1).sum()
    top = np.sqrt(2 / (np.pi * sigma2)) * rows
    return top / (s * d * np.trace(C) * (1 + (r - 1) / r_c))


@cache
def losses(rule: str, optimiser_name: str, inputs: str):
    """(rates tried, losses): (rates,) and (ranks, rates, seeds, steps + 1)."""
    low, high = SPAN[optimiser_name]
    rates = tuple(float(x) for x in np.logspace(low, high, 1 + round((high - low) * 5)))
    runs = sweep(problem(inputs), r=RANKS, alpha=1.0, lr=rates, seed=SEEDS, steps=max(STEPS),
                 optimiser=optimiser_name, rule=RULES[rule])
    return np.array(rates), runs.select(alpha=1.0, start=STARTS[0]).loss


def best_rates(rule: str, optimiser_name: str, inputs: str, steps: int) -> np.ndarray:
    """The learning rate with the lowest loss after ``steps`` steps, (ranks, seeds)."""
    rates, found = losses(rule, optimiser_name, inputs)
    return np.array([[bottom(np.log(rates), np.log(found[i, :, j, steps]))
                      for j in range(len(SEEDS))] for i in range(len(RANKS))])


def bottom(x: np.ndarray, y: np.ndarray) -> float:
    """exp of where y is least, by the parabola through the lowest three points; x is even.

    Raises ValueError where the least y is at an edge: then the minimum was not among the x.
    """
    at = int(np.argmin(y))
    if at in (0, len(x) - 1):
        raise ValueError(f"the best rate lies at the edge of those tried, {np.exp(x[at]):g}")
    left, middle, right = y[at - 1:at + 2]
    if not np.isfinite(left + right):
        return float(np.exp(x[at]))
    return float(np.exp(x[at] + 0.5 * (x[1] - x[0]) * (left - right) / (left - 2 * middle + right)))


def best_rate(optimiser: str = "Adam", inputs: str = "one direction", steps: int = 1) -> go.Figure:
    """The best learning rate against r; crosses, the theorem's for one step."""
    traces, slopes = [], []
    for rule in RULES:
        values = best_rates(rule, optimiser, inputs, steps)
        theory = predicted(rule, optimiser, inputs) if steps == 1 else []
        traces += _rule_lines(rule, values, theory)
        mean, error = exponent(RANKS, values)
        slopes.append(f"{FORMULAS[rule]}: {signed(mean)} (± {error:.2f})")
    ranks = {"type": "log", "tickvals": list(RANKS),
             "ticktext": [str(r) for r in RANKS], "title": {"text": "r"},
             "range": [np.log10(2) - 0.1, np.log10(32) + 0.1]}
    return go.Figure(traces, layout(
        ["best η,  s =  " + legend() + "   ✕ theorem"], [ranks],
        [{**power_ticks(-4, 4), "range": list(SPAN[optimiser])}],
        f"{optimiser}, {steps} step{'s' * (steps > 1)}, crossover rank "
        f"{crossover(inputs, optimiser):.1f}: the best η goes with these powers of r · "
        f"{' · '.join(slopes)}"))


def _rule_lines(rule: str, values: np.ndarray, theory) -> list[go.Scatter]:
    colour = RULE_COLOURS[rule]
    dots = curve("delta", np.repeat(RANKS, values.shape[1]), values.ravel(), mode="markers",
                 name="each seed", hoverinfo="skip", hovertemplate=None,
                 marker={"symbol": "circle", "size": 4, "color": colour})
    line = curve("delta", RANKS, np.exp(np.log(values).mean(axis=1)), name=rule,
                 line={"color": colour, "width": 3},
                 marker={"symbol": RULE_MARKS[rule], "size": 10, "color": colour})
    crosses = curve("delta", RANKS[:len(theory)], theory, mode="markers", name=f"{rule}, theorem",
                    marker={"symbol": "x-thin-open", "size": 13, "color": colour,
                            "line": {"width": 2.5}})
    return [dots, line, crosses]
