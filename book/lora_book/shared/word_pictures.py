"""A picture of ΔW with the columns of B and the rows of A."""

import numpy as np

from lora_book.shared.drawing import sign_key
from lora_book.shared.style import PALE, coloured, heat, words


def beside(columns: np.ndarray, rows: np.ndarray, picture: np.ndarray, names="BA") -> list[dict]:
    """A picture, columns in B's colour on its left and rows in A's colour above it.

    Args:
        columns: (d, r), of sizes up to 1. What is negative becomes grey.
        rows: (r, k), likewise.
        picture: (d, k), likewise. Its upper left cell is at (0, 0), and y goes down.
        names: what the columns and the rows are called.
    """
    r, k = rows.shape
    places = (("delta", picture, 0, 0), ("B", columns, -1 - r, 0), ("A", rows, 0, -1 - r))
    maps = [heat(100 * values, -100, 100, ["frozen", PALE, quantity],
                 name=quantity, x0=x, y0=y) for quantity, values, x, y in places]
    labels = [coloured(name, quantity) for name, quantity in zip(names, "BA", strict=True)]
    return [*maps, *sign_key(-14, -12, "A", "B", "delta"),
            words([-1.5, k / 2], [-2.3, -2.6 - r], labels, textfont={"size": 15},
                  textposition=["middle left", "middle center"])]
