"""Two adapters combined into one: how much of each the result contains."""

from functools import cache

import numpy as np

from lora_book.in_peft.runs import KINDS, arrives, combined, pair
from lora_book.shared.axes import labelled
from lora_book.shared.looks import Look, apart, end_labels
from lora_book.shared.style import coloured, figure, marks
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
    """The distance from the weighted sum against the second weight, by kind; above it, the share
    that "linear" keeps of each adapter."""
    combinations = {kind: _combination(draws, r, weight, kind) for kind in KINDS}
    exact = [f"“{kind}”" for kind, (_, gap) in combinations.items() if gap < 1e-9]
    off = ", ".join(f"“{kind}” by {100 * gap:.0f} %" for kind, (_, gap) in combinations.items()
                    if gap >= 1e-9)
    *most, last = exact
    giving = f"{', '.join(most)} and {last} give" if most else f"Only {last} gives"
    sentences = []
    for kind, (shares, gap) in combinations.items():
        first, second = map(_two_digits, shares)
        gap_text = number(gap) if gap > 1e-9 else "0"
        sentences.append(f"“{kind}” {first} and {second}, error {gap_text}")

    traces = []
    ends = {}
    for kind, (colour, symbol) in LOOKS.items():
        gaps = [_combination(draws, r, each, kind)[1] for each in WEIGHTS]
        traces += [Look(colour, symbol).curve(WEIGHTS, gaps, kind),
                   marks([weight], [combinations[kind][1]], colour, symbol, 15)]
        ends[kind] = gaps[-1], colour
    heights = apart([height for height, _ in ends.values()], 0.08)
    ends = {kind: (height, ends[kind][1]) for kind, height in zip(ends, heights, strict=True)}
    first, second = map(_two_digits, combinations["linear"][0])
    return figure(
        [*traces, end_labels(WEIGHTS[-1], ends, size=13)],
        f"{giving} the requested sum{off and '; ' + off.replace(' by', ' is off by', 1)}",
        [labelled("second adapter’s weight", -1.2, 3.2, tickvals=list(WEIGHTS))],
        [labelled("relative error", -0.12, 1.15)],
        f"{draws} of A, r = {r}, weights 1 and {weight:g}. Shares of the updates, and relative "
        f"error: {' · '.join(sentences)}",
        headings=[coloured(f"“linear”: {first} × update 1, {second} × update 2", "rose")])
