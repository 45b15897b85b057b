"""An examination as text, in the order in which one reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from lora_edu.formats.convention import A_STARTS, TOOLS

if TYPE_CHECKING:
    from lora_edu.examine import Examination

OF_TRAINING = ("learning_rate", "_lr", "optimizer", "scheduler", "network", "steps", "epoch",
               "base_model", "init_lora")  # in names of the metadata that are worth a line
TABLE = "{:<52}{:>5}{:>9}{:>10}{:>10}{:>10}{:>8}{:>5}{:>5}{:>9}"


def as_text(examination: Examination) -> str:
    """The report."""
    parts = [head(examination), [str(examination.findings)], _where(examination),
             _spread(examination), _elsewhere(examination), _training(examination),
             _modules(examination)]
    return "\n\n".join("\n".join(part) for part in map(list, parts) if part)


def head(examination: Examination) -> Iterator[str]:
    rows = examination.rows
    dtypes = sorted({dtype for row in rows for dtype in row.dtypes})
    numbers = sum(row.r * sum(row.shape) for row in rows if row.shape)
    yield examination.name
    yield (f"layout {examination.layout}, {len(rows)} modules, {numbers:,} numbers in A and B, "
           f"{', '.join(dtypes)}")
    for r, s, rule, count in examination.scales():
        yield f"r = {r}, s = {s:.4g} by {rule}: {count} modules"


def _where(examination: Examination) -> Iterator[str]:
    """‖ΔW‖ by part, in the same order as the map."""
    blocks, parts, norms = examination.map()
    yield "Where it learned: ‖ΔW‖ over the blocks, smallest, median, largest"
    for part, column in zip(parts, norms.T, strict=True):
        known = column[np.isfinite(column)]
        if len(known):
            strongest = blocks[int(np.nanargmax(column))]
            yield (f"  {part:<40} {known.min():.3g}, {np.median(known):.3g}, {known.max():.3g} "
                   f"({strongest})")


def _spread(examination: Examination) -> Iterator[str]:
    """A beside the starts."""
    ways = {start: examination.way(start) for start in A_STARTS}
    if not any(np.isfinite(ratio) for ratio, _, _ in ways.values()):
        return
    yield "How far A went: its spread, in that of a start (median), and the way from it if it was"
    for start, (ratio, at_least, about) in ways.items():
        tools = ", ".join(name for name, tool in TOOLS.items() if tool.start == start)
        way = f"at least {at_least:.0%} of its length"
        if np.isfinite(about):
            way += f", about {about:.0%}"
        yield f"  {start} ({tools}): {ratio:.3g}; {way}"
    yield "  (about: if A moved at a right angle to its start)"


def _elsewhere(examination: Examination) -> Iterator[str]:
    written = examination.elsewhere()
    if written:
        yield "The same rank and scale in other tools"
    for tool, settings in written.items():
        yield f"  {tool}: {settings}"


def _training(examination: Examination) -> Iterator[str]:
    """What the file says about its training."""
    lines = [f"  {key}: {value}" for held in (examination.metadata, examination.settings)
             for key, value in held.items()
             if len(str(value)) <= 100 and any(word in key for word in OF_TRAINING)]
    return iter(["What it says of its training", *lines] if lines else [])


def _modules(examination: Examination) -> Iterator[str]:
    yield TABLE.format("module", "r", "s", "‖A‖", "‖B‖", "‖ΔW‖", "stable", "90 %", "99 %", "type")
    for row in examination.rows:
        numbers = [f"{number:.3g}" for number in (row.norm_A, row.norm_B, row.norm)]
        ranks = [f"{row.stable_rank:.1f}", row.rank_holding(0.9), row.rank_holding(0.99)]
        s = "?" if row.scale is None else f"{row.scale:.3g}"
        dtypes = "/".join(dict.fromkeys(row.dtypes)) if row.method == "LoRA" else row.method
        name = row.layer if len(row.layer) <= 51 else "…" + row.layer[-50:]
        yield TABLE.format(name, row.r or "?", s, *numbers, *ranks, dtypes)
