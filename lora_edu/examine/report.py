"""An examination as text, in the order in which one reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from lora_edu.findings import on_one_line
from lora_edu.formats.convention import A_STARTS, TOOLS

if TYPE_CHECKING:
    from lora_edu.examine import Examination

OF_TRAINING = ("learning_rate", "_lr", "optimizer", "scheduler", "network", "steps", "epoch",
               "base_model", "init_lora")  # in names of the metadata that are worth a line
TABLE = "{:>4}{:>9}{:>10}{:>10}{:>10}{:>8}{:>5}{:>5}  {:<9} {}"


def as_text(examination: Examination) -> str:
    """The report."""
    sections = ["\n".join(lines) for lines in (
        head(examination), [str(examination.findings)], _where(examination), _spread(examination),
        _elsewhere(examination), _training(examination), _modules(examination))]
    return "\n\n".join(section for section in sections if section)


def in_a_line(examination: Examination) -> str:
    """What it is: the file, its modules and ranks, and the worst that is found."""
    parts = [examination.layout, _modules_in_words(len(examination.rows))]
    ranks = sorted({row.r for row in examination.rows if row.r is not None})
    if ranks:
        ends = dict.fromkeys([ranks[0], ranks[-1]])  # one of them, where they are equal
        parts.append(f"r = {' to '.join(map(str, ends))}")
    if examination.findings:
        worst = examination.findings[0]
        parts.append(f"{len(examination.findings)} found, such as {worst.severity} {worst.name}")
    else:
        parts.append("nothing found")
    return f"<Examination of {on_one_line(examination.name)}: {', '.join(parts)}>"


def head(examination: Examination) -> Iterator[str]:
    rows = examination.rows
    dtypes = sorted({dtype for row in rows for dtype in row.dtypes})
    numbers = sum(row.r * sum(row.shape) for row in rows if row.shape)
    yield on_one_line(examination.name)
    yield (f"layout {examination.layout}, {_modules_in_words(len(rows))}, "
           f"{numbers:,} numbers in A and B, {', '.join(dtypes)}")
    for shared in examination.scales():
        # MLX's files say s alone
        alpha = "" if shared.rule == "scale" else f"α = {shared.alpha:.4g}, "
        yield (f"r = {shared.r}, {alpha}s = {shared.scale:.4g} by {shared.rule}: "
               f"{_modules_in_words(shared.modules)}")


def _modules_in_words(count: int) -> str:
    return "1 module" if count == 1 else f"{count} modules"


def _where(examination: Examination) -> Iterator[str]:
    """‖ΔW‖ by part, in the same order as the map."""
    blocks, parts, norms = examination.map()
    yield "Where it learned: ‖ΔW‖, and over several blocks its smallest, median, largest"
    for part, column in zip(parts, norms.T, strict=True):
        known = column[np.isfinite(column)]
        if known.size:
            quantiles = [0, 0.5, 1] if known.size > 1 else [1]
            norms_in_words = ", ".join(f"{norm:.3g}" for norm in np.quantile(known, quantiles))
            strongest = on_one_line(blocks[np.nanargmax(column)])
            of_block = f" ({strongest})" if strongest else ""
            yield f"  {on_one_line(part):<40} {norms_in_words}{of_block}"


def _spread(examination: Examination) -> Iterator[str]:
    """A beside the starts."""
    if not any(row.starts for row in examination.rows):
        return
    yield "How far A went"
    for start in A_STARTS:
        tools = ", ".join(name for name, tool in TOOLS.items() if tool.start == start)
        yield f"  {start} ({tools}): {beside_start(examination, start)}"


def beside_start(examination: Examination, start: str) -> str:
    """How wide A is beside such a start, and how far it went if it began so."""
    beside = examination.beside_start(start)
    text = f"{beside.ratio:.3g} times as wide as this start (median over modules). If it began so, "
    if beside.at_least == 0:
        text += "its length does not tell how far it went"
    else:
        text += f"it went at least {100 * beside.at_least:.3g} % of the start’s length"
    if np.isfinite(beside.about):
        text += f", and {100 * beside.about:.3g} % at a right angle"
    return text


def _elsewhere(examination: Examination) -> Iterator[str]:
    written = examination.elsewhere()
    if written:
        yield "The same rank and scale in other tools"
    for tool, settings in written.items():
        yield f"  {tool}: {settings}"


def _training(examination: Examination) -> list[str]:
    """What the file says about its training."""
    entries = [*examination.metadata.items(), *examination.settings.items()]
    lines = [on_one_line(f"  {key}: {value}") for key, value in entries
             if len(str(value)) <= 100 and any(word in key for word in OF_TRAINING)]
    return ["What it says of its training", *lines] if lines else []


def _modules(examination: Examination) -> Iterator[str]:
    yield TABLE.format("r", "s", "‖A‖", "‖B‖", "‖ΔW‖", "stable", "90 %", "99 %", "type", "module")
    for row in examination.rows:
        numbers = np.array([row.scale, row.norm_A, row.norm_B, row.norm, row.stable_rank], float)
        texts = [f"{number:.3g}".replace("nan", "–") for number in numbers]
        dtypes = "/".join(dict.fromkeys(row.dtypes)) if row.method == "LoRA" else row.method
        ranks = [row.rank_holding(0.9), row.rank_holding(0.99)] if row.is_known else ["–", "–"]
        yield TABLE.format(row.r or "–", *texts, *ranks, dtypes, on_one_line(row.layer))
