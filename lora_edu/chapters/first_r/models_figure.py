"""The figure of five tasks: loss against η at every rank, and the best η against r.

Imports NumPy, the models and the style.
"""

from __future__ import annotations

import numpy as np

from lora_edu.chapters.first_r import models, runs
from lora_edu.chapters.shared.looks import BESIDE, legend, named_ticks, said, seeds
from lora_edu.chapters.shared.scale_rules import FORMULAS, SCALE_LOOKS
from lora_edu.chapters.shared.style import figure, layout, line, marks, power_ticks, words
from lora_edu.explore.words import short, signed

SHOWN = {"regression": (-2.8, 0.5), "digits, 45°": (-1.6, 1.0), "digits, 90°": (-1.8, 1.0),
         "small GPT": (0.15, 0.5), "MiniLM": (-0.8, 0.5)}  # powers of ten of the losses
SPAN = (0.2, 3.5)  # of the best η, as a share of that at rank 8


def best_rates(model: str = "small GPT", rule: str = "LoRA") -> dict:
    """Left: loss against η, a curve a rank. Right: the best η against r, under the three rules."""
    traces = _valleys(model, rule)
    for name in [other for other in models.RULES if other != rule] + [rule]:
        traces += _best(model, name, chosen=name == rule)
    low, high = SHOWN[model]
    low -= 0.12 * (high - low)  # room for the words below the lowest rings
    ticks = [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10] if high - low > 1 else [1.5, 2, 2.5, 3]
    inside = [value for value in ticks if 10**low <= value <= 10**high]
    return figure(traces, layout(
        [f"loss, s = {FORMULAS[rule]}", "best η (r = 8: 1)  " + legend(
            {FORMULAS[name]: SCALE_LOOKS[name] for name in models.RULES}, between=" ")],
        [{**power_ticks(-3, 0), "title": {"text": "η"}, "range": [-3.2, 0.3]},
         named_ticks(runs.RANKS, margin=0.15)],
        [{"type": "log", "range": [low, high], "tickvals": inside,
          "ticktext": [f"{value:g}" for value in inside]},
         {"type": "log", "range": np.log10(SPAN).tolist(), "tickvals": [0.25, 0.5, 1, 2],
          "ticktext": ["¼", "½", "1", "2"]}],
        _reading(model, rule)))


def _valleys(model: str, rule: str) -> list[dict]:
    """The geometric mean over the seeds at every rank; a ring where it is least."""
    top, colour, traces, least = 10.0 ** SHOWN[model][1], SCALE_LOOKS[rule].colour, [], []
    for r in models.ranks(model):
        rates, losses = models.curve(model, rule, r)
        means = np.exp(np.log(losses).mean(axis=0))
        traces.append(line(rates, np.minimum(means, 2 * top), colour, width=1.5 + 0.5 * (r == 8),
                           **said(f"r = {r}: loss", means)))
        least.append((rates[means.argmin()], means.min()))
    x, y = map(list, zip(*least, strict=True))
    first, *_, last = models.ranks(model)
    if x[0] == x[-1]:
        low, high = SHOWN[model]
        named = words([x[0]], [min(y) / 10 ** (0.04 * (high - low))],
                      [f"r = {first} to {last}"], textposition="bottom center")
    else:
        sides = ["top left", "bottom left" if x[-1] < x[0] else "bottom right"]
        named = words([x[0], x[-1]], [y[0], y[-1]], [f"r = {first}", f"r = {last}"],
                      textposition=sides)
    return [*traces, marks(x, y, colour, "circle-open", 9, stroke=2, name="least"), named]


def _best(model: str, rule: str, chosen: bool) -> list[dict]:
    """The mean over seeds as a line with marks, and for the chosen rule all seeds as dots."""
    values, look, ranks = models.best(model, rule), SCALE_LOOKS[rule], models.ranks(model)
    means = np.exp(np.log(values).mean(axis=1))
    unit = means[ranks.index(models.FIRST)]
    curve = look.curve(ranks, np.clip(means / unit, *SPAN), FORMULAS[rule], size=10,
                       panel=2, values=means, opacity=1.0 if chosen else BESIDE)
    if not chosen:
        return [curve]
    return [seeds(ranks, np.clip(values / unit, *SPAN), look.colour, size=5, panel=2,
                  opacity=0.8), curve]


def _reading(model: str, rule: str) -> str:
    means = np.exp(np.log(models.best(model, rule)).mean(axis=1))
    mean, error = models.power(model, rule)
    at = dict(zip(models.ranks(model), means, strict=True))
    shown = ", ".join(f"{short(float(f'{at[r]:.2g}'))} at r = {r}"
                      for r in (min(at), models.FIRST, max(at)))
    return (f"{model}, s = {FORMULAS[rule]}: the best η goes with the power {signed(mean)} "
            f"(± {error:.2f}) of r; {shown}")
