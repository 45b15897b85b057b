"""PEFT's starting points on the board of Step zero, and the spread of A under three rules.

Imports NumPy, plotly, the style and the starting points; torch and PEFT are loaded when a figure
is drawn.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from lora_edu.chapters.in_peft.runs import ROUNDING, board
from lora_edu.chapters.shared.style import (
    COLOURS,
    NAMES,
    SYMBOLS,
    ZeroLogAxis,
    curve,
    heading,
    layout,
)
from lora_edu.explore.words import number, power

RANKS, ALPHAS = (1, 2, 4, 8, 16, 32, 64), (1, 4, 8, 16, 64)
WIDTHS = (64, 192, 768, 3072)
SPREAD_RANKS = (1, 2, 4, 8, 16, 32, 64, 128)
HELD = {"A": ("A", "A"), "B": ("B", "B"), "s·BA": ("update", "delta"),
        "base − W₀": ("base", "frozen")}  # name: (of a Board, colour)


def zoo(start: str = "True", r: int = 8, alpha: float = 8) -> go.Figure:
    """Left: ‖∇A‖, ‖∇B‖, ‖ΔW‖ at step zero and after one step. Right: what the start is made of."""
    steps = {"tickvals": [0, 1], "ticktext": ["step 0", "after 1 step"], "range": [-0.22, 1.22],
             "showgrid": False}
    names = {"tickvals": list(range(4)), "ticktext": list(HELD), "range": [-0.5, 3.5],
             "showgrid": False}
    scale = RoundingAxis()
    titles = [heading("A", "B", "delta", text="   (log scale)"), "norms at step 0   (log scale)"]
    settings = f"init_lora_weights={start if start in ('True', 'False') else repr(start)}, " \
               f"r = {r}, α = {alpha:g}"
    if start == "orthogonal" and r % 2:
        nothing = [go.Scatter(x=[x], y=[0.5], mode="text", text="needs an even r", hoverinfo="skip",
                              xaxis=f"x{n}", yaxis=f"y{n}") for x, n in ((0.5, ""), (1.5, "2"))]
        return go.Figure(nothing, layout(
            titles, [steps, names], [scale.axis(), scale.axis()],
            f"{settings}: not possible. Half of the components hold A, the other half B."))
    found = board(start, r, alpha)
    traces = []
    for aside, quantity, values in ((-0.04, "A", found.grad_A), (0.0, "B", found.grad_B),
                                    (0.04, "delta", found.model)):
        traces.append(curve(
            quantity, [aside, 1 + aside], scale.place(values),
            **scale.words(values, NAMES[quantity]), symbols=scale.symbols(quantity, values),
            dash="solid" if values.min() >= ROUNDING else "dot"))
    for x, (name, (field, colour)) in enumerate(HELD.items()):
        values = getattr(found, field)[:1]
        traces.append(curve(
            colour if colour != "frozen" else "delta", [x], scale.place(values), panel=2,
            name=name, mode="markers", **scale.words(values, name),
            marker={"size": 13, "color": COLOURS[colour],
                    "symbol": SYMBOLS.get(colour, "diamond-open")}))
    return go.Figure(traces, layout(titles, [steps, names], [scale.axis(), scale.axis()],
                                    _reading(settings, found)))


def _reading(settings: str, found) -> str:
    def arrow(values):
        return " → ".join(_word(value) for value in values)

    return (f"{settings}: ‖∇A‖ {arrow(found.grad_A)} · ‖∇B‖ {arrow(found.grad_B)} · "
            f"‖ΔW‖ {arrow(found.model)} · base moved by {_word(found.base[0])} · "
            f"loss {arrow(found.loss)}")


def _word(value: float) -> str:
    return "rounding" if 0 < value < ROUNDING else number(value)


class RoundingAxis(ZeroLogAxis):
    """A log axis with places for exactly zero and, above it, for what is only rounding."""

    def __init__(self):
        super().__init__(-4, 2)

    def place(self, values) -> np.ndarray:
        """Coordinates; rounding sits where 10⁻⁴ would be."""
        values = np.asarray(values, dtype=float)
        return super().place(np.where((values > 0) & (values < ROUNDING), 1e-4, values))

    def words(self, values, name: str) -> dict:
        """The hover text: the value, or that it is rounding."""
        return {"customdata": [_word(value) for value in values],
                "hovertemplate": f"{name}: %{{customdata}}<extra></extra>"}

    def axis(self, title: str = "") -> dict:
        spec = super().axis(title)
        spec["ticktext"][1] = "rounding"
        return spec


def spread(k: int = 768) -> go.Figure:
    """The standard deviation of A's entries against r: PEFT's default, "gaussian", and (k, r)."""
    ranks = np.array(SPREAD_RANKS)
    rules = {"U(±1/√k), the default": (np.full(len(ranks), 1 / np.sqrt(3 * k)), "A", "solid"),
             "N(0, 1/r²), “gaussian”": (1 / ranks, "B", "solid"),
             "U(±1/√r), stored (k, r)": (1 / np.sqrt(3 * ranks), "frozen", "dash")}
    traces = []
    for name, (values, colour, dash) in rules.items():
        traces.append(curve(
            "A", ranks, values, name=name, line={"color": COLOURS[colour], "width": 2.5,
                                                 "dash": dash},
            marker={"color": COLOURS[colour], "size": 9, "symbol": SYMBOLS.get(colour, "x")}))
    cross = float(np.sqrt(3 * k))
    titles = ["   ".join(f'<span style="color:{COLOURS[colour]}">{mark} {word}</span>'
                         for mark, word, colour in (("●", "default", "A"), ("■", "gaussian", "B"),
                                                    ("×", "stored (k, r)", "frozen")))]
    xaxis = {"type": "log", "tickvals": list(ranks), "ticktext": [str(r) for r in ranks],
             "range": [-0.08, np.log10(ranks[-1]) + 0.08], "title": {"text": "r"}}
    yaxis = {"type": "log", "tickvals": [0.01, 0.1, 1], "ticktext": [power(-2), power(-1), "1"],
             "range": [-2.3, 0.15], "title": {"text": "spread of A’s entries"}}
    ratio = 1 / 16 * np.sqrt(3 * k)
    return go.Figure(traces, layout(
        titles, [xaxis], [yaxis],
        f"k = {k}: the default has spread {number(1 / cross)} at every r; “gaussian” crosses it at "
        f"r = √(3k) = {number(cross)}; at r = 16 “gaussian” is {number(ratio)} times as wide, and "
        f"(k, r) {number(np.sqrt(k / 16))} times"))
