"""How an update grows with r under the three rules for s.

Imports the NumPy core, plotly and the style.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import plotly.graph_objects as go

from lora_edu import STARTS, sweep, teacher_student
from lora_edu.chapters.shared.style import COLOURS, curve, layout, power_ticks
from lora_edu.explore.words import signed

SIDE = 64
RANKS = tuple(2**i for i in range(9))
STEPS = (1, 3, 10, 30, 100)
RULES = {"unscaled": "none", "rsLoRA": "rslora", "LoRA": "lora"}
FORMULAS = {"unscaled": "α", "rsLoRA": "α/√r", "LoRA": "α/r"}
RULE_COLOURS = {"unscaled": COLOURS["B"], "rsLoRA": COLOURS["A"], "LoRA": COLOURS["delta"]}
RULE_MARKS = {"unscaled": "square", "rsLoRA": "circle", "LoRA": "diamond"}
LRS = {"SGD": 0.003, "Adam": 1e-4}
SEEDS = tuple(range(8))


@cache
def problem():
    """A 64 × 64 regression of full target rank, its inputs' variances falling like 1/i."""
    return teacher_student(SIDE, SIDE, n=512, spectrum=1.0, rng=np.random.default_rng(0))


@cache
def growth_runs(rule: str, optimiser_name: str):
    """The Sweep over RANKS and SEEDS with s = 1 at r = 1: axes (r, seed)."""
    return sweep(problem(), r=RANKS, alpha=1.0, lr=LRS[optimiser_name], seed=SEEDS,
                 steps=max(STEPS), optimiser=optimiser_name, rule=RULES[rule]
                 ).select(alpha=1.0, lr=LRS[optimiser_name], start=STARTS[0])


def exponent(ranks, values) -> tuple[float, float]:
    """The slope of log values in log ranks, mean over seeds and its standard error.

    values: (ranks, seeds), positive. Each seed's slope is fitted by least squares.
    """
    slopes = np.polyfit(np.log(ranks), np.log(values), 1)[0]  # one a seed
    return float(slopes.mean()), float(slopes.std(ddof=1) / np.sqrt(len(slopes)))


def growth(optimiser: str = "Adam", rule: str = "LoRA", step: int = 1) -> go.Figure:
    """‖ΔW‖ (left) and the useful part −⟨ΔW, G⟩ (right) against r, after ``step`` steps."""
    traces = []
    for panel, quantity in ((1, "delta_norm"), (2, "useful")):
        for name in [other for other in RULES if other != rule] + [rule]:
            values = getattr(growth_runs(name, optimiser), quantity)[..., step]  # (ranks, seeds)
            traces += _lines(name, values, panel, chosen=name == rule)
    ticks = {"type": "log", "tickvals": list(RANKS[::2]),
             "ticktext": [str(r) for r in RANKS[::2]], "range": [-0.12, np.log10(256) + 0.12],
             "title": {"text": "r"}}
    bounds = _bounds(optimiser)
    return go.Figure(traces, layout(
        ["‖ΔW‖,  s =  " + legend(), "useful part −⟨ΔW, G⟩"], [ticks, ticks],
        [{**power_ticks(-8, 2, every=2), "range": bounds["delta_norm"]},
         {**power_ticks(-8, 2, every=2), "range": bounds["useful"]}],
        _growth_reading(optimiser, rule, step)))


def _lines(name: str, values: np.ndarray, panel: int, chosen: bool) -> list[go.Scatter]:
    """The median over seeds as a line with marks, and for the chosen rule all seeds as dots."""
    colour = RULE_COLOURS[name]
    line = curve("delta", RANKS, np.median(values, axis=1), panel=panel, name=name,
                 opacity=1.0 if chosen else 0.35, line={"color": colour, "width": 3},
                 marker={"symbol": RULE_MARKS[name], "size": 9, "color": colour})
    if not chosen:
        return [line]
    dots = curve("delta", np.repeat(RANKS, values.shape[1]), values.ravel(), panel=panel,
                 mode="markers", name="each seed", hoverinfo="skip", hovertemplate=None,
                 opacity=0.6, marker={"symbol": "circle", "size": 4, "color": colour})
    return [dots, line]


@cache
def _bounds(optimiser_name: str) -> dict[str, list[float]]:
    """Axis ranges (log 10) that hold every rule and every step."""
    ranges = {}
    for quantity in ("delta_norm", "useful"):
        values = np.array([getattr(growth_runs(rule, optimiser_name), quantity)[..., STEPS]
                           for rule in RULES])
        low, high = np.log10(values.min()) - 0.2, np.log10(values.max()) + 0.3
        ranges[quantity] = [float(low), float(high)]
    return ranges


def legend() -> str:
    """The three rules with their colours and marks."""
    marks = {"square": "■", "circle": "●", "diamond": "◆"}
    return "   ".join(f'<span style="color:{RULE_COLOURS[rule]}">{marks[RULE_MARKS[rule]]} '
                      f"{FORMULAS[rule]}</span>" for rule in RULES)


def _growth_reading(optimiser_name: str, rule: str, step: int) -> str:
    runs, few = growth_runs(rule, optimiser_name), RANKS.index(8) + 1
    parts = []
    for label, quantity in (("‖ΔW‖", "delta_norm"), ("useful part", "useful")):
        values = getattr(runs, quantity)[..., step]
        low, high = (exponent(*part)[0] for part in ((RANKS[:few], values[:few]),
                                                     (RANKS[-4:], values[-4:])))
        parts.append(f"{label}: {signed(low)} for r ≤ 8, {signed(high)} for r ≥ 32")
    return (f"{optimiser_name}, s = {FORMULAS[rule]}, after {step} step{'s' if step > 1 else ''}, "
            f"powers of r · {' · '.join(parts)}")
