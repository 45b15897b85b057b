"""What compare.py measured, as it ships with the book. Imports the standard library only."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from types import MappingProxyType

FILE = Path(__file__).parent / "data" / "results.json"
RANKS = (1, 4, 8, 16)


@cache
def read() -> MappingProxyType:
    """All measurements, read-only: "base", "rows", "samples" and "passages"."""
    return json.loads(FILE.read_text(encoding="utf-8"), object_pairs_hook=_fixed)


@cache
def row(style: str, method: str) -> MappingProxyType:
    """One row of the comparison."""
    return next(row for row in read()["rows"] if (row["style"], row["method"]) == (style, method))


def prompts() -> list[str]:
    """The prompts of the samples, without their line break, as the buttons show them."""
    return list(dict.fromkeys(sample["prompt"].strip() for sample in read()["samples"]))


@cache
def sample(style: str, r: int, prompt: str) -> MappingProxyType:
    """The sample of an adapter ("shakespeare", r = 0: of the base) after a prompt."""
    return next(s for s in read()["samples"]
                if (s["style"], s["r"], s["prompt"].strip()) == (style, r, prompt))


def _fixed(pairs: list) -> MappingProxyType:
    """An object of JSON whose entries cannot be changed."""
    return MappingProxyType({key: tuple(value) if isinstance(value, list) else value
                             for key, value in pairs})
