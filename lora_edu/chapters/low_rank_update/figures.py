"""A picture rebuilt from outer products, and the price of a rank in parameters."""

from __future__ import annotations

import numpy as np

from lora_edu.chapters.low_rank_update.runs import best_rank, picture
from lora_edu.chapters.shared.drawing import cells, drawing, say
from lora_edu.chapters.shared.models import SIZES, size_text
from lora_edu.chapters.shared.style import (
    COLOURS,
    PALE,
    coloured,
    figure,
    heat,
    layout,
    level,
    line,
    marks,
)
from lora_edu.explore.words import number, power

VIEWS = ("sum of r terms", "term number r", "what is missing")
MODELS = ("GPT-2 small", "GPT-2 medium", "Llama-3-8B-like", "GPT-3")
TARGETS = ("q", "q, v", "q, k, v, o")
RANKS = tuple(2**i for i in range(12))
TWO_TERMS = ([[1, 0], [2, 1], [0, 3]], [[1, 1, 0, 2], [0, 1, 1, 0]])  # B and A


def outer_products(B=TWO_TERMS[0], A=TWO_TERMS[1]) -> dict:
    """The outer product of each column of B and row of A, their numbers in cells, and BA.

    B: (d, r), A: (r, k), of whole numbers.
    """
    B, A = np.array(B), np.array(A)
    (d, r), k = B.shape, A.shape[1]
    groups = [(B[:, [i]], A[[i]], f"term {i + 1}") for i in range(r)] + [(B, A, "BA")]
    parts, left = [], 0.0
    numbers = {}
    for column, row, name in groups:
        n = column.shape[1]
        corner = left + n + 0.4
        for matrix, x, top, quantity in (
                (column, left, 0, "B"), (row, corner, n + 0.4, "A"),
                (column @ row, corner, 0, "delta")):
            parts += cells(matrix, x, top, quantity, largest=abs(B @ A).max())
            numbers |= {(x + j + 0.5, top - i - 0.5): str(value)
                        for (i, j), value in np.ndenumerate(matrix)}
        numbers[corner + k / 2, -d - 0.8] = name
        if name != "BA":
            numbers[corner + k + 0.75, -d / 2] = "=" if name == f"term {r}" else "+"
        left = corner + k + 1.5
    *single, whole = (np.linalg.matrix_rank(column @ row) for column, row, _ in groups)
    return drawing([*parts, say(numbers, size=11)], [((-0.3, left - 1.2), (-d - 1.4, r + 0.7))],
                   f"{r} terms, each a column of B times a row of A, of rank "
                   f"{' and '.join(map(str, single))}; their sum, BA, has rank {whole}")


def low_rank(r: int = 1, view: str = VIEWS[0]) -> dict:
    """Left: the sum of r outer products, the r-th of them, or what is missing. Right: the error."""
    M = picture()
    d, k = M.shape
    sigma = np.linalg.svd(M, compute_uv=False)
    tail = np.sqrt(np.append(np.cumsum(sigma[::-1] ** 2)[::-1], 0.0))  # tail[r]: error at rank r
    best = best_rank(M, r)
    shown, title = {
        VIEWS[0]: (best, f"sum of {r} terms" if r > 1 else "one term"),
        VIEWS[1]: (best - best_rank(M, r - 1), f"term number {r}"),
        VIEWS[2]: (M - best, f"what is missing at r = {r}")}[view]
    error = np.linalg.norm(M - best)
    traces = [
        heat(shown, -120, 120, [COLOURS["B"], PALE, COLOURS["A"]],
             hovertemplate="row %{y}, column %{x}: %{z} / 100<extra></extra>"),
        line(np.arange(len(tail)), tail / tail[0], "delta", panel=2, width=2, mode="lines+markers",
             name="error of the best rank-r matrix",
             hovertemplate="r = %{x}: %{y:.3f}<extra></extra>"),
        marks([r], [error / tail[0]], "B", "diamond", 14, panel=2, name="shown",
              hovertemplate="measured: %{y:.3f}<extra></extra>")]
    still = {"showticklabels": False, "ticks": "", "showgrid": False, "constrain": "domain"}
    return figure(traces, layout(
        [title, "‖M − Mᵣ‖ / ‖M‖ against r"],
        [still, {"range": [-0.5, 14.5], "dtick": 2, "title": {"text": "r"}}],
        [{**still, "range": [d - 0.5, -0.5], "scaleanchor": "x", "scaleratio": 2.1},
         {"range": [0, 1.08]}],
        f"r = {r}: error {error:.4f} measured, {tail[r]:.4f} from the tail, where ‖M‖ is "
        f"{tail[0]:.2f}; {r} × ({d} + {k}) = {r * (d + k)} numbers instead of {d * k}"))


def parameters(model: str = "GPT-3", targets: str = "q, v", r: int = 4) -> dict:
    """Trainable parameters against the rank, beside those of the adapted matrices."""
    size = SIZES[model]
    counts = np.array([size.trainable(targets, rank) for rank in RANKS])
    count, full = size.trainable(targets, r), size.frozen(targets)
    ticks, hover = list(range(4, 12)), "%{customdata:,}<extra></extra>"
    traces = [
        line(np.log2(RANKS), np.log10(counts), "delta", mode="lines+markers", name="adapters",
             customdata=counts, hovertemplate=hover),
        level(np.log10(full), [-0.4, 11.4], width=2, name="the adapted matrices",
              customdata=[full, full], hovertemplate=hover),
        marks([np.log2(r)], [np.log10(count)], "B", "diamond", 14, name="this rank",
              customdata=[count], hovertemplate=hover)]
    return figure(traces, layout(
        [coloured("● adapters", "delta") + "   " + coloured("┅ what they adapt", "frozen")],
        [{"range": [-0.4, 11.4], "tickvals": list(range(0, 12, 2)),  # every other fits a phone
          "ticktext": [str(rank) for rank in RANKS[::2]], "title": {"text": "r"}}],
        [{"range": [ticks[0], ticks[-1]], "tickvals": ticks, "ticktext": [power(t) for t in ticks],
          "title": {"text": "parameters"}}],
        f"{model}, {targets}, r = {r}: {count:,} trainable instead of {full:,}, "
        f"{number(full / count)} times fewer · {size_text(2 * count, least='MB')} in 16-bit "
        "numbers"))
