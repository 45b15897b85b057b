"""What ``make_data`` measured, as it ships with the book."""

import json
from functools import cache
from pathlib import Path

FILE = Path(__file__).parent / "data" / "results.json"
RANKS = (1, 4, 8, 16)


@cache
def read() -> dict:
    """All measurements: "base" (style → part → loss), and the lists "rows" and "samples"."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def row(style: str, method: str) -> dict:
    """One row of the comparison.

    "trained": how many numbers train. "validation": {rate, as text: loss}. "lr": the best rate.
    "test", "shakespeare": the losses at it, one a seed, on the style's own text and on the base's.
    """
    return next(row for row in read()["rows"] if (row["style"], row["method"]) == (style, method))


def prompts() -> list[str]:
    """The prompts of the samples, without their line break, as the buttons show them."""
    return list(dict.fromkeys(sample["prompt"].strip() for sample in read()["samples"]))


def sample(style: str, r: int, prompt: str) -> dict:
    """The sample of an adapter ("shakespeare", r = 0: of the base) after a prompt."""
    return next(s for s in read()["samples"]
                if (s["style"], s["r"], s["prompt"].strip()) == (style, r, prompt))
