"""The chooser of optimisers, and their table."""

import json
from functools import cache
from pathlib import Path

import numpy as np

from lora_book.shared.axes import labelled
from lora_book.shared.style import coloured, figure, line, marks
from lora_book.shared.two_runs import STEPS
from lora_edu.explore.words import number

DATA = Path(__file__).with_name("data") / "rules.json"
FOLLOWS = "nothing", "η and A’s start", "everything"
UNITS = {2: "× c²", 1: "× c", 0: "stays", -1: "÷ c", -2: "÷ c²"}


@cache
def results() -> dict[str, dict]:
    """Rule → what ``runs.compare`` found of it, as ``make_data`` has stored it."""
    stored = json.loads(DATA.read_text(encoding="utf-8"))
    order = 1, 2, 0, None
    return dict(sorted(stored.items(), key=lambda item: order.index(item[1]["power"])))


def chooser(optimiser: str = "Lion", follows: str = "everything") -> dict:
    """The losses of a run with α × 16 and of a partner with α, to which some settings follow."""
    result = results()[optimiser]
    which = FOLLOWS.index(follows)
    gap = result["gaps"][which]
    large = result["losses"][0]
    partner = result["losses"][1 + which]
    steps = np.arange(0, STEPS + 1, 2)
    top = 0.66
    gap_text = gap_in_words(gap)
    rule = rule_in_words(result)
    traces = [line(steps, np.minimum(large, top), "loss", width=9, opacity=0.45, name="α × 16"),
              marks(steps, np.minimum(partner, top), "delta", "diamond", 7)]
    return figure(traces, f"{rule}; with {follows} the gap is {gap_text}",
                  [labelled("step", -2, STEPS + 1)],
                  [labelled("loss", -0.04, 0.7, tickvals=[0, 0.2, 0.4, 0.6])],
                  f"{optimiser} ({result['by']}): {rule}. With {follows} the gap is {gap_text}",
                  headings=[f"{coloured('▬ α × 16', 'loss')}   {coloured('◆ plain α', 'delta')}"])


def rule_in_words(result: dict) -> str:
    """What a change of unit by c asks of η and of the constants: "η × c, ε ÷ c"."""
    if result["power"] is None:
        return "no power of η"
    return ", ".join(f"{name} {UNITS[power]}"
                     for name, power in {"η": result["power"], **result["follows"]}.items())


def gap_in_words(gap: float) -> str:
    return number(gap) if gap else "exactly 0"


def table() -> str:
    """All optimisers as a table in Markdown."""
    unbroken = str.maketrans(" ", "\N{NO-BREAK SPACE}")
    rows = []
    for name, result in results().items():
        follows = rule_in_words(result).translate(unbroken).replace(",\N{NO-BREAK SPACE}", ", ")
        gaps = map(gap_in_words, result["gaps"][:0:-1])
        rows.append((name, follows, *gaps, result["by"]))
    head = "optimiser", "what follows", "gap, all follows", "gap, constants stay", "as in"
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))
