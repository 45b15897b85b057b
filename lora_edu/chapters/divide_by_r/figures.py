"""The figures of the chapter Why divide by r: how an update grows with r, and the best rate."""

from __future__ import annotations

from functools import cache

import numpy as np

from lora_edu.chapters.divide_by_r import runs_growth, runs_rate
from lora_edu.chapters.shared.fits import exponent
from lora_edu.chapters.shared.looks import BESIDE, named_ticks, said, seeds, steps_done
from lora_edu.chapters.shared.scale_rules import FORMULAS, SCALE_LOOKS, SCALE_RULES, scale_legend
from lora_edu.chapters.shared.style import (
    coloured,
    curve,
    figure,
    layout,
    line,
    marks,
    power_ticks,
)
from lora_edu.explore.words import signed


def two_sums(r: int = 16, walks: int = 4) -> dict:
    """A sum of r arrows of length one: all in one direction, and each in a direction of its own."""
    turns = np.random.default_rng(0).uniform(0, 2 * np.pi, (walks, r))
    paths = np.cumsum(np.stack([np.cos(turns), np.sin(turns)]), axis=2)  # (2, walks, r)
    lengths = np.hypot(*paths[..., -1])
    x, y = np.concatenate([np.zeros((2, walks, 1)), paths], axis=2)
    arc = np.linspace(-1, 1, 61) * np.pi
    traces = [line(np.sqrt(r) * np.cos(arc), np.sqrt(r) * np.sin(arc), "frozen", width=1.5,
                   dash="dash", name="√r")]
    traces += [line(*walk, "B", width=1.5, name="unrelated") for walk in zip(x, y, strict=True)]
    traces.append(marks(x[:, -1], y[:, -1], "B", "square", 10, name="their sums"))
    traces.append(curve("delta", np.arange(r + 1), np.zeros(r + 1), name="one direction", sizes=7,
                        hovertemplate=None))
    tall = 1.1 * max(np.sqrt(r), np.abs(y).max())
    still = {"constrain": "domain"}
    return figure(traces, layout(
        [coloured("◆ aligned", "delta") + "  " + coloured("■ unrelated", "B")
         + "  " + coloured("┅ √r", "frozen")],
        [{**still, "range": [min(x.min(), 0) - 0.7, r + 0.7], "dtick": 4,
          "title": {"text": "distance from the start"}}],
        [{**still, "range": [-tall, tall], "dtick": 4, "scaleanchor": "x", "scaleratio": 1}],
        f"{r} arrows of length 1. In one direction their sum has length {r}; in random directions "
        f"{', '.join(f'{length:.1f}' for length in lengths)}, where √r is {np.sqrt(r):.3g}"))


def two_parts() -> dict:
    """Adam's first ΔW as a sum of r terms: how long its coherent part is, and how long the rest."""
    ranks = runs_growth.RANKS
    coherent, rest = runs_growth.two_parts()
    return figure(
        [curve("delta", ranks, coherent, name="what the terms agree on"),
         curve("B", ranks, rest, name="cross-talk")],
        layout([coloured("◆ what the terms agree on", "delta") + "   "
                + coloured("■ cross-talk", "B")],
               [named_ticks(ranks, named=ranks[::2], title="r, the number of terms", margin=0.12)],
               [{**power_ticks(0, 3), "range": [-0.3, 2.6]}],
               f"One step of Adam. From r = 1 to 16 the part that the terms agree on grows by "
               f"{coherent[4] / coherent[0]:.0f}, cross-talk by {rest[4] / rest[0]:.1f}; the two "
               f"meet between r = {ranks[int(np.argmax(coherent > rest)) - 1]} and "
               f"{ranks[int(np.argmax(coherent > rest))]}"))


def growth(optimiser: str = "Adam", rule: str = "LoRA", step: int = 1) -> dict:
    """‖ΔW‖ (left) and the useful part −⟨ΔW, G⟩ (right) against r, after ``step`` steps."""
    traces = []
    for panel, quantity in ((1, "delta_norm"), (2, "useful")):
        for name in [other for other in SCALE_RULES if other != rule] + [rule]:
            values = getattr(runs_growth.grown(name, optimiser), quantity)[..., step]
            traces += _growth_lines(name, values, panel, chosen=name == rule)
    ranks = named_ticks(runs_growth.RANKS, named=runs_growth.RANKS[::2], margin=0.12)
    powers = power_ticks(-8, 2, every=2)
    return figure(traces, layout(
        ["‖ΔW‖,  " + scale_legend(), "useful part −⟨ΔW, G⟩"], [ranks, ranks],
        [{**powers, "range": _range("delta_norm", optimiser)},
         {**powers, "range": _range("useful", optimiser)}],
        _growth_reading(optimiser, rule, step)))


def _growth_lines(name: str, values: np.ndarray, panel: int, chosen: bool) -> list[dict]:
    """The median over seeds as a line with marks, and for the chosen rule all seeds as dots.

    values: (ranks, seeds).
    """
    look, ranks = SCALE_LOOKS[name], runs_growth.RANKS
    line = look.curve(ranks, np.median(values, axis=1), name, panel=panel,
                      opacity=1.0 if chosen else BESIDE)
    return [seeds(ranks, values, look.colour, panel=panel, opacity=0.6), line] if chosen else [line]


@cache
def _range(quantity: str, optimiser_name: str) -> list[float]:
    """Of the axis (log 10): it holds every rule and every step."""
    values = np.array([getattr(runs_growth.grown(rule, optimiser_name), quantity)[
        ..., runs_growth.STEPS] for rule in SCALE_RULES])
    return [float(np.log10(values.min()) - 0.2), float(np.log10(values.max()) + 0.3)]


def _growth_reading(optimiser_name: str, rule: str, step: int) -> str:
    runs, ranks = runs_growth.grown(rule, optimiser_name), runs_growth.RANKS
    few, parts = ranks.index(8) + 1, []
    for label, quantity in (("‖ΔW‖", "delta_norm"), ("useful part", "useful")):
        values = getattr(runs, quantity)[..., step]
        low, high = (exponent(*part)[0] for part in ((ranks[:few], values[:few]),
                                                     (ranks[-4:], values[-4:])))
        parts.append(f"{label} {signed(low)} for r ≤ 8, {signed(high)} for r ≥ 32")
    return (f"{optimiser_name}, s = {FORMULAS[rule]}, after {steps_done(step)}, "
            f"powers of r: {'; '.join(parts)}")


def best_rate(optimiser: str = "Adam", inputs: str = "one direction", steps: int = 1) -> dict:
    """The best learning rate against r; crosses, the theorem's for one step."""
    traces, slopes = [], []
    for rule in SCALE_RULES:
        values = runs_rate.best_rates(rule, optimiser, inputs, steps)
        theory = runs_rate.predicted(rule, optimiser, inputs) if steps == 1 else []
        traces += _rate_lines(rule, values, theory)
        mean, error = exponent(runs_rate.RANKS, values)
        slopes.append(f"under {FORMULAS[rule]} {signed(mean)} (± {error:.2f})")
    return figure(traces, layout(
        ["best η,  " + scale_legend() + "   ✕ theorem"], [named_ticks(runs_rate.RANKS)],
        [{**power_ticks(-4, 4), "range": list(runs_rate.SPAN[optimiser])}],
        f"{optimiser}, {steps_done(steps)}, crossover rank "
        f"{runs_rate.crossover(inputs, optimiser):.1f}: the best η goes with these powers of r: "
        f"{', '.join(slopes)}"))


def _rate_lines(rule: str, values: np.ndarray, theory) -> list[dict]:
    look, ranks = SCALE_LOOKS[rule], runs_rate.RANKS
    crosses = marks(ranks[:len(theory)], theory, look.colour, "x-thin-open", 13, stroke=2.5,
                    **said(f"{rule}, theorem"))
    return [seeds(ranks, values, look.colour),
            look.curve(ranks, np.exp(np.log(values).mean(axis=1)), rule, size=10), crosses]
