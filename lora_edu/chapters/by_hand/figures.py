"""Forward and backward by hand: the error of numerical gradients, and what a step costs.

Imports the NumPy core, plotly and the style.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import plotly.graph_objects as go

from lora_edu import Adapter, initial
from lora_edu.chapters.shared.style import COLOURS, ZeroLogAxis, layout
from lora_edu.explore.words import number, power

SCHEMES = ("forward difference", "central difference", "complex step")
SCHEME_COLOURS = dict(zip(SCHEMES, (COLOURS["A"], COLOURS["B"], COLOURS["delta"]), strict=True))
EXPONENTS = tuple(range(-16, 0))


@cache
def small_layer():
    """(adapter, W0, X, Y) with d = 5, k = 6, r = 2, n = 20; both matrices random."""
    rng = np.random.default_rng(0)
    A, B = initial(5, 6, 2, "both random", 0.5, rng=rng)
    return (Adapter(A, B, 2.0), rng.normal(size=(5, 6)) / 2, rng.normal(size=(20, 6)),
            rng.normal(size=(20, 5)))


def loss(A: np.ndarray, B: np.ndarray) -> float:
    """Mean over the batch of Σ log cosh(H − Y); A and B may be complex."""
    adapter, W0, X, Y = small_layer()
    H = X @ W0.T + adapter.scaling * (X @ A.T) @ B.T
    return np.log(np.cosh(H - Y)).sum() / len(X)


def exact_gradient() -> np.ndarray:
    """∇A of :func:`loss` by the chain rule, (r, k)."""
    adapter, W0, X, Y = small_layer()
    D = np.tanh(adapter.forward(X, W0) - Y) / len(X)  # ∂L/∂H, (n, d)
    return adapter.gradients(D.T @ X)[0]


def numerical_gradient(scheme: str, h: float) -> np.ndarray:
    """∇A entry by entry from values of the loss, (r, k)."""
    A, B = small_layer()[0].A, small_layer()[0].B
    result = np.empty_like(A)
    for index in np.ndindex(A.shape):
        step = np.zeros_like(A)
        step[index] = h
        result[index] = {
            SCHEMES[0]: lambda step=step: (loss(A + step, B) - loss(A, B)) / h,
            SCHEMES[1]: lambda step=step: (loss(A + step, B) - loss(A - step, B)) / (2 * h),
            SCHEMES[2]: lambda step=step: loss(A + 1j * step, B).imag / h,
        }[scheme]()
    return result


@cache
def errors(scheme: str) -> np.ndarray:
    """Largest error of ∇A relative to its largest entry, for h = 10^EXPONENTS."""
    exact = exact_gradient()
    return np.array([np.abs(numerical_gradient(scheme, 10.0**e) - exact).max()
                     / np.abs(exact).max() for e in EXPONENTS])


def v_curve(scheme: str = SCHEMES[1], h: float = 1e-5) -> go.Figure:
    """The error of a numerical gradient against its step size, all schemes, one of them marked."""
    axis = ZeroLogAxis(-18, 1, every=3)
    figure = go.Figure()
    for name in SCHEMES:
        figure.add_trace(go.Scatter(
            x=EXPONENTS, y=axis.place(errors(name)), customdata=errors(name), name=name,
            mode="lines+markers", marker={"size": 6}, opacity=1.0 if name == scheme else 0.35,
            line={"color": SCHEME_COLOURS[name], "width": 3 if name == scheme else 2},
            hovertemplate=f"{name}: %{{customdata:.1e}}<extra></extra>"))
    at = EXPONENTS.index(round(np.log10(h)))
    error = errors(scheme)[at]
    figure.add_trace(go.Scatter(
        x=[EXPONENTS[at]], y=axis.place(error), customdata=[error], mode="markers", name="chosen",
        marker={"size": 15, "symbol": "diamond", "color": SCHEME_COLOURS[scheme]},
        hovertemplate="%{customdata:.1e}<extra></extra>"))
    title = "   ".join(f'<span style="color:{SCHEME_COLOURS[name]}">● {name.split()[0]}</span>'
                       for name in SCHEMES)
    ticks = list(range(-16, 0, 3))
    figure.update_layout(layout(
        [title], [{"range": [-16.5, -0.5], "tickvals": ticks, "ticktext": [power(t) for t in ticks],
                   "title": {"text": "step size h"}}],
        [axis.axis("relative error of ∇A")],
        f"{scheme}, h = {power(EXPONENTS[at])}: largest error {number(error)}, relative to the "
        f"largest entry of ∇A · best of this scheme: {number(errors(scheme).min())}"))
    return figure


def multiplications(d: int, k: int, n: int, r: int) -> dict[str, dict[str, int]]:
    """Multiplications of one layer and one step: {"full": {part: count}, "LoRA": {…}}."""
    adapter = n * r * (d + k)
    return {"full": {"forward": n * d * k, "∇X": n * d * k, "∇W": n * d * k},
            "LoRA": {"forward": n * d * k + adapter, "∇X": n * d * k + adapter,
                     "∇A and ∇B": adapter}}


def memory(d: int, k: int, n: int, r: int) -> dict[str, dict[str, int]]:
    """Numbers kept for one layer and one Adam step: {"full": {part: count}, "LoRA": {…}}."""
    small = r * (d + k)
    return {"full": {"weights": d * k, "gradients": d * k, "Adam's moments": 2 * d * k,
                     "inputs kept": n * k},
            "LoRA": {"weights": d * k + small, "gradients": small, "Adam's moments": 2 * small,
                     "inputs kept": n * (k + r)}}


PARTS = {"forward": "#808080", "weights": "#808080", "∇X": "#aa6bc0", "inputs kept": "#aa6bc0",
         "∇W": "#d55e00", "gradients": "#d55e00", "∇A and ∇B": "#3b82c4",
         "Adam's moments": "#009e73"}


def costs(d: int = 1024, n: int = 1024, r: int = 8) -> go.Figure:
    """Stacked bars for a d × d layer: multiplications (left) and numbers kept (right)."""
    figure, totals = go.Figure(), []
    for panel, counts in (("", multiplications(d, d, n, r)), ("2", memory(d, d, n, r))):
        whole = sum(counts["full"].values())
        totals.append(sum(counts["LoRA"].values()) / whole)
        for part in dict.fromkeys([*counts["full"], *counts["LoRA"]]):
            values = [counts[way].get(part, 0) for way in ("full", "LoRA")]
            figure.add_trace(go.Bar(
                x=["full", "LoRA"], y=[value / whole for value in values], customdata=values,
                name=part, xaxis=f"x{panel}", yaxis=f"y{panel}", marker={"color": PARTS[part]},
                text=[part if value > 0.07 * whole else "" for value in values],
                textposition="inside", insidetextanchor="middle", constraintext="none",
                textfont={"size": 11, "color": "white"},
                hovertemplate=f"{part}: %{{customdata:,}}<extra></extra>"))
    share = {"range": [0, 1.35], "tickformat": ".0%", "dtick": 0.25}
    figure.update_layout(
        layout(["multiplications", "numbers in memory"], [{}, {}], [share, share],
               f"d = k = {d}, {n} tokens, r = {r}: LoRA needs {totals[0]:.0%} of the "
               f"multiplications and {totals[1]:.0%} of the memory of full fine-tuning with Adam"),
        barmode="stack")
    return figure
