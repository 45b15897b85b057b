"""The table of optimisers."""

import json
from functools import cache
from pathlib import Path

from lora_edu.explore.words import number

DATA = Path(__file__).with_name("data") / "rules.json"
UNITS = {2: "× c²", 1: "× c", 0: "stays", -1: "÷ c", -2: "÷ c²"}


@cache
def results() -> dict[str, dict]:
    """Rule → what ``runs.compare`` found of it, as ``make_data`` has stored it."""
    stored = json.loads(DATA.read_text(encoding="utf-8"))
    order = 1, 2, 0, None
    return dict(sorted(stored.items(), key=lambda item: order.index(item[1]["power"])))


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
    head = ("optimiser", "conversion", "gap with all converted", "gap with constants unchanged",
            "as in")
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))
