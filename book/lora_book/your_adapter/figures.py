"""A LoRA file in two figures and two tables, for the sample and for a reader's own file."""

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from urllib.parse import quote

import numpy as np

from lora_book.shared.axes import labelled
from lora_book.shared.style import PALE, figure, heat, marks, words
from lora_book.shared.tool_rows import ROWS, written
from lora_book.your_adapter import SAMPLE
from lora_edu.examine import Examination, Row, examine
from lora_edu.examine.report import beside_start, head, percent, verdict
from lora_edu.examine.rows import lost
from lora_edu.explore.words import number

STARTS = {"kohya, PEFT, MLX": "kaiming_uniform", "diffusers": "peft_gaussian",
          "Keras": "he_uniform"}
LONGEST = 18  # letters of a name beside the map
ROW = 24  # px of the map
NAMED = 3  # modules without numbers, in a headline
# What tells a block from others: its numbers, and the part of the model where there are several
TELLING = re.compile(r"(?<!text_model.)(?<![a-z])(?:te\d?|text_encoder|encoder|decoder|down|mid|up|"
                     r"input|middle|output|double|single)(?![a-z])|\d+")


def adapter(path: str | os.PathLike | None = None) -> Examination:
    """Examine a file or a folder; None is what the page has opened, and else the sample."""
    try:
        from browser_page import opened, progress  # Python in the page has it, and nobody else
    except ModuleNotFoundError:
        opened = progress = None
    return examine(path or opened or SAMPLE, progress=progress)


def findings(adapter: Examination) -> str:
    """What the file is and what may be wrong, and the report to save, as HTML."""
    items = "".join(
        f"<li><p><b>{escape(finding.severity)}: {escape(finding.symptom)}.</b> "
        f"Likely cause: {escape(finding.cause)}. <em>So</em> {escape(finding.remedy)}.</p>"
        f"<p>Where: {escape(finding.places)}</p></li>" for finding in adapter.findings)
    none = f"<li>None of the {len(adapter.findings.tested)} faults we look for was found.</li>"
    first, *more = head(adapter)
    lines = "<br>".join([f"<b>{escape(first)}</b>", *map(escape, more)])
    lines += f"</p><p><b>Does it do anything?</b> {escape(verdict(adapter))}"
    return (f'<div class="findings"><p>{lines}</p><ul>{items or none}</ul>'
            f'<p><a download="{escape(first)}.txt" href="data:text/plain;charset=utf-8,'
            f'{quote(adapter.report(whole=True))}">Save the whole report as text</a></p></div>')


def places(names: list) -> list[int]:
    """The positions of a slider over names, one at least."""
    return list(range(len(names) or 1))


def with_numbers(adapter: Examination) -> list[Row]:
    """The modules that have numbers, by name."""
    return [row for row in adapter.rows if row.is_known]


def strongest(adapter: Examination) -> int:
    """The index of the module with the largest ΔW among them, or 0 if there are none."""
    return int(np.argmax([row.norm for row in with_numbers(adapter)] or [0]))


def ranks(adapter: Examination) -> list[int]:
    """How many components can be kept."""
    counts = [len(row.singular_values) for row in with_numbers(adapter)]
    return list(range(1, 1 + max(counts, default=1)))


def height(adapter: Examination) -> int:
    """The height of the map, in px."""
    return min(max(280, ROW * len(adapter.map()[1]) + 140), 640)


def taps(adapter: Examination) -> tuple[str, str] | None:
    """The sliders that a tap on the map sets, if both have more than one position."""
    return ("block", "part") if min(adapter.map()[2].shape) > 1 else None


def where(adapter: Examination, block: int = 0, part: int = 0) -> dict:
    """‖ΔW‖ by block and part of a block, with a headline about one of the modules."""
    blocks, parts, norms = adapter.map()
    longest = np.nanmax(norms, initial=0.0) or 1.0
    known = with_numbers(adapter)
    row = next((row for row in adapter.rows
                if (row.block, row.part) == (blocks[block], parts[part])), None)
    if row is None:
        title = f"{blocks[block]} has no adapter on {parts[part]}"
    elif not row.is_known:
        title = f"{row.layer} has no usable numbers: see the findings above"
    else:
        share = row.norm**2 / (np.nansum(norms**2) or 1.0)
        title = (f"Module {known.index(row)}, {row.layer}, has ‖ΔW‖ = {number(row.norm)} and "
                 f"{percent(share)} of the total ‖ΔW‖²")
    names = [name if len(name) <= LONGEST else f"…{name[1 - LONGEST:]}" for name in parts]
    short = ["<br>".join(TELLING.findall(block)) for block in blocks]
    # below 0 is clear: no module, or none with numbers
    shades = np.nan_to_num(100 * norms.T / longest, nan=-100)
    values = [[None if np.isnan(norm) else float(f"{norm:.4g}") for norm in part_norms]
              for part_norms in norms.T]
    layers = {(row.block, row.part): row.layer for row in adapter.rows}
    cell_names = [[layers.get((block, part)) for block in blocks] for part in parts]
    traces = [
        heat(shades, -100, 100, ["rgba(0,0,0,0)", PALE, "delta"], name="‖ΔW‖",
             customdata=values, text=cell_names),
        words(*np.argwhere(norms == 0).T, "0"),
        marks([block], [part], "rose", "square-open", 16, stroke=3, name="chosen")]
    return figure(
        traces, title,
        [{"range": [-0.5, len(blocks) - 0.5], "showgrid": False, "ticks": "", "tickangle": 0,
          "automargin": True, **_ticks(short, 10)}],
        [{"range": [len(parts) - 0.5, -0.5], "showgrid": False, "ticks": "", "automargin": True,
          **_ticks(names, 25)}],
        f"{title}. The largest ‖ΔW‖ of a module is {number(longest)}")


def _ticks(names: Sequence[str], most: int) -> dict:
    """The settings of an axis that labels integers, at most ``most`` of them."""
    every = -(-len(names) // most)
    return {"tickvals": list(range(0, len(names), every)), "ticktext": names[::every]}


def components(adapter: Examination, module: int = 0, keep: int = 1) -> dict:
    """The singular values of a module's ΔW, and the loss if only the first ``keep`` are kept."""
    rows = with_numbers(adapter)
    if not rows or rows[module].norm == 0:
        return _empty("ΔW is zero here, so there is nothing to keep" if rows else
                      "No module has usable numbers")
    row = rows[module]
    values = row.singular_values
    share = lost([row], keep)
    title = (f"Keeping {min(keep, len(values))} of {len(values)} components retains "
             f"{percent(1 - share)} of ‖ΔW‖²")
    at = np.arange(1, len(values) + 1)
    most = len(ranks(adapter))
    hover = "σ%{x} = %{y:.3g}<extra></extra>"
    traces = [
        marks(at[:keep], values[:keep], "delta", "diamond", 12, name="kept", hovertemplate=hover),
        marks(at[keep:], values[keep:], "delta", "diamond-open", 11, stroke=2, name="lost",
              hovertemplate=hover)]
    return figure(
        traces, title,
        [labelled("component", 0.5, most + 0.5, dtick=most // 10 + 1)],
        [labelled("singular value of ΔW", 0, 1.08 * float(values[0]))],
        f"{row.layer}: {title}. The omitted components contain {percent(share)} of ‖ΔW‖² "
        f"({percent(np.sqrt(share))} of ‖ΔW‖). The same cut in every module loses "
        f"{percent(lost(rows, keep))} of ‖ΔW‖²",
        headings=[row.layer])


def how_far(adapter: Examination) -> str:
    """A's spread relative to its initial spread, and how far A moved, as HTML.

    If the file names no initialisation, the table has a row for each.
    """
    known = replace(adapter, rows=tuple(with_numbers(adapter)))
    if not any(row.starts for row in known.rows):
        return "<p>No module has an A that is initialised at random.</p>"
    rows = [(drawn_by, beside_start(known, start)) for drawn_by, start in STARTS.items()
            if adapter.start in (None, start)]
    unknown = [row.layer for row in adapter.rows if not row.is_known]
    note = ""
    if unknown:
        named = ", ".join(unknown[:NAMED])
        more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
        note = f"<p>Left out, because they have no usable numbers: {escape(named)}{more}.</p>"
    return _table("if A was initialised as in", "then", rows) + note


def strengths(adapter: Examination) -> str:
    """The most common rank and scale, and how to enter them in each tool, as HTML."""
    yours = adapter.commonest()
    scales = adapter.scales()
    if yours is None:
        return ("<p>No scale s is above 0: see the findings above.</p>" if scales else
                "<p>The file does not give the scale s: see the findings above.</p>")
    norm = np.sqrt(sum(row.norm**2 for row in with_numbers(adapter)))
    text = (f"The most common setting is r = {yours.r}, s = {number(yours.scale)}. "
            f"‖ΔW‖ over all modules is {number(norm)}.")
    if len(scales) > 1:
        text += f" Other modules differ in r or s. There are {len(scales)} pairs of r and s in all."
    rows = [(name, written(yours, name)) for name in ROWS]
    return f"<p>{text}</p>" + _table("tool", "setting", rows)


def _table(first: str, second: str, rows: list[tuple[str, str]]) -> str:
    """Two columns, as HTML."""
    cells = "".join(f"<tr><td>{escape(name)}</td><td>{escape(text)}</td></tr>"
                    for name, text in rows)
    return (f"<table><thead><tr><th>{first}</th><th>{second}</th></tr></thead>"
            f"<tbody>{cells}</tbody></table>")


def _empty(title: str) -> dict:
    return figure([], title, [{"range": [0, 1]}], [{"range": [0, 1]}], title)
