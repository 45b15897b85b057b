"""A picture rebuilt from outer products."""

import numpy as np

from lora_book.low_rank_update.runs import terms
from lora_book.shared.drawing import box, cells, dotted, drawing, map_drawing, say
from lora_book.shared.style import PALE, heat
from lora_book.shared.word import picture, word
from lora_book.shared.word_pictures import beside

COLUMNS = 4  # of terms
LEVELS = 20  # of their colours
VIEWS = ("sum of r terms", "term number r", "what is missing")
TWO_TERMS = ([[1, 0], [2, 1], [0, 3]], [[1, 1, 0, 2], [0, 1, 1, 0]])  # B and A


def outer_products() -> dict:
    """The outer products of the columns and rows of ``TWO_TERMS``, in cells, and their sum BA."""
    B, A = map(np.array, TWO_TERMS)
    d, r = B.shape
    k = A.shape[1]
    groups = [(B[:, [i]], A[[i]], f"term {i + 1}") for i in range(r)] + [(B, A, "BA")]
    parts = []
    left = 0.0
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
    return drawing([*parts, say(numbers, size=11)], "", (-0.3, left - 1.2), (-d - 1.4, r + 0.7),
                   f"{r} terms of rank 1, each a column of B times a row of A, add up to BA, which "
                   f"has rank {np.linalg.matrix_rank(B @ A)}")


def low_rank(r: int = 1, view: str = VIEWS[0]) -> dict:
    """B's columns and A's rows beside the picture they make, above what they store and miss.

    view: one of ``VIEWS``: which picture is shown.
    """
    M = picture()
    d, k = M.shape
    B, A = terms(M)
    best = B[:, :r] @ A[:r]
    missing = np.linalg.norm(M - best) / np.linalg.norm(M)
    stored = r * (d + k)
    error = f"{100 * missing:.0f} % of the picture’s norm"
    shown, headline = {
        VIEWS[0]: (best, f"An update of rank {r} takes {r} × ({d} + {k}) = {stored} numbers"),
        VIEWS[1]: (B[:, [r - 1]] @ A[[r - 1]], f"Term {r} is one column of B times one row of A"),
        VIEWS[2]: (M - best, f"At rank {r}, the error is {error}")}[view]

    is_last = np.arange(r) == r - 1
    lit = is_last if view == VIEWS[1] else np.full(r, True)
    parts = beside(B[:, :r] * lit / abs(B).max(), (A[:r].T * lit).T / abs(A).max(), shown / 1.2)
    if r < 10:  # what a full rank would take
        parts.append(say({(0, -d - 0.4): f"room for A’s rows up to r = {d}"}, "middle right", 12,
                         colour="frozen"))
    unit = k / M.size  # of the bars: the picture's numbers are as long as it is
    left = -1.5 - d
    stored_bar = d + 3
    missing_bar = d + 8.5
    so_far = " so far" if view == VIEWS[1] and r > 1 else ""
    parts.append(say({
        (left, stored_bar - 1.3): f"stored{so_far}: {stored} numbers (the picture has {M.size})",
        (left, missing_bar - 1.3): f"error{so_far}: {error}"}, "middle right"))
    parts += [box(left, stored_bar, d * r * unit, 2, "B"),
              box(left + d * r * unit, stored_bar, k * r * unit, 2, "A"),
              box(left, missing_bar, missing * k, 2, "loss"),
              dotted(left, stored_bar, k, 2), dotted(left, missing_bar, k, 2),
              dotted(-0.5, -1.5 - d, k, d, thick=1), dotted(left, -0.5, d, d, thick=1)]

    return map_drawing(parts, headline, (left - 0.5, k + 0.5), (-4 - d, d + 11),
                       f"At rank {r}, B and A store {stored} numbers instead of {M.size}, and "
                       f"the error is {100 * missing:.2f} % of the picture’s norm")


def singular_values() -> dict:
    """All terms of the picture, each drawn with its strength, above its singular value.

    Those that are larger than the largest of the noise alone have it in ΔW's colour.
    """
    M = picture()
    d, k = M.shape
    B, A = terms(M)
    values = np.linalg.svd(M, compute_uv=False)
    noise = np.linalg.svd(M - word(), compute_uv=False)[0]
    above = int((values > noise).sum())
    parts = []
    for i, value in enumerate(values):
        left = (i % COLUMNS) * (k + 3)
        top = (i // COLUMNS) * (d + 7)
        term = np.outer(B[:, i], A[i])
        colour = "delta" if i < above else "loss"
        parts += [heat(LEVELS * term, -LEVELS, LEVELS, ["frozen", PALE, "delta"],
                       name=f"term {i + 1}", x0=left, y0=top),
                  say({(left, top + d + 2): f"{i + 1}: {value:.2g}"}, "middle right", 12,
                      colour=colour)]
    headline = f"{above} of the {len(values)} singular values exceed the noise’s largest"
    return map_drawing(parts, headline, (-1, COLUMNS * (k + 3) - 3),
                       (-1, (d + 7) * len(values) / COLUMNS), headline)
