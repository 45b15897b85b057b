"""Pictures of ΔW, whose wanted value is the word LoRA: with words under them, or with A and B."""

import numpy as np

from lora_book.shared import word_run
from lora_book.shared.drawing import box, framed, map_drawing, say, sign_key
from lora_book.shared.style import PALE, coloured, heat, words


def pictures(rows: dict[str, tuple], headline: str, reading: str) -> dict:
    """Pictures of ΔW, one above the other, each with its name and, below it, a bar and words.

    Args:
        rows: Name → (ΔW (d, k), the bar's length in cells, the name of its colour, its words).
        headline, reading: What is found, and the sentence under the plot.
    """
    d, k = word_run.task().shape
    parts = []
    for row, (name, (delta, length, colour, caption)) in enumerate(rows.items()):
        top = row * (d + 6)
        parts += [*framed(delta, 0, top, "delta", name),
                  say({(-1, top + d / 2 - 0.5): name}, "middle left", 15),
                  box(-0.5, top + d + 0.6, length, 2.2, colour),
                  say({(length, top + d + 1.7): coloured(caption, colour)}, "middle right")]
    end = len(rows) * (d + 6) - 2.5
    parts += sign_key(k - 11, end + 1.2, "delta")
    return map_drawing(parts, headline, (-11, k + 0.5), (-1.5, end + 2.6), reading)


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
