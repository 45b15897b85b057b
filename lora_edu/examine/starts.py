"""How A began: what the file or its tool says, unless A's spread says otherwise."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lora_edu.examine.rows import Row
from lora_edu.formats.convention import A_STARTS

FAR = 4  # times as wide as its start: of 45 repositories' adapters, three have such an A
NEAR = 0.1  # of a start's spread: an A that is so near fits that start …
MOST = 0.75  # … and a file does, in which so many of the modules do
STARTS = {  # by the tools that write such files, the usual one first; all starts for other layouts
    "diffusers": ("peft_gaussian", "kaiming_uniform"),
    "kohya": ("kaiming_uniform", "peft_gaussian")}


def likely_starts(layout: str, named: str | None, rows: Iterable[Row]) -> tuple[str, ...]:
    """How A may have begun, the likeliest first.

    named: the start that the file or its tool names. It counts, unless a spread is far from it and
    most fit another start, as where a program that does not know the start has written its own.
    """
    usual = (named,) if named else STARTS.get(layout, tuple(A_STARTS))
    spreads = np.array([[row.sigma / row.starts[start] for start in A_STARTS]
                        for row in rows if row.is_known and row.starts])
    if not spreads.size:
        return usual
    shares = np.mean(abs(spreads - 1) <= NEAR, axis=0)
    fits = [start for start, share in zip(A_STARTS, shares, strict=True) if share >= MOST]
    if not named:
        return tuple(sorted(usual, key=lambda start: start not in fits))
    beside = spreads[:, list(A_STARTS).index(named)]
    is_far = beside.max() > FAR or beside.min() < 1 / FAR
    return tuple(fits[:1]) if fits and named not in fits and is_far else usual
