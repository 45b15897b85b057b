"""What rounding does to the entries of a merged weight."""

import numpy as np

from lora_book.shared.axes import labelled
from lora_book.shared.looks import named
from lora_book.shared.style import MARGIN, coloured, figure, line, marks
from lora_book.the_layer.runs import K, rounded

ENTRIES = (3, 1.5, 0.8, 0.4, 0.2, 0.1)  # of W0, in standard deviations of its entries
ON_RULERS = (0.001, 0.002, 0.005, 0.01, 0.02)  # Δw, in the same unit


def rulers(size: float = 0.005) -> dict:
    """Entries of W0, the numbers that bfloat16 has above each, and the one that w + Δw becomes.

    A row an entry. Along x: per cent of a standard deviation. size: the same Δw for every entry.
    """
    unit = 1 / np.sqrt(K)
    rows = range(len(ENTRIES), 0, -1)
    x = []
    y = []
    stored = []
    for row, entry in zip(rows, ENTRIES, strict=True):
        w = rounded(np.array([entry * unit]), "bfloat16")[0]
        beside = np.unique(rounded(w + unit * np.linspace(-0.003, 0.023, 2000), "bfloat16"))
        for tick in 100 * (beside - w) / unit:
            x += [tick, tick, None]
            y += [row - 0.3, row + 0.3, None]
        stored.append(100 * (rounded(np.array([w + size * unit]), "bfloat16")[0] - w) / unit)
    moved = np.count_nonzero(stored)
    names = [f"w = {entry:g}" if value else f"w = {entry:g} stays"
             for entry, value in zip(ENTRIES, stored, strict=True)]
    return figure(
        [line(x, y, "frozen", width=1.5, **named("bfloat16")),
         line([100 * size] * 2, [0.4, len(ENTRIES) + 0.6], "delta", width=2, **named("w + Δw")),
         marks(stored, list(rows), "rose", "circle", 12, **named("stored value"))],
        f"Adding Δw changes {moved} of {len(ENTRIES)} entries",
        [labelled("change, in % of a typical entry", -0.35, 2.35, tickvals=[0, 0.5, 1, 1.5, 2])],
        [{"range": [0.4, len(ENTRIES) + 0.6], "tickvals": list(rows), "showgrid": False,
          "ticktext": names}],
        f"Δw = {100 * size:g} % of a typical entry, in bfloat16: "
        f"{moved} of {len(ENTRIES)} entries change",
        headings=[f"{coloured('│ values that bfloat16 can store', 'frozen')}<br>"
                  f"{coloured('│ w + Δw', 'delta')}   {coloured('● stored value', 'rose')}"],
        margin={**MARGIN, "l": 92, "t": 52})
