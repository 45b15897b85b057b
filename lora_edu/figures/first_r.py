"""A learning rate tuned at the first rank and carried to the others, on turned digits.

Imports the map (NumPy), plotly, the style, and the marks of the figure of the growth with r.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from lora_edu import first_r as book
from lora_edu.figures.style import COLOURS, curve, layout, power_ticks
from lora_edu.figures.text import number, short

RULE_COLOURS = {"α kept": COLOURS["delta"], "rsLoRA": COLOURS["A"], "α = r": COLOURS["B"],
                "α = 2r": COLOURS["B"]}
RULE_MARKS = {"α kept": "diamond", "rsLoRA": "circle", "α = r": "square", "α = 2r": "square-open"}
LOW, HIGH = 0.03, 20.0  # of the losses shown
MOST = 30.0  # of the regrets shown


def carry(task: str = "45°, decay", rule: str = "α kept", r1: int = 8, r: int = 64) -> go.Figure:
    """Left: loss against η at r1 and at r, with the η carried over. Right: regret against r."""
    scale = book.RULES[rule]
    s = scale(r, r1)
    at, best = book.tuned(task, r1, scale(r1, r1)), book.tuned(task, r, s)
    values = book.regrets(task, scale, r1)
    traces = [*_valleys(task, rule, r1, r, at, best)]
    for name in [other for other in book.RULES if other != rule] + [rule]:
        traces += _regret(task, name, r1, chosen=name == rule)
    here = book.RANKS.index(r)
    traces.append(curve("delta", [r], _inside(book.mean(values)[here]), panel=2, mode="markers",
                        name="this rank", hoverinfo="skip", hovertemplate=None, marker={
                            "symbol": "circle-open", "size": 20, "color": COLOURS["frozen"],
                            "line": {"width": 2.5}}))
    ranks = {"type": "log", "tickvals": list(book.RANKS),
             "ticktext": [str(rank) for rank in book.RANKS], "title": {"text": "r"},
             "range": [-0.1, np.log10(64) + 0.1]}
    rates = {**power_ticks(-3, -1), "title": {"text": "η"},
             "range": [float(np.log10(book.RATES[0])) - 0.1, float(np.log10(book.RATES[-1])) + 0.1]}
    return go.Figure(traces, layout(
        [f'loss   <span style="color:{COLOURS["frozen"]}">━ r₁ = {r1}</span>   '
         f'<span style="color:{RULE_COLOURS[rule]}">━ r = {r}</span>   ✕ carried', "regret   "
         + _legend()],
        [rates, ranks],
        [{"type": "log", "tickvals": [0.1, 1, 10], "ticktext": ["0.1", "1", "10"],
          "range": [float(np.log10(LOW)), float(np.log10(HIGH))]},
         {"type": "log", "tickvals": [1, 2, 5, 10, 20], "range": [-0.08, float(np.log10(MOST))],
          "ticktext": ["1", "2", "5", "10", "20"]}],
        _reading(rule, r1, r, s, values[here], at, best)))


def _valleys(task: str, rule: str, r1: int, r: int, at: int, best: int) -> list[go.Scatter]:
    """Loss against η at both ranks; a ring where η was tuned, a cross where it was carried to."""
    scale, lines = book.RULES[rule], []
    for rank, colour, name in ((r1, COLOURS["frozen"], "first rank"), (r, RULE_COLOURS[rule], "r")):
        values = book.mean(book.losses(task, rank, scale(rank, r1)))
        lines.append(curve("loss", book.RATES, np.minimum(values, 10 * HIGH), mode="lines",
                           name=f"{name}: loss", line={"color": colour, "width": 3}))
    first, later = (book.mean(book.losses(task, rank, scale(rank, r1))) for rank in (r1, r))
    eta = book.RATES[at]
    lines.append(curve("loss", [eta, eta], [LOW, HIGH], mode="lines", name="the η tuned at r1",
                       hoverinfo="skip", hovertemplate=None,
                       line={"color": COLOURS["frozen"], "width": 1.5, "dash": "dash"}))
    for rate, value, symbol, colour, name in (
            (at, first[at], "circle-open", COLOURS["frozen"], "tuned at r1"),
            (best, later[best], "circle-open", RULE_COLOURS[rule], "tuned anew at r"),
            (at, later[at], "x", RULE_COLOURS[rule], "carried to r")):
        lines.append(curve("loss", [book.RATES[rate]], [min(value, HIGH / 1.1)], mode="markers",
                           values=[value], name=name, marker={
                               "symbol": symbol, "size": 13, "color": colour,
                               "line": {"width": 2.5 if symbol != "x" else 0}}))
    return lines


def _regret(task: str, rule: str, r1: int, chosen: bool) -> list[go.Scatter]:
    """The mean over seeds as a line with marks, and for the chosen rule all seeds as dots."""
    values, colour = book.regrets(task, book.RULES[rule], r1), RULE_COLOURS[rule]
    shown = book.mean(values)
    line = curve("delta", book.RANKS, _inside(shown), panel=2, values=shown, name=rule,
                 opacity=1.0 if chosen else 0.35, dash="dot" if rule == "α = 2r" else "solid",
                 line={"color": colour, "width": 3, "dash": "dot" if rule == "α = 2r" else "solid"},
                 marker={"symbol": RULE_MARKS[rule], "size": 9, "color": colour})
    if not chosen:
        return [line]
    dots = curve("delta", np.repeat(book.RANKS, values.shape[1]), _inside(values.ravel()),
                 panel=2, mode="markers", name="each seed", hoverinfo="skip", hovertemplate=None,
                 opacity=0.6, marker={"symbol": "circle", "size": 4, "color": colour})
    return [dots, line]


def _inside(values) -> np.ndarray:
    """Values above the axis are drawn at its top edge."""
    return np.minimum(np.atleast_1d(values), MOST / 1.06)


def _legend() -> str:
    marks = {"diamond": "◆", "circle": "●", "square": "■", "square-open": "□"}
    return " ".join(f'<span style="color:{RULE_COLOURS[rule]}">{marks[RULE_MARKS[rule]]} {rule}'
                    "</span>" for rule in book.RULES)


def _reading(rule: str, r1: int, r: int, s: float, values, at: int, best: int) -> str:
    moved = ("the best η is still that one" if best == at else "the best η is now "
             f"{number(book.RATES[best] / book.RATES[at])} times that")
    return (f"{rule}: tuned at r = {r1}, η = {short(float(f'{book.RATES[at]:.2g}'))}; carried to "
            f"r = {r}, where s = {short(float(f'{s:.3g}'))}: the loss is "
            f"{number(float(book.mean(values)))} times that of a new search (seeds "
            f"{number(float(values.min()))} to {number(float(values.max()))}); {moved}")
