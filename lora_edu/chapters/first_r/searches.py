"""Three searches for a good (s, η) and where they lead at other ranks, on turned digits.

Imports the map (NumPy), plotly and the style.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from lora_edu.chapters.first_r import runs as book
from lora_edu.chapters.first_r.carry import two_digits
from lora_edu.chapters.shared.style import COLOURS, curve, layout
from lora_edu.explore.words import SUPERSCRIPTS, number

TASK = book.PLANE_TASK
RATES = book.TASKS[TASK].rates
ETAS = (0.002, 0.004, 0.008, 0.016, 0.03, 0.06)  # to tune α at; the nearest of RATES is meant
SEARCHES = {"α = r₁ = 8, η tuned at r = 8": COLOURS["delta"],
            "α = 1, η tuned at r = 1": COLOURS["A"], "α tuned at r = 1, η given": COLOURS["B"]}
MEANT = dict(zip(SEARCHES, ("α = r₁", "α", "α tuned at r = 1:  α"), strict=True))
MARKS = dict(zip(SEARCHES, ("diamond", "circle", "square"), strict=True))
RAMP = ((0.0, "#3a2d7a"), (0.5, "#c98bb0"), (1.0, "#f3e3a8"))  # from little loss to much
MOST = 10.0  # the range of the colours: from the best of the plane to this many times its loss


def found(eta: float) -> dict[str, tuple[float, float]]:
    """search → (α, η): what each of SEARCHES brings home; α from 1, 2, …, 64."""
    eta = nearest(eta)
    paper = RATES[book.tuned(TASK, 8, 1.0)]
    one = RATES[book.tuned(TASK, 1, 1.0)]
    alphas = [s for s in book.PLANE if s >= 1]
    at = RATES.index(eta)
    least = min(alphas, key=lambda alpha: book.mean(book.losses(TASK, 1, alpha))[at])
    return dict(zip(SEARCHES, ((8.0, paper), (1.0, one), (least, eta)), strict=True))


def nearest(eta: float) -> float:
    """The one of RATES that is nearest to ``eta``."""
    return min(RATES, key=lambda rate: abs(np.log(rate / eta)))


def loss_at(r: int, alpha: float, eta: float) -> float:
    """The loss with s = α/r and η, geometric mean over the seeds."""
    return float(book.mean(book.losses(TASK, r, alpha / r))[RATES.index(eta)])


def readings(r: int = 1, eta: float = ETAS[1]) -> go.Figure:
    """Left: the loss over s and η at rank r, and where the searches are. Right: loss against r."""
    places = found(eta)
    traces = [_plane(r), *_searched(r, eta)]
    for name, (alpha, rate) in places.items():
        traces.append(go.Scatter(
            x=[_column(alpha / r)], y=[RATES.index(rate)], mode="markers", name=name,
            customdata=[loss_at(r, alpha, rate)],
            hovertemplate=f"{name}: loss %{{customdata:.3g}}<extra></extra>",
            marker={"symbol": MARKS[name] + "-open", "size": 16, "color": "#ffffff",
                    "line": {"width": 5}}))
        traces.append(go.Scatter(
            x=[_column(alpha / r)], y=[RATES.index(rate)], mode="markers", name=name,
            hoverinfo="skip", marker={"symbol": MARKS[name], "size": 12,
                                      "color": SEARCHES[name]}))
    best = [min(float(book.mean(book.losses(TASK, rank, s)).min()) for s in book.scales(TASK, rank))
            for rank in book.PLANE_RANKS]
    traces.append(curve("loss", book.PLANE_RANKS, best, panel=2, name="the best of the plane",
                        line={"color": COLOURS["frozen"], "width": 2, "dash": "dash"},
                        marker={"symbol": "circle", "size": 6, "color": COLOURS["frozen"]}))
    for name, (alpha, rate) in places.items():
        traces.append(curve(
            "loss", book.PLANE_RANKS, [loss_at(rank, alpha, rate) for rank in book.PLANE_RANKS],
            panel=2, name=name, line={"color": SEARCHES[name], "width": 3},
            marker={"symbol": MARKS[name], "size": 9, "color": SEARCHES[name]}))
    return go.Figure(traces, layout(
        ["loss  " + " ".join(f'<span style="color:{colour}">■</span> {text}' for (_, colour), text
                             in zip(RAMP, ("best", "× 3", "× 10"), strict=True)),
         "  ".join(f'<span style="color:{SEARCHES[name]}">{mark} {text}</span>'
                   for name, mark, text in zip(SEARCHES, "◆●■", ("α = 8", "α = 1", "α tuned"),
                                               strict=True))],
        [{"range": [-0.5, len(book.PLANE) - 0.5], "tickvals": list(range(0, 13, 3)), "ticks": "",
          "ticktext": [_power(book.PLANE[i]) for i in range(0, 13, 3)],
          "title": {"text": f"s (r = {r})"}},
         {"type": "log", "range": [-0.1, float(np.log10(64)) + 0.1], "title": {"text": "r"},
          "tickvals": list(book.PLANE_RANKS),
          "ticktext": [str(rank) for rank in book.PLANE_RANKS]}],
        [{"range": [-0.5, len(RATES) - 0.5], "ticks": "",
          "tickvals": list(range(1, len(RATES), 4)),
          "ticktext": [two_digits(RATES[i]) for i in range(1, len(RATES) - 4, 4)]
          + [f"η = {two_digits(RATES[13])}"]},
         {"type": "log", "tickvals": [0.03, 0.1, 0.3, 1, 3], "range": [-1.6, 0.75],
          "ticktext": ["0.03", "0.1", "0.3", "1", "3"]}],
        _reading(r, eta, places)))


def _plane(r: int) -> go.Heatmap:
    """log 10 of the loss over the least of the plane, a row an η and a column an s."""
    losses = np.array([book.mean(book.losses(TASK, r, s)) for s in book.PLANE]).T
    times = np.log10(losses / losses.min()).clip(0, np.log10(MOST))
    return go.Heatmap(z=np.round(times, 2), zmin=0, zmax=np.log10(MOST), showscale=False,
                      colorscale=[list(stop) for stop in RAMP], hoverinfo="skip", name="loss")


def _searched(r: int, eta: float) -> list[go.Scatter]:
    """The line that each search has to itself at rank r."""
    top = len(RATES) - 0.5
    ends = (([_column(8 / r)] * 2, [-0.5, top]), ([_column(1 / r)] * 2, [-0.5, top]),
            ([-0.5, len(book.PLANE) - 0.5], [RATES.index(nearest(eta))] * 2))
    return [go.Scatter(x=x, y=y, mode="lines", hoverinfo="skip", name="its line",
                       line={"color": colour, "width": 2, "dash": "dot"})
            for (x, y), colour in zip(ends, SEARCHES.values(), strict=True)]


def _column(s: float) -> int:
    return book.PLANE.index(s)


def _power(value: float) -> str:
    """2.0**-6 → "2⁻⁶"; 1 is 1."""
    exponent = round(np.log2(value))
    return "1" if exponent == 0 else "2" + str(exponent).translate(SUPERSCRIPTS)


def _reading(r: int, eta: float, places: dict) -> str:
    said = [f"{MEANT[name]} = {alpha:g}{' (the largest tried)' * (alpha == max(book.PLANE))}, "
            f"η = {two_digits(rate)}, loss {number(loss_at(r, alpha, rate))}"
            for name, (alpha, rate) in places.items()]
    return f"r = {r} · " + " · ".join(said)

