"""Which matrix is zero: the best learning rate against the width, and how far A·x grows.

Imports NumPy, plotly, the style and the study of the wide layer. The study trains for some seconds
the first time; after that every state is a look-up.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import plotly.graph_objects as go

from lora_edu.chapters.shared.style import COLOURS, layout
from lora_edu.chapters.which_zero import runs as wide
from lora_edu.explore.words import power, short

STEPS = (1, 2, 8, 32)
RATES = wide.RATES[::3]
STARTS = tuple((random, spread) for spread in wide.SPREADS for random in wide.MATRICES)
COLOUR = dict(zip(wide.MATRICES, (COLOURS["A"], COLOURS["B"]), strict=True))
SYMBOL = dict(zip(wide.MATRICES, ("circle", "square"), strict=True))
DASH = dict(zip(wide.SPREADS, ("solid", "dot"), strict=True))
LOG_WIDTHS = np.log2(wide.WIDTHS)
LOWEST, HIGHEST = 0.08, 10.0  # shares of the loss that the left panel shows


@cache
def after(steps: int) -> dict[str, np.ndarray]:
    """What the study says after so many steps.

    ``curve``: median loss as a share of its start, (widths, matrices, spreads, rates). ``best``:
    the best rate of each task; ``least`` and ``reach``: loss and rms(A·x) at the best rate of the
    grid; (widths, matrices, spreads, seeds) each.
    """
    loss, reach = wide.study().loss[..., steps], wide.study().reach[..., steps]
    at = loss.argmin(axis=-1)[..., None]
    return {"curve": np.median(loss, axis=3), "best": wide.best_rates(loss),
            "least": np.take_along_axis(loss, at, -1)[..., 0],
            "reach": np.take_along_axis(reach, at, -1)[..., 0]}


@cache
def exponent(quantity: str, steps: int, random: str, spread: str) -> str:
    """The exponent of n in ``best`` or ``reach``, "−0.77 ± 0.02": mean and standard error."""
    slope, error = wide.exponent(after(steps)[quantity][:, *_index(random, spread)])
    return f"{slope:.2f} ± {error:.2f}".replace("-", "−")


def which_zero(n: int = 512, random: str = wide.MATRICES[0], spread: str = wide.SPREADS[0],
               steps: int = 8, lr: float = 0.01) -> go.Figure:
    """Left: loss against the learning rate at this width. Right: best rate against the width."""
    row, mark = wide.WIDTHS.index(n), _index(random, spread)
    curves = after(steps)["curve"][row]  # (matrices, spreads, rates)
    best = np.exp(np.log(after(steps)["best"]).mean(axis=-1))  # (widths, matrices, spreads)
    traces = []
    for start in STARTS:
        at, name = _index(*start), f"{start[0]}, σ = {start[1]}"
        look = {"type": "scatter", "opacity": 1.0 if at == mark else 0.6,
                "line": {"color": COLOUR[start[0]], "dash": DASH[start[1]],
                         "width": 3.5 if at == mark else 2}}
        traces.append({
            **look, "x": np.log10(wide.RATES), "y": _place(curves[at]), "mode": "lines",
            "customdata": curves[at].clip(max=1e6), "name": name,
            "hovertemplate": f"{name}: %{{customdata:.3g}}<extra></extra>"})
        traces.append({
            **look, "x": LOG_WIDTHS, "y": np.log10(best[:, *at]), "customdata": best[:, *at],
            "xaxis": "x2", "yaxis": "y2", "mode": "lines+markers", "name": f"best η, {name}",
            "marker": {"symbol": SYMBOL[start[0]], "size": 7},
            "hovertemplate": f"{name}: %{{customdata:.2g}}<extra></extra>"})
    share = curves[mark][wide.RATES.index(lr)]
    diamond = {"type": "scatter", "mode": "markers",
               "marker": {"symbol": "diamond", "size": 15, "color": COLOUR[random]}}
    traces.append({**diamond, "x": [np.log10(lr)], "y": _place([share]), "name": "this rate",
                   "customdata": [min(share, 1e6)],
                   "hovertemplate": "%{customdata:.3g}<extra></extra>"})
    traces.append({**diamond, "x": [LOG_WIDTHS[row]], "y": [np.log10(lr)], "xaxis": "x2",
                   "yaxis": "y2", "customdata": [lr], "name": "this rate and width",
                   "hovertemplate": "η = %{customdata:.2g}<extra></extra>"})
    left = f"{share:.2f} of its start" if share < HIGHEST else "10 times its start or more"
    shares = [0.1, 0.3, 1, 3, HIGHEST]
    rates = {"range": [-4.1, -0.4], "tickvals": [-4, -3, -2, -1],
             "ticktext": [power(x) for x in (-4, -3, -2, -1)]}
    return go.Figure(traces, layout(
        [f"loss / start   {_letters()}", f"best η   {_dashes()}"],
        [{**rates, "title": {"text": "learning rate η"}}, _width_axis()],
        [{**_log_axis(shares), "range": [-1.15, 1.05]}, rates],
        f"n = {n}, {random}, σ = {spread}, η = {short(lr)}, {_steps(steps)}: loss {left} · best "
        f"η {best[row][mark]:.5f}, like n to the power {exponent('best', steps, random, spread)}"))


def reach(steps: int = 8) -> go.Figure:
    """At each start's own best rate: rms(A·x) (left) and the loss (right) against the width."""
    traces = []
    for random, spread in STARTS:
        name = f"{random}, σ = {spread}"
        for quantity, panel in (("reach", ""), ("least", "2")):
            found = after(steps)[quantity][:, *_index(random, spread)]  # (widths, seeds)
            values = np.exp(np.log(found).mean(axis=-1))
            traces.append({
                "type": "scatter", "x": LOG_WIDTHS, "y": np.log10(values), "customdata": values,
                "xaxis": f"x{panel}", "yaxis": f"y{panel}", "mode": "lines+markers",
                "name": f"{'rms(A·x)' if quantity == 'reach' else 'loss'}, {name}",
                "line": {"color": COLOUR[random], "dash": DASH[spread], "width": 2.5},
                "marker": {"symbol": SYMBOL[random], "size": 8},
                "hovertemplate": f"{name}: %{{customdata:.3g}}<extra></extra>"})
    powers = " · ".join(f"{random}, {spread}: {exponent('reach', steps, random, spread)}"
                        for random, spread in STARTS)
    return go.Figure(traces, layout(
        [f"rms(A·x)   {_letters()}", f"loss / start   {_dashes()}"],
        [_width_axis(), _width_axis()],
        [{**_log_axis([0.3, 1, 3, 10, 30]), "range": [-0.6, 1.6]},
         {**_log_axis([0.1, 0.2, 0.5, 1]), "range": [-1.1, 0.05]}],
        f"After {_steps(steps)}, the power of n in rms(A·x): {powers}"))


def _index(random: str, spread: str) -> tuple[int, int]:
    return wide.MATRICES.index(random), wide.SPREADS.index(spread)


def _place(shares) -> np.ndarray:
    """Where shares of the loss are drawn: the explosions at the upper edge."""
    return np.log10(np.clip(shares, LOWEST, HIGHEST))


def _steps(steps: int) -> str:
    return f"{steps} step{'s' * (steps > 1)}"


def _letters() -> str:
    return "   ".join(f'<span style="color:{COLOUR[m]}">{mark} {m}</span>'
                      for m, mark in zip(wide.MATRICES, "●■", strict=True))


def _dashes() -> str:
    return f"━ σ = {wide.SPREADS[0]}   ┅ σ = {wide.SPREADS[1]}"


def _log_axis(ticks: list[float]) -> dict:
    return {"tickvals": np.log10(ticks).round(4).tolist(), "ticktext": [short(t) for t in ticks]}


def _width_axis() -> dict:
    return {"range": [LOG_WIDTHS[0] - 0.3, LOG_WIDTHS[-1] + 0.3], "title": {"text": "width n"},
            "tickvals": LOG_WIDTHS.tolist(), "ticktext": [str(n) for n in wide.WIDTHS]}
