"""An examination as text, in the order in which one reads it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from lora_edu.findings import on_one_line
from lora_edu.formats.convention import START_WORDS
from lora_edu.formats.layouts import LAYOUTS

if TYPE_CHECKING:
    from lora_edu.examine import Examination

OF_TRAINING = ("learning_rate", "_lr", "optimizer", "scheduler", "network", "steps", "epoch",
               "base_model", "init_lora")  # in names of the metadata that are worth a line
TABLE = "{:>4}{:>9}{:>10}{:>10}{:>10}{:>8}{:>5}{:>5}  {:<9} {}"
LINES = 5  # of a section, in the short report
MANY = 10  # times are no longer told in percent
NOT_LOADABLE = {"settings", "rank", "incomplete", "unknown-name", "other-shape"}  # findings
TELLING = 2  # the right angle's way over the shortest, where the length still tells the way


def as_text(examination: Examination, whole: bool) -> str:
    """The report: what matters, or all of it."""
    sections = [
        [*head(examination)],
        [*_loading(examination),
         f"Does it do anything? {verdict(examination)}",
         f"Is anything wrong? {examination.findings}"],
        _shortened([*_where(examination)], whole),
        [*_spread(examination)],
        _shortened(_training(examination), whole)]
    if whole:
        sections += [[*_elsewhere(examination)], [*_modules(examination)],
                     [textwrap.fill("Looked for: " + ", ".join(examination.findings.tested), 100)]]
    else:
        sections += [["All modules, and the same scale in other tools: --all, or "
                      "report(whole=True)"]]
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def _shortened(lines: list[str], whole: bool) -> list[str]:
    """The title and the first lines of a section, unless all are asked for."""
    if whole or len(lines) <= LINES + 1:
        return lines
    return [*lines[:LINES], f"  … and {len(lines) - LINES} more"]


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


def _loading(examination: Examination) -> Iterator[str]:
    layout = LAYOUTS.get(examination.layout)
    if layout:
        found = {finding.name for finding in examination.findings}
        first = "Mend the errors below first. Then: " if found & NOT_LOADABLE else ""
        yield f"How do I load it? {first}{layout.loaded_by}"


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


def verdict(examination: Examination) -> str:
    """Whether the adapter does anything, in a sentence."""
    rows = [row for row in examination.rows if row.is_known]
    norms = [row.norm for row in rows if row.norm > 0]
    if not rows:
        return "Unknown: no module has usable numbers. See the findings."
    if not norms:
        return "No. BA is exactly zero, so each layer computes the same as without the adapter."
    of_all = len(examination.rows)
    where = "each module" if len(norms) == of_all else f"{len(norms)} of {of_all} modules"
    sizes = " to ".join(dict.fromkeys(f"{norm:.3g}" for norm in (min(norms), max(norms))))
    unknown = " for s = 1, because s is not known" if examination.commonest() is None else ""
    return f"Yes. It changes the weight of {where}: ‖ΔW‖ is {sizes}{unknown}."


def _modules_in_words(count: int) -> str:
    return "1 module" if count == 1 else f"{count} modules"


def percent(share: float) -> str:
    """A share in percent, or where that has many digits, how many times."""
    return f"{100 * share:.3g} %" if share < MANY else f"{share:.3g} times"


def _where(examination: Examination) -> Iterator[str]:
    """‖ΔW‖ by part, in the same order as the map."""
    blocks, parts, norms = examination.map()
    yield "Where it learned: ‖ΔW‖ (over several blocks: smallest, median, largest)"
    for part, column in zip(parts, norms.T, strict=True):
        known = column[np.isfinite(column)]
        if known.size:
            quantiles = [0, 0.5, 1] if known.size > 1 else [1]
            norms_in_words = ", ".join(f"{norm:.3g}" for norm in np.quantile(known, quantiles))
            strongest = on_one_line(blocks[np.nanargmax(column)])
            of_block = f" ({strongest})" if strongest else ""
            yield f"  {on_one_line(part):<40} {norms_in_words}{of_block}"


def _spread(examination: Examination) -> Iterator[str]:
    """A compared with its start, or with all starts where the file names none."""
    if not any(row.starts for row in examination.rows):
        return
    starts = START_WORDS if examination.start is None else [examination.start]
    of_each = "" if examination.start else ", for each known initialisation"
    yield f"How far A moved{of_each}"
    for start in starts:
        yield textwrap.fill(f"{START_WORDS[start]}: {beside_start(examination, start)}", 100,
                            initial_indent="  ", subsequent_indent="    ")


def beside_start(examination: Examination, start: str) -> str:
    """A's spread relative to such a start, and how far A moved if it began there."""
    beside = examination.beside_start(start)
    text = f"A’s spread is {beside.ratio:.3g} times this initialisation’s (median of modules). "
    if beside.at_least == 0:
        return text + "A's norm does not tell how far A moved from it"
    of = "" if beside.at_least >= MANY else "of "
    text += f"From it, A moved at least {percent(beside.at_least)} {of}its initial norm"
    if beside.about <= TELLING * beside.at_least:
        return f"{text}; {percent(beside.about)} if at a right angle"
    return f"{text}; its norm does not tell how much farther"


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
             if value and len(str(value)) <= 100 and any(word in key for word in OF_TRAINING)]
    return ["What the file says about its training", *lines] if lines else []


def _modules(examination: Examination) -> Iterator[str]:
    yield TABLE.format("r", "s", "‖A‖", "‖B‖", "‖ΔW‖", "stable", "90 %", "99 %", "type", "module")
    for row in examination.rows:
        numbers = np.array([row.scale, row.norm_A, row.norm_B, row.norm, row.stable_rank], float)
        texts = [f"{number:.3g}".replace("nan", "–") for number in numbers]
        dtypes = "/".join(dict.fromkeys(row.dtypes)) if row.method == "LoRA" else row.method
        ranks = [row.rank_holding(0.9), row.rank_holding(0.99)] if row.is_known else ["–", "–"]
        yield TABLE.format(row.r or "–", *texts, *ranks, dtypes, on_one_line(row.layer))
