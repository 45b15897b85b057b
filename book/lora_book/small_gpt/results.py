"""What ``make_data`` measured, as it ships with the book."""

import json
from functools import cache
from pathlib import Path

import numpy as np

FILE = Path(__file__).parent / "data" / "results.json"
RANKS = (1, 4, 8, 16)
BUDGET = {"k, r = 16": "k only", "q, r = 16": "q only", "v, r = 16": "v only",
          "q, v, r = 8": "q and v", "q, k, v, out, r = 4": "all of attention",
          "all, r = 2": "attention and MLP", "up, down, r = 3": "MLP"}  # about 12,288 numbers each


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


def share(style: str, method: str) -> float:
    """The gain on a style's test part, over that of training everything."""
    before = read()["base"][style]["test"]
    adapted, full = (before - np.mean(row(style, name)["test"]) for name in (method, "full"))
    return adapted / full


def by_rank() -> str:
    """What each rank on q and v gains, and costs on Shakespeare, as a table in Markdown."""
    before = read()["base"]["shakespeare"]["test"]
    lines = ["| | trained parameters | share of the full gain on the Bible | on the dictionary "
             "| rise in Shakespeare’s loss after the Bible | after the dictionary |",
             "|---" * 6 + "|"]
    for name in (*(f"q, v, r = {r}" for r in RANKS), "full"):
        gains = [f"{share(style, name):.0%}" for style in ("bible", "devil")]
        costs = [f"+{np.mean(row(style, name)['shakespeare']) - before:.2f}"
                 for style in ("bible", "devil")]
        trained = f"{row('bible', name)['trained']:,}"
        lines.append("| " + " | ".join([name, trained, *gains, *costs]) + " |")
    return "\n".join(lines)


def budget() -> str:
    """The share of the full gain on the Bible that about 12,288 parameters reach, in Markdown."""
    lines = ["| adapters on | rank | share of the full gain |", "|---|---|---|"]
    for method, name in BUDGET.items():
        lines.append(f"| {name} | {method.rpartition(' ')[2]} | {share('bible', method):.0%} |")
    return "\n".join(lines)
