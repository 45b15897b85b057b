"""A low-rank update: a picture rebuilt from outer products, and the price of a rank in parameters.

Imports NumPy, plotly, the style.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import plotly.graph_objects as go

from lora_edu.chapters.shared.style import COLOURS, layout
from lora_edu.explore.words import number, power

LETTERS = {  # seven rows of five pixels each
    "L": "10000 10000 10000 10000 10000 10000 11111",
    "o": "00000 00000 01110 10001 10001 10001 01110",
    "R": "11110 10001 10001 11110 10100 10010 10001",
    "A": "01110 10001 10001 11111 10001 10001 10001",
}
VIEWS = ("sum of r terms", "term number r", "what is missing")


@cache
def picture() -> np.ndarray:
    """A (14, 46) matrix: the word LoRA, seven distinct rows of pixels, and a little noise."""
    rows = ["0".join(LETTERS[letter].split()[i] for letter in "LoRA") for i in range(7)]
    pixels = np.array([[float(pixel) for pixel in row] for row in rows])
    grown = np.kron(pixels, np.ones((2, 2)))  # (14, 46)
    return grown + 0.1 * np.random.default_rng(0).normal(size=grown.shape)


def best_rank(M: np.ndarray, r: int) -> np.ndarray:
    """The best approximation of M of rank at most r (Eckart & Young 1936), the shape of M."""
    U, sigma, Vt = np.linalg.svd(M, full_matrices=False)
    return (U[:, :r] * sigma[:r]) @ Vt[:r]


def low_rank(r: int = 1, view: str = VIEWS[0]) -> go.Figure:
    """Left: the sum of r outer products, the r-th of them, or what is missing. Right: the error."""
    M = picture()
    d, k = M.shape
    sigma = np.linalg.svd(M, compute_uv=False)
    tail = np.sqrt(np.append(np.cumsum(sigma[::-1] ** 2)[::-1], 0.0))  # tail[r]: error at rank r
    shown = {VIEWS[0]: best_rank(M, r), VIEWS[1]: best_rank(M, r) - best_rank(M, r - 1),
             VIEWS[2]: M - best_rank(M, r)}[view]
    error = np.linalg.norm(M - best_rank(M, r))
    ranks = np.arange(len(tail))
    figure = go.Figure([
        go.Heatmap(z=np.round(100 * shown).astype(int), zmin=-120, zmax=120, showscale=False,
                   colorscale=[[0, COLOURS["B"]], [0.5, "rgba(128,128,128,0.08)"],
                               [1, COLOURS["A"]]],
                   hovertemplate="row %{y}, column %{x}: %{z} / 100<extra></extra>"),
        go.Scatter(x=ranks, y=tail / tail[0], xaxis="x2", yaxis="y2", mode="lines+markers",
                   name="error of the best rank-r matrix", line={"color": COLOURS["delta"]},
                   hovertemplate="r = %{x}: %{y:.3f}<extra></extra>"),
        go.Scatter(x=[r], y=[error / tail[0]], xaxis="x2", yaxis="y2", mode="markers",
                   name="shown", marker={"size": 14, "symbol": "diamond", "color": COLOURS["B"]},
                   hovertemplate="measured: %{y:.3f}<extra></extra>")])
    still = {"showticklabels": False, "ticks": "", "showgrid": False, "constrain": "domain"}
    title = {VIEWS[0]: f"sum of {r} terms" if r > 1 else "one term", VIEWS[1]: f"term number {r}",
             VIEWS[2]: f"what is missing at r = {r}"}[view]
    figure.update_layout(layout(
        [title, "relative error ‖M − Mᵣ‖ / ‖M‖ against r"],
        [still, {"range": [-0.5, 14.5], "dtick": 2, "title": {"text": "r"}}],
        [{**still, "range": [d - 0.5, -0.5], "scaleanchor": "x", "scaleratio": 2.1},
         {"range": [0, 1.08]}],
        f"r = {r}: error {error:.4f} measured, {tail[r]:.4f} from the tail, where ‖M‖ is "
        f"{tail[0]:.2f}; {r} × ({d} + {k}) = {r * (d + k)} numbers instead of {d * k}"))
    return figure


# d_model, layers, (rows, columns) of the query, key, value and output matrices of one layer
MODELS = {
    "GPT-2 small": (12, {m: (768, 768) for m in "qkvo"}),
    "GPT-2 medium": (24, {m: (1024, 1024) for m in "qkvo"}),
    "Llama-3-8B-like": (32, {"q": (4096, 4096), "k": (1024, 4096), "v": (1024, 4096),
                             "o": (4096, 4096)}),
    "GPT-3": (96, {m: (12288, 12288) for m in "qkvo"}),
}
TARGETS = {"q": "q", "q, v": "qv", "q, k, v, o": "qkvo"}
RANKS = tuple(2**i for i in range(12))


def trainable(model: str, targets: str, r: int) -> tuple[int, int]:
    """(parameters of the adapters, parameters of the matrices they adapt) for a whole model."""
    layers, shapes = MODELS[model]
    sides = [shapes[m] for m in TARGETS[targets]]
    return (layers * sum(r * (d + k) for d, k in sides), layers * sum(d * k for d, k in sides))


def megabytes(size: float) -> str:
    """A number of bytes as words, in MB or GB of powers of ten."""
    return f"{number(size / 1e6)} MB" if size < 1e9 else f"{number(size / 1e9)} GB"


def parameters(model: str = "GPT-3", targets: str = "q, v", r: int = 4) -> go.Figure:
    """Trainable parameters against the rank, beside those of the adapted matrices."""
    counts = np.array([trainable(model, targets, rank)[0] for rank in RANKS])
    count, full = trainable(model, targets, r)
    low, high = 4, 11
    figure = go.Figure([
        go.Scatter(x=np.log2(RANKS), y=np.log10(counts), customdata=counts, name="adapters",
                   mode="lines+markers", line={"color": COLOURS["delta"], "width": 2.5},
                   hovertemplate="%{customdata:,}<extra></extra>"),
        go.Scatter(x=[-0.4, 11.4], y=np.log10([full, full]), customdata=[full, full],
                   mode="lines", name="the adapted matrices",
                   line={"color": COLOURS["frozen"], "dash": "dash"},
                   hovertemplate="%{customdata:,}<extra></extra>"),
        go.Scatter(x=[np.log2(r)], y=[np.log10(count)], customdata=[count], mode="markers",
                   name="this rank", marker={"size": 14, "symbol": "diamond",
                                             "color": COLOURS["B"]},
                   hovertemplate="%{customdata:,}<extra></extra>")])
    ticks = list(range(low, high + 1))
    figure.update_layout(layout(
        [f'<span style="color:{COLOURS["delta"]}">● adapters</span>   '
         f'<span style="color:{COLOURS["frozen"]}">┅ what they adapt</span>'],
        [{"range": [-0.4, 11.4], "tickvals": list(range(0, 12, 2)),  # every other fits a phone
          "ticktext": [str(rank) for rank in RANKS[::2]], "title": {"text": "r"}}],
        [{"range": [low, high], "tickvals": ticks, "ticktext": [power(t) for t in ticks],
          "title": {"text": "parameters"}}],
        f"{model}, {targets}, r = {r}: {count:,} trainable instead of {full:,}, "
        f"{number(full / count)} times fewer · {megabytes(2 * count)} in 16-bit numbers"))
    return figure
