"""A learning rate tuned at the first rank and carried to the others, on turned digits.

Imports the map (NumPy), plotly and the style.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from lora_edu.chapters.first_r import runs as book
from lora_edu.chapters.shared.style import COLOURS, curve, layout, power_ticks
from lora_edu.explore.words import number, short

RULE_COLOURS = {"α kept": COLOURS["delta"], "rsLoRA": COLOURS["A"], "α = r": COLOURS["B"],
                "α = 2r": COLOURS["loss"]}
RULE_MARKS = {"α kept": "diamond", "rsLoRA": "circle", "α = r": "square", "α = 2r": "triangle-up"}
SIGNS = {"diamond": "◆", "circle": "●", "square": "■", "triangle-up": "▲"}
CHOICES = dict(zip(("kept", "rsLoRA", "= r", "= 2r"), book.RULES, strict=True))  # for α
LOW, HIGH = 0.03, 20.0  # of the losses shown
MOST = 60.0  # of the regrets shown
EDGE = 1.06  # what lies above is drawn this far below the top


def carry(task: str = "45°, Adam", alpha: str = "kept", r1: int = 8, r: int = 64) -> go.Figure:
    """Left: loss against η at r1 and at r, with the η carried over. Right: regret against r."""
    rule = CHOICES[alpha]
    regrets = book.regrets(task, book.RULES[rule], r1)
    here = regrets[book.RANKS.index(r)]
    traces = _valleys(task, rule, r1, r)
    for name in [other for other in book.RULES if other != rule] + [rule]:
        traces += _regret(task, name, r1, chosen=name == rule)
    traces.append(curve("delta", [r], _inside(book.mean(here), MOST), panel=2, mode="markers",
                        name="this rank", hoverinfo="skip", hovertemplate=None, marker={
                            "symbol": "circle-open", "size": 20, "color": COLOURS["frozen"],
                            "line": {"width": 2.5}}))
    rates = np.log10(book.TASKS[task].rates)
    ranks = {"type": "log", "tickvals": list(book.RANKS), "title": {"text": "r"},
             "ticktext": [str(rank) for rank in book.RANKS], "range": [-0.1, np.log10(64) + 0.1]}
    return go.Figure(traces, layout(
        [f'loss   <span style="color:{COLOURS["frozen"]}">━ r₁ = {r1}</span>   '
         f'<span style="color:{RULE_COLOURS[rule]}">━ r = {r}</span>   ✕ carried', _legend()],
        [{**power_ticks(-3, 1), "title": {"text": "η"},
          "range": [float(rates[0]) - 0.1, float(rates[-1]) + 0.1]}, ranks],
        [{"type": "log", "tickvals": [0.1, 1, 10], "ticktext": ["0.1", "1", "10"],
          "range": [float(np.log10(LOW)), float(np.log10(HIGH))]},
         {"type": "log", "tickvals": [1, 3, 10, 30], "range": [-0.08, float(np.log10(MOST))],
          "ticktext": ["1", "3", "10", "30"]}],
        _reading(task, rule, r1, r, here)))


def _valleys(task: str, rule: str, r1: int, r: int) -> list[go.Scatter]:
    """Loss against η at both ranks; rings where η is best, a cross at r where it is carried to."""
    rates, scale, colour = book.TASKS[task].rates, book.RULES[rule], RULE_COLOURS[rule]
    first, later = (book.mean(book.losses(task, rank, scale(rank, r1))) for rank in (r1, r))
    at, best = (book.tuned(task, rank, scale(rank, r1)) for rank in (r1, r))
    lines = [curve("loss", [rates[at]] * 2, [LOW, HIGH], mode="lines", name="the η tuned at r₁",
                   hoverinfo="skip", hovertemplate=None,
                   line={"color": COLOURS["frozen"], "width": 1.5, "dash": "dash"})]
    for values, hue, rank in ((first, COLOURS["frozen"], r1), (later, colour, r)):
        lines.append(curve("loss", rates, np.minimum(values, 10 * HIGH), mode="lines",
                           values=values, name=f"r = {rank}: loss",
                           line={"color": hue, "width": 3}))
    for rate, value, symbol, hue, name in (
            (at, first[at], "circle-open", COLOURS["frozen"], "tuned at r₁"),
            (best, later[best], "circle-open", colour, "tuned anew"),
            (at, later[at], "x", colour, "carried")):
        lines.append(curve("loss", [rates[rate]], _inside(value, HIGH), mode="markers",
                           values=[value], name=name, marker={
                               "symbol": symbol, "color": hue,
                               **({"size": 10} if symbol == "x" else
                                  {"size": 17, "line": {"width": 2.5}})}))
    return lines


def _regret(task: str, rule: str, r1: int, chosen: bool) -> list[go.Scatter]:
    """The mean over seeds as a line with marks, and for the chosen rule all seeds as dots."""
    values, colour = book.regrets(task, book.RULES[rule], r1), RULE_COLOURS[rule]
    line = curve("delta", book.RANKS, _inside(book.mean(values), MOST), panel=2, name=rule,
                 values=np.minimum(book.mean(values), book.LOST), opacity=1.0 if chosen else 0.35,
                 line={"color": colour, "width": 3},
                 marker={"symbol": RULE_MARKS[rule], "size": 10, "color": colour})
    if not chosen:
        return [line]
    dots = curve("delta", np.repeat(book.RANKS, values.shape[1]), _inside(values.ravel(), MOST),
                 panel=2, mode="markers", name="each seed", hoverinfo="skip", hovertemplate=None,
                 opacity=0.8, marker={"symbol": "circle", "size": 5, "color": colour})
    return [dots, line]


def _inside(values, top: float) -> np.ndarray:
    """Values above an axis are drawn at its top edge."""
    return np.minimum(np.atleast_1d(values), top / EDGE)


def _legend() -> str:
    short_names = {"α kept": "kept", "α = r": "α=r", "α = 2r": "2r"}
    return "regret " + " ".join(
        f'<span style="color:{RULE_COLOURS[rule]}">{SIGNS[RULE_MARKS[rule]]} '
        f"{short_names.get(rule, rule)}</span>" for rule in book.RULES)


def _reading(task: str, rule: str, r1: int, r: int, here: np.ndarray) -> str:
    rates, scale = book.TASKS[task].rates, book.RULES[rule]
    at, best = (book.tuned(task, rank, scale(rank, r1)) for rank in (r1, r))
    start = (f"{rule}: η = {two_digits(rates[at])}, tuned at r = {r1}, carried to r = {r}, where "
             f"s = {short(float(f'{scale(r, r1):.3g}'))}: ")
    best_now = f"the best η is now {two_digits(rates[best])}" + (
        ", at the end of those tried" if book.at_an_end(task, r, scale(r, r1)) else "")
    if np.isinf(here).any():
        return f"{start}{np.isinf(here).sum()} of {len(here)} seeds diverge; {best_now}"
    if best == at:
        return f"{start}a new search finds the same η, regret 1"
    return (f"{start}regret {number(float(book.mean(here)))} (seeds {number(float(here.min()))} to "
            f"{number(float(here.max()))}); {best_now}")


def two_digits(value: float) -> str:
    """``0.0110485`` → "0.011"."""
    return short(float(f"{value:.2g}"))
