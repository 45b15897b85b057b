"""Two adapters combined into one: how much of each the result contains."""

from functools import cache

import numpy as np

from lora_book.in_peft.runs import KINDS, arrives, combined, pair
from lora_book.shared.axes import labelled
from lora_book.shared.drawing import say
from lora_book.shared.looks import Look, apart, end_labels
from lora_book.shared.style import COLOURS, figure, level, marks
from lora_edu.explore.words import number

DRAWS = ("two draws", "one draw")
WEIGHTS = (-1.0, -0.5, 0.0, 0.5, 1.0, 2.0)  # of the second adapter
LOOKS = {"linear": ("rose", "square"), "svd": ("brown", "circle"), "cat": ("teal", "diamond")}


@cache
def _two_digits(share: float) -> str:
    return f"{round(share, 2) + 0:.2f}".replace("-", "−")


def _combination(draws: str, r: int, weight: float, kind: str) -> tuple[np.ndarray, float]:
    """(The share kept of each, the distance from the weighted sum relative to it.)"""
    adapters = pair(r, draws == "one draw", np.random.default_rng(0))
    change = combined(kind, adapters, [1.0, weight])
    total = combined("cat", adapters, [1.0, weight])
    return arrives(change, adapters), np.linalg.norm(change - total) / np.linalg.norm(total)


def combine(draws: str = "two draws", r: int = 16, weight: float = 1.0) -> dict:
    """Left: the share kept of each adapter, by kind. Right: the distance from the sum."""
    combinations = {kind: _combination(draws, r, weight, kind) for kind in KINDS}
    sentences = []
    for kind, (shares, gap) in combinations.items():
        first, second = map(_two_digits, shares)
        gap_text = number(gap) if gap > 1e-9 else "0"
        sentences.append(f"“{kind}” {first} and {second}, error {gap_text}")

    traces = [level(1.0, [-0.5, 2.5]), level(weight, [-0.5, 2.5]),
              say({(2.55, 1.0): "requested"}, "middle right", 11),
              say({(2, max(weight, 1.0) + 0.3): "1st 2nd"}, "top center", 11)]
    for x, (kind, (shares, _)) in enumerate(combinations.items()):
        colour, symbol = LOOKS[kind]
        for aside, share, which, is_open in ((-0.16, shares[0], "the first", False),
                                             (0.16, shares[1], "the second", True)):
            traces.append(marks([x + aside], [share], colour,
                                f"{symbol}-open" if is_open else symbol, 13,
                                stroke=2 if is_open else 0, name=f"{kind}, {which}",
                                hovertemplate=f"{which}: %{{y:.3g}}<extra></extra>"))
    for kind, (colour, symbol) in LOOKS.items():
        gaps = [_combination(draws, r, each, kind)[1] for each in WEIGHTS]
        traces.append(Look(colour, symbol).curve(WEIGHTS, gaps, kind, panel=2))
    traces.append(marks([weight] * 3, [gap for _, gap in combinations.values()],
                        [COLOURS[LOOKS[kind][0]] for kind in KINDS],
                        [LOOKS[kind][1] for kind in KINDS], 15, panel=2))
    lasts = [_combination(draws, r, WEIGHTS[-1], kind)[1] for kind in KINDS]
    ends = {kind: (height, LOOKS[kind][0])
            for kind, height in zip(KINDS, apart(lasts, 0.16), strict=True)}
    traces.append(end_labels(WEIGHTS[-1], ends, size=13, panel=2))

    errors = [f"{100 * combinations[kind][1]:.0f} %" for kind in KINDS]
    return figure(
        traces,
        f"At weight {weight:g}, “{KINDS[0]}” is off by {errors[0]}, “{KINDS[1]}” by {errors[1]} "
        f"and “{KINDS[2]}” by {errors[2]}".replace("-", "−"),
        [{"tickvals": [0, 1, 2], "ticktext": list(KINDS), "range": [-0.5, 3.6],
          "showgrid": False},
         labelled("second adapter’s weight", -1.2, 3.3, tickvals=list(WEIGHTS))],
        [{"range": [-1.4, 3.7]}, {"range": [-0.12, 1.15]}],
        f"{draws} of A, r = {r}, weights 1 and {weight:g}. Shares of the updates, and relative "
        f"error: {' · '.join(sentences)}",
        headings=["share of each update", "relative error"])
