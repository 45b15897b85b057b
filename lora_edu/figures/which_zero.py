"""Which matrix is zero: the best learning rate against the width, and how far A·x grows.

Imports NumPy, plotly, the style and the study of the wide layer. The study trains for some seconds
the first time; after that every state is a look-up.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import plotly.graph_objects as go

from lora_edu.figures import wide
from lora_edu.figures.style import COLOURS, layout
from lora_edu.figures.text import number, power, short

STEPS = (1, 2, 8, 32)
RATES = wide.RATES[::3]
STARTS = tuple((random, spread) for random in wide.MATRICES for spread in wide.SPREADS)
COLOUR = dict(zip(wide.MATRICES, (COLOURS["A"], COLOURS["B"]), strict=True))
SYMBOL = dict(zip(wide.MATRICES, ("circle", "square"), strict=True))
DASH = dict(zip(wide.SPREADS, ("solid", "dot"), strict=True))
LOG_WIDTHS = np.log2(wide.WIDTHS)


@cache
def after(steps: int) -> dict[str, np.ndarray]:
    """What the study says after so many steps.

    ``curve``: median loss as a share of its start, (widths, matrices, spreads, rates). ``best``:
    the best rate of each seed, ``least``: the loss there, ``reach``: rms(A·x) there, (widths,
    matrices, spreads, seeds); the last two at the grid's nearest rate.
    """
    loss, reach = wide.study().loss[..., steps], wide.study().reach[..., steps]
    at = loss.argmin(axis=-1)[..., None]
    return {"curve": np.median(loss, axis=3), "best": wide.best_rates(loss),
            "least": np.take_along_axis(loss, at, -1)[..., 0],
            "reach": np.take_along_axis(reach, at, -1)[..., 0],
            "median reach": np.median(reach, axis=3)}


def exponents(quantity: str, steps: int, random: str, spread: str) -> tuple[float, float]:
    """The exponent of n in ``best``, ``least`` or ``reach``: (mean, standard error) over seeds."""
    values = after(steps)[quantity]
    return wide.exponent(values[:, wide.MATRICES.index(random), wide.SPREADS.index(spread)])


def which_zero(n: int = 512, random: str = wide.MATRICES[0], spread: str = wide.SPREADS[0],
               steps: int = 8, lr: float = 0.01) -> go.Figure:
    """Left: loss against the learning rate at this width. Right: best rate against the width."""
    seen, row = after(steps), wide.WIDTHS.index(n)
    column, mark = wide.RATES.index(lr), (wide.MATRICES.index(random), wide.SPREADS.index(spread))
    curves = np.clip(seen["curve"][row], 0.03, 10)
    best = np.exp(np.log(seen["best"]).mean(axis=-1))  # (widths, matrices, spreads)
    traces = []
    for start in STARTS:
        at = wide.MATRICES.index(start[0]), wide.SPREADS.index(start[1])
        look = {"opacity": 1.0 if at == mark else 0.4,
                "line": {"color": COLOUR[start[0]], "dash": DASH[start[1]],
                         "width": 3.5 if at == mark else 2}}
        name = f"{start[0]}, σ = {start[1]}"
        traces.append(go.Scatter(
            x=np.log10(wide.RATES), y=np.log10(curves[at]), customdata=seen["curve"][row][at]
            .clip(max=1e6), mode="lines", name=name, **look,
            hovertemplate=f"{name}: %{{customdata:.3g}}<extra></extra>"))
        traces.append(go.Scatter(
            x=LOG_WIDTHS, y=np.log10(best[:, *at]), customdata=best[:, *at], xaxis="x2",
            yaxis="y2", mode="lines+markers", name=f"best η, {name}", **look,
            marker={"symbol": SYMBOL[start[0]], "size": 7},
            hovertemplate=f"{name}: %{{customdata:.2g}}<extra></extra>"))
    value = seen["curve"][row][mark][column]
    diamond = {"symbol": "diamond", "size": 15, "color": COLOUR[random]}
    traces.append(go.Scatter(
        x=[np.log10(lr)], y=[np.log10(np.clip(value, 0.03, 10))], customdata=[min(value, 1e6)],
        mode="markers", name="this rate", marker=diamond,
        hovertemplate="%{customdata:.3g}<extra></extra>"))
    traces.append(go.Scatter(
        x=[LOG_WIDTHS[row]], y=[np.log10(lr)], customdata=[lr], xaxis="x2", yaxis="y2",
        mode="markers", name="this rate and width", marker=diamond,
        hovertemplate="η = %{customdata:.2g}<extra></extra>"))
    slope, error = exponents("best", steps, random, spread)
    ended = "diverges" if value > 1e3 else f"loss {number(value)} of its start"
    reading = (f"n = {n}, {random}, σ = {spread}, η = {short(lr)}, {steps} step{'s' * (steps > 1)}: "
               f"{ended} · best η here {number(best[row][mark])}, over the widths ∝ n^p with "
               f"p = {slope:.2f} ± {error:.2f}")
    rates, shares = [-4, -3, -2, -1], [0.03, 0.1, 0.3, 1, 3, 10]
    return go.Figure(traces, layout(
        [f"{_key('loss')} {_letters()}", f"{_key('best η')} {_dashes()}"],
        [{"range": [-4.1, -0.4], "tickvals": rates, "ticktext": [power(x) for x in rates],
          "title": {"text": "learning rate η"}}, _width_axis()],
        [{"range": [-1.6, 1.05], "tickvals": np.log10(shares).round(4).tolist(),
          "ticktext": [short(x) for x in shares]},
         {"range": [-4.1, -0.4], "tickvals": rates, "ticktext": [power(x) for x in rates]}],
        reading))


def reach(steps: int = 8) -> go.Figure:
    """At each start's own best rate: rms(A·x) (left) and the loss (right) against the width."""
    seen, traces = after(steps), []
    for random, spread in STARTS:
        at = wide.MATRICES.index(random), wide.SPREADS.index(spread)
        for quantity, panel in (("reach", ""), ("least", "2")):
            values = np.exp(np.log(seen[quantity][:, *at]).mean(axis=-1))
            traces.append(go.Scatter(
                x=LOG_WIDTHS, y=np.log10(values), customdata=values, xaxis=f"x{panel}",
                yaxis=f"y{panel}", mode="lines+markers", name=f"{random}, σ = {spread}",
                line={"color": COLOUR[random], "dash": DASH[spread], "width": 2.5},
                marker={"symbol": SYMBOL[random], "size": 8},
                hovertemplate=f"{random}, σ = {spread}: %{{customdata:.3g}}<extra></extra>"))
    powers = " · ".join("{}, σ = {}: {:.2f} ± {:.2f}".format(
        *start, *exponents("reach", steps, *start)) for start in STARTS)
    left, right = [0.3, 1, 3, 10, 30], [0.1, 0.2, 0.5, 1]
    return go.Figure(traces, layout(
        [f"{_key('rms(A·x)')} {_letters()}", f"{_key('loss / start')} {_dashes()}"],
        [_width_axis(), _width_axis()],
        [{"range": [-0.6, 1.6], "tickvals": np.log10(left).round(4).tolist(),
          "ticktext": [short(x) for x in left]},
         {"range": [-1.1, 0.05], "tickvals": np.log10(right).round(4).tolist(),
          "ticktext": [short(x) for x in right]}],
        f"after {steps} step{'s' * (steps > 1)}, exponents of n in rms(A·x): {powers}"))


def _key(words: str) -> str:
    return f"{words}  "


def _letters() -> str:
    return "   ".join(f'<span style="color:{COLOUR[m]}">{mark} {m}</span>'
                      for m, mark in zip(wide.MATRICES, "●■", strict=True))


def _dashes() -> str:
    return f"━ σ = {wide.SPREADS[0]}   ┅ σ = {wide.SPREADS[1]}"


def _width_axis() -> dict:
    return {"range": [LOG_WIDTHS[0] - 0.3, LOG_WIDTHS[-1] + 0.3],
            "tickvals": LOG_WIDTHS.tolist(), "ticktext": [str(n) for n in wide.WIDTHS],
            "title": {"text": "width n"}}
