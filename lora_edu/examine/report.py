"""An examination as text, in the order in which one reads it."""

from __future__ import annotations

import json
import math
import re
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from lora_edu.examine.rows import Row, lost
from lora_edu.examine.starts import FAR
from lora_edu.findings import on_one_line
from lora_edu.formats.convention import START_WORDS
from lora_edu.formats.layouts import CONFIG, LAYOUTS, PREFIX, Layout, model_in
from lora_edu.formats.lora_file import UNUSABLE

if TYPE_CHECKING:
    from lora_edu.examine import Examination

OF_TRAINING = ("learning_rate", "_lr", "optimizer", "scheduler", "network", "steps", "epoch",
               "base_model", "init_lora")  # in names of the metadata that are worth a line
TABLE = "{:>4}{:>9}{:>10}{:>10}{:>10}{:>8}{:>5}{:>5}  {:<9} {}"
LINES = 5  # of a section, in the short report
NOT_USABLE = {"not-finite", "settings", "rank", "incomplete", "unknown-name",
              "other-shape"}  # findings
CLASSES = {  # transformers' own, by PEFT's tasks
    "CAUSAL_LM": "AutoModelForCausalLM", "SEQ_2_SEQ_LM": "AutoModelForSeq2SeqLM",
    "SEQ_CLS": "AutoModelForSequenceClassification", "TOKEN_CLS": "AutoModelForTokenClassification",
    "QUESTION_ANS": "AutoModelForQuestionAnswering"}
HEAD = re.compile(re.escape(PREFIX) + r"(?:classifier|score)(?:\.out_proj)?\.weight")
MOST = 0.9  # of ‖ΔW‖², which most of the update is
MOVED = "  {:<48}{:>8}{:>10}{:>18}"


def as_text(examination: Examination, whole: bool) -> str:
    """The report: what matters, or all of it."""
    sections = [
        [*head(examination)],
        [f"How do I load it? {loading(examination)}",
         f"Does it do anything? {verdict(examination)}",
         *_rank(examination),
         f"Is anything wrong? {examination.findings}"],
        [*_where(examination, whole)],
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


def loading(examination: Examination) -> str:
    """The call or program that loads such a file."""
    layout = LAYOUTS.get(examination.layout)
    if not layout:
        return "Unknown: no tool that we know writes such keys."
    found = {finding.name for finding in examination.findings}
    first = ""
    if found & NOT_USABLE:
        first = "First fix the errors below. Then: "
    elif layout.has_config and not examination.settings:
        first = f"Its settings, {CONFIG}, are missing: put them into its folder. Then: "
    return f"{first}{_call(examination, layout)}"


def _call(examination: Examination, layout: Layout) -> str:
    """The call that loads it, by the names and the settings in the file."""
    model = model_in(row.layer for row in examination.rows)
    if layout.name == "diffusers" and model:
        return f"diffusers’ pipeline.{model}.load_lora_adapter(file, prefix=None)"
    task = CLASSES.get(str(examination.settings.get("task_type")))
    if layout.name == "peft" and task:
        base = examination.settings.get("base_model_name_or_path")
        named = json.dumps(str(base), ensure_ascii=False) if base else "base"
        labels = _labels(examination)
        return on_one_line(f"model = transformers.{task}.from_pretrained({named}{labels}), then "
                           "peft.PeftModel.from_pretrained(model, folder)")
    return layout.loaded_by


def _labels(examination: Examination) -> str:
    """The argument for a classifier's number of classes, where its head is in the file."""
    rows = [shape[0] for key, shape in examination.whole.items()
            if HEAD.fullmatch(key) and len(shape) == 2]
    is_classifier = examination.settings["task_type"] in ("SEQ_CLS", "TOKEN_CLS")
    return f", num_labels={rows[0]}" if is_classifier and len(rows) == 1 else ""


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
        rule = f"by {shared.rule}"
        if shared.rule == "α = r":
            alpha = ""
            rule = "because the file contains no α and loaders then use α = r"
        yield (f"r = {shared.r}, {alpha}s = {shared.scale:.4g} {rule}: "
               f"{_modules_in_words(shared.modules)}")


def verdict(examination: Examination) -> str:
    """Whether the adapter does anything, in a sentence."""
    rows = [row for row in examination.rows if row.is_known]
    norms = [row.norm for row in rows if row.norm > 0]
    if any(finding.name == "not-finite" for finding in examination.findings):
        return "It makes outputs NaN or infinite: first fix the errors below."
    if not rows:
        return "Unknown: no module has usable numbers. See the findings."
    if not norms:
        return "No. ΔW is exactly zero, so A and B change nothing."
    of_all = len(examination.rows)
    where = "each module" if len(norms) == of_all else f"{len(norms)} of {of_all} modules"
    sizes = " to ".join(dict.fromkeys(f"{norm:.3g}" for norm in (min(norms), max(norms))))
    unknown = " for s = 1, because s is not known" if examination.commonest() is None else ""
    return (f"Yes. It changes the weight of {where}: ‖ΔW‖ is {sizes}{unknown}. Only the base shows "
            "whether that is much.")


def _modules_in_words(count: int) -> str:
    return "1 module" if count == 1 else f"{count} modules"


def percent(share: float) -> str:
    """A share of a whole; 100 % only where nothing is missing but for rounding."""
    is_whole = share > 1 - 1e-9
    return "100 %" if is_whole else f"{min(100 * share, 99.9):.3g} %"


def _rank(examination: Examination) -> Iterator[str]:
    rows = [row for row in examination.rows if row.is_known]
    if any(row.norm > 0 for row in rows):
        yield f"Was the rank needed? {rank_needed(rows)}"


def rank_needed(rows: list[Row]) -> str:
    """What ranks retain of the update, which is not zero, as a sentence."""
    counts = {len(row.singular_values) for row in rows}
    most = max(counts)
    if most == 1:
        return "The rank is 1, so it cannot be smaller."
    enough = next(keep for keep in range(1, most + 1) if 1 - lost(rows, keep) >= MOST)
    telling = sorted({enough, most // 2} - {most})
    retained = " and ".join(f"{keep} retains {percent(1 - lost(rows, keep))}" for keep in telling)
    in_each = max(row.rank_holding(MOST) for row in rows)
    needed = f"all {most}" if in_each == most else f"{in_each}"
    components = f"{most}" if len(counts) == 1 else f"at most {most}"
    return (f"Of {components} components in each module, keeping {retained} of ‖ΔW‖² over all "
            "modules. "
            f"To retain {percent(MOST)} in every single module, you must keep {needed}.")


def kept(rows: list[Row], keep: int) -> str:
    """What remains where every module keeps so many components, as a sentence without its dot."""
    counts = {len(row.singular_values) for row in rows}
    components = f"{keep} of {max(counts)}" if len(counts) == 1 else f"at most {keep}"
    poorer = sum(row.rank_holding(MOST) > keep for row in rows)
    in_each = f"at least {percent(MOST)} in each module"
    if poorer:
        share = f"{poorer} of" if poorer < len(rows) else "all"
        in_each = f"under {percent(MOST)} in {share} {_modules_in_words(len(rows))}"
    return (f"Keeping {components} components per module retains "
            f"{percent(1 - lost(rows, keep))} of ‖ΔW‖² overall, "
            f"{'but' if 0 < poorer < len(rows) else 'and'} {in_each}")


def most_changed(examination: Examination) -> str:
    """The modules whose entries changed most, as a sentence; nothing where none changed."""
    rows = by_change(examination)
    whole = sum(row.norm**2 for row in rows)
    names = [f"{on_one_line(row.layer)} ({row.rms:.3g}, {percent(row.norm**2 / whole)} of ‖ΔW‖²)"
             for row in rows[:3]]
    if not rows:
        return ""
    text = f"The RMS entry is largest in {', '.join(names)}."
    largest = max(rows, key=lambda row: row.norm)
    if largest in rows[:3]:
        return text
    share = percent(largest.norm**2 / whole)
    return f"{text} ‖ΔW‖ is largest in {on_one_line(largest.layer)} ({share} of ‖ΔW‖²)."


def by_change(examination: Examination) -> list[Row]:
    """The modules that changed, the largest RMS entry first."""
    rows = [row for row in examination.rows if row.norm > 0 and row.rule != UNUSABLE]
    return sorted(rows, key=lambda row: -row.rms)


def _where(examination: Examination, whole: bool) -> Iterator[str]:
    """The modules that changed most, and if the whole is asked for, each part, as in the map."""
    if by_change(examination):
        yield textwrap.fill(f"Where did it learn? {most_changed(examination)}", 100,
                            subsequent_indent="  ")
    if not whole:
        return
    blocks, parts, entries = examination.map()
    yield "  ΔW’s RMS entry by part (over several blocks: smallest, median, largest)"
    for part, column in zip(parts, entries.T, strict=True):
        known = column[np.isfinite(column)]
        if known.size:
            quantiles = [0, 0.5, 1] if known.size > 1 else [1]
            in_words = ", ".join(f"{entry:.3g}" for entry in np.quantile(known, quantiles))
            strongest = on_one_line(blocks[np.nanargmax(column)])
            of_block = f" ({strongest})" if strongest else ""
            yield f"  {on_one_line(part):<40} {in_words}{of_block}"


def _spread(examination: Examination) -> Iterator[str]:
    """A compared with its start, or with each that it may have had."""
    if not any(row.starts and row.is_known for row in examination.rows):
        return
    yield f"Was the learning rate too large? {rate_seen(examination)}"
    yield f"How far did A move? {moved_seen(examination)}"
    yield MOVED.format("if A was initialised as", "spread", "at least", "at a right angle")
    for start in examination.likely_starts():
        yield MOVED.format(START_WORDS[start], *beside_start(examination, start))


def rate_seen(examination: Examination) -> str:
    """Whether the spread of A shows that the learning rate was large, in a sentence or two."""
    if any(finding.name == "far-from-start" for finding in examination.findings):
        return "Perhaps. A’s spread is far above its initial value: see the finding about it."
    start = examination.likely_starts()[0]
    ratios = [row.sigma / row.starts[start] for row in examination.rows
              if row.is_known and row.starts]
    ends = " to ".join(dict.fromkeys(f"{ratio:.3g}" for ratio in (min(ratios), max(ratios))))
    if_started_so = f"if A was initialised as {START_WORDS[start]}"
    if max(ratios) > FAR:  # of a start that the file does not name
        return f"Perhaps. A’s spread is {ends} times the initial spread, {if_started_so}."
    return (f"A’s spread gives no sign of it: {ends} times the initial spread (we report more than "
            f"{FAR}), {if_started_so}.")


def moved_seen(examination: Examination) -> str:
    """How far A is from its usual start, in a sentence."""
    _, at_least, about = beside_start(examination, examination.likely_starts()[0])
    if at_least == "–":
        return ("A’s norm cannot show that, because it equals A’s initial norm up to chance "
                "(median over modules).")
    at_right_angle = f", or {about} if the move is at right angles to the start"
    return (f"By at least {at_least} of its initial norm{at_right_angle if about != '–' else ''} "
            "(medians over modules).")


def beside_start(examination: Examination, start: str) -> tuple[str, str, str]:
    """(A's spread, how far A moved at least, and how far if at a right angle to such a start).

    The spread is in that of the start and the others in percent of A's initial norm; a dash where
    A's norm does not tell.
    """
    beside = examination.beside_start(start)
    ratio = f"{beside.ratio:.3g}"
    if beside.at_least == 0:
        return ratio, "–", "–"
    about = f"{100 * beside.about:,.0f} %" if math.isfinite(beside.about) else "–"
    return ratio, f"{math.floor(100 * beside.at_least):,} %", about


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
