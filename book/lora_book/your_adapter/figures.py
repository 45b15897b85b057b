"""A LoRA file in two figures and two tables, for the sample and for a reader's own file."""

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from types import ModuleType
from urllib.parse import quote

import numpy as np

from lora_book.shared.axes import labelled
from lora_book.shared.style import PALE, coloured, figure, heat, marks, words
from lora_book.shared.tool_rows import ROWS
from lora_book.your_adapter import SAMPLE
from lora_edu.examine import Examination, Row, examine
from lora_edu.examine.report import (
    beside_start,
    by_change,
    head,
    kept,
    loading,
    most_changed,
    moved_seen,
    percent,
    rank_needed,
    rate_seen,
    verdict,
)
from lora_edu.explore.words import number
from lora_edu.findings import Finding
from lora_edu.formats.convention import START_WORDS, TOOLS
from lora_edu.formats.layouts import CONFIG, LAYOUTS

LONGEST = 20  # letters of a name beside the map
ROW = 24  # px of the map
NAMED = 3  # modules without numbers, in a headline
UPRIGHT = 10  # labels below the map; more of them lie on their side
SHADES = (PALE, "rgba(64,143,121,0.54)", "delta")  # of 0, half of the map's largest, and all
OF_IMAGES = ("diffusers, SD", "diffusers, Flux", "kohya", "ai-toolkit", "OneTrainer")
READERS = {  # the tools that train or load each layout
    "peft": tuple(name for name in ROWS if TOOLS[name].writes_peft),
    "diffusers": OF_IMAGES, "kohya": OF_IMAGES, "mlx": ("MLX",)}
# What tells a block from others: its numbers, and the part of the model where there are several
TELLING = re.compile(r"(?<!text_model.)(?<![a-z])(?:te\d?|text_encoder|encoder|decoder|down|mid|up|"
                     r"input|middle|output|double|single)(?![a-z])|\d+")


def adapter(path: str | os.PathLike | None = None) -> Examination:
    """Examine a file or a folder; None is what the page has opened, and else the sample."""
    page = _page()
    if page is None:
        return examine(path or SAMPLE)
    return examine(path or page.opened or SAMPLE, progress=page.progress)


def _page() -> ModuleType | None:
    """The page that Python runs in, with the opened file's path; None outside of a browser."""
    try:
        import browser_page
    except ModuleNotFoundError:
        return None
    return browser_page


def findings(adapter: Examination) -> str:
    """What the file is and what may be wrong, and the report to save, as HTML."""
    items = "".join(
        f"<li><p><b>{escape(finding.severity)}: {escape(finding.symptom)}.</b> "
        f"Likely cause: {escape(finding.cause)}. {_so(_remedy(adapter, finding))}.</p>"
        f"<p>Where: {escape(finding.places)}</p></li>" for finding in adapter.findings)
    found = len(adapter.findings) or "none"
    items += (f"<li>We looked for {len(adapter.findings.tested)} faults and found {found}. The "
              "saved report names them all.</li>")
    first, *more = head(adapter)
    lines = "<br>".join([f"<b>{escape(first)}</b>", *map(escape, more)])
    lines += (f"</p><p><b>How do I load it?</b> {escape(loading(adapter))}</p>"
              f"<p><b>Does it do anything?</b> {escape(verdict(adapter))}")
    return (f'<div class="findings"><p>{lines}</p><ul>{items}</ul>'
            f'<p><a download="{escape(first)}.txt" href="data:text/plain;charset=utf-8,'
            f'{quote(adapter.report(whole=True))}">Save the whole report as text</a></p></div>')


def _remedy(adapter: Examination, finding: Finding) -> str:
    """A finding's remedy; a page takes files, and no options."""
    layout = LAYOUTS.get(adapter.layout)
    has_none = not adapter.settings and layout is not None and layout.has_config
    if finding.name == "no-scale" and has_none and _page() is not None:
        return f"choose {CONFIG} together with this file"
    return finding.remedy


def _so(remedy: str) -> str:
    """A remedy as a sentence without its dot, as HTML."""
    if remedy.startswith("nothing"):
        return escape(f"N{remedy[1:]}")
    return f"<em>So</em> {escape(remedy)}"


def places(names: list) -> list[int]:
    """The positions of a slider over names, one at least."""
    return list(range(len(names) or 1))


def with_numbers(adapter: Examination) -> list[Row]:
    """The modules that have numbers, by name."""
    return [row for row in adapter.rows if row.is_known]


def strongest(adapter: Examination) -> int:
    """The index of the module whose entries changed most among them, or 0 if none did."""
    changed = by_change(adapter)
    return with_numbers(adapter).index(changed[0]) if changed else 0


def frame(adapter: Examination) -> tuple[int, int]:
    """Its place on the map: (block, part)."""
    blocks, parts, _ = adapter.map()
    row = next(iter(by_change(adapter)), adapter.rows[0])
    return blocks.index(row.block), parts.index(row.part)


def half(adapter: Examination) -> int:
    """Half of the rank, where a slider begins."""
    return max(1, max(ranks(adapter)) // 2)


def rank(adapter: Examination) -> str:
    """What ranks retain, as HTML; nothing if ΔW is zero."""
    return f"<p><b>{rank_needed(with_numbers(adapter))}</b></p>" if by_change(adapter) else ""


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
    """ΔW's RMS entry by block and part, with a headline about one of the modules."""
    blocks, parts, entries = adapter.map()
    largest = np.nanmax(entries, initial=0.0)
    changed = by_change(adapter)
    row = next((row for row in adapter.rows
                if (row.block, row.part) == (blocks[block], parts[part])), None)
    if row is None:
        title = f"{blocks[block]} has no adapter on {parts[part]}"
    elif not row.is_known:
        title = f"{row.layer} has no usable numbers: see the findings above"
    else:
        title = (f"Module {with_numbers(adapter).index(row)}, {row.layer}, has an RMS entry of "
                 f"{number(row.rms)} and ‖ΔW‖ = {number(row.norm)}")
        if changed:
            share = row.norm**2 / sum(each.norm**2 for each in changed)
            title += f" ({percent(share)} of the total ‖ΔW‖²)"
    reading = title
    heading = "RMS entry"
    if changed:
        title = f"{changed[0].layer} changed most. {title}"
        reading = f"{title}. The largest RMS entry of a module is {number(largest)}"
        for shade, entry in zip(SHADES, (0, largest / 2, largest), strict=True):
            heading += f"  {coloured('■', shade)} {entry:.2g}"
    names = [_cut(name) for name in parts]
    short = [_short(block) for block in blocks]
    # below 0 is clear: no module, or none with numbers
    shades = np.nan_to_num(100 * entries.T / (largest or 1.0), nan=-100)
    values = [[None if np.isnan(entry) else float(f"{entry:.4g}") for entry in of_part]
              for of_part in entries.T]
    layers = {(row.block, row.part): row.layer for row in adapter.rows}
    cell_names = [[layers.get((block, part)) for block in blocks] for part in parts]
    traces = [
        heat(shades, -100, 100, ["rgba(0,0,0,0)", PALE, "delta"], name="RMS entry",
             customdata=values, text=cell_names),
        words(*np.argwhere(entries == 0).T, "0"),
        marks([block], [part], "rose", "square-open", 16, stroke=3, name="chosen")]
    is_upright = len(blocks) <= UPRIGHT or not any(re.search("[a-z]", name) for name in short)
    return figure(
        traces, title,
        [{"range": [-0.5, len(blocks) - 0.5], "showgrid": False, "ticks": "", "automargin": True,
          "title": {"text": "block"}, "tickangle": 0 if is_upright else -90,
          **_ticks(short, UPRIGHT if is_upright else 24)}],
        [{"range": [len(parts) - 0.5, -0.5], "showgrid": False, "ticks": "", "automargin": True,
          **_ticks(names, 25)}],
        reading, headings=[heading])


def caption(adapter: Examination) -> str:
    """The modules that changed most, and how to read the map."""
    beside = ""
    if any(finding.name == "trained-in-full" for finding in adapter.findings):
        beside = "The map leaves out weights other than A and B, such as a head. "
    return (f"{most_changed(adapter)} {beside}0 marks an update of exactly zero. A blank cell has "
            "no adapter or no usable values. The frame marks the module described above.").strip()


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST else f"…{name[1 - LONGEST:]}"


def _short(block: str) -> str:
    """What tells a block from others: "up 1.0.0" of a U-Net's, 5 of a language model's."""
    telling = TELLING.findall(block)
    numbers = ".".join(part for part in telling if part.isdigit())
    return " ".join([*(part for part in telling if not part.isdigit()), numbers])


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
    title = kept(rows, keep)
    own = row.energy[min(keep, len(values)) - 1]
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
        [labelled("singular value σ of ΔW", -0.05 * float(values[0]), 1.08 * float(values[0]))],
        f"{title}. {row.layer} retains {percent(own)} of its ‖ΔW‖²",
        headings=[f"{_short(row.block)} {_cut(row.part)} alone: {percent(own)} of Σσ²".strip()])


def how_far(adapter: Examination) -> str:
    """A's spread relative to its initial spread, and how far A moved, as HTML."""
    known = replace(adapter, rows=tuple(with_numbers(adapter)))
    if not any(row.starts for row in known.rows):
        return "<p>No module has an A whose initial spread is known.</p>"
    titles = ["if A was initialised as", "spread of A, relative to its initial spread",
              "A moved at least (of its initial norm)", "if at a right angle to its initial value"]
    rows = [(START_WORDS[start], *beside_start(known, start)) for start in adapter.likely_starts()]
    others = ""
    if len(rows) > 1:
        others = ("<details><summary>If A was initialised differently</summary><p>The file does "
                  "not say how A was initialised. The first row fits A’s spread, or is this "
                  f"layout’s usual one.</p>{_table(titles, rows)}</details>")
    unknown = [row.layer for row in adapter.rows if not row.is_known]
    note = ""
    if unknown:
        named = ", ".join(unknown[:NAMED])
        more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
        note = f"<p>Left out, because they have no usable numbers: {escape(named)}{more}.</p>"
    return (f"<p><b>Was the learning rate too large?</b> {escape(rate_seen(known))}</p>"
            f"<p><b>How far did A move?</b> {moved_seen(known)}</p>{others}{note}")


def strengths(adapter: Examination) -> str:
    """The most common rank and scale, and how to enter them in each tool, as HTML."""
    yours = adapter.commonest()
    scales = adapter.scales()
    if yours is None:
        return ("<p>No scale s is above 0: see the findings above.</p>" if scales else
                "<p>The file does not give the scale s: see the findings above.</p>")
    setting = f"r = {yours.r} and s = {number(yours.scale)}"
    text = f"Every module has {setting}."
    if scales[0].modules < len(adapter.rows):
        text = f"{scales[0].modules} of {len(adapter.rows)} modules have {setting}."
    if len(scales) > 1:
        text = f"The most common of {len(scales)} pairs of r and s is {setting}."
    if known := with_numbers(adapter):
        norm = np.linalg.norm([row.norm for row in known])
        text += f" ‖ΔW‖ over all modules is {number(norm)}."
    readers = READERS.get(adapter.layout, ())
    others = [name for name in ROWS if name not in readers]
    settings = adapter.elsewhere()
    tables = [_table(["tool", "setting"], [(name, settings[name]) for name in names])
              for names in (readers, others)]
    if not readers:
        return f"<p>{text}</p>{tables[1]}"
    return (f"<p>{text}</p>{tables[0]}<details><summary>Other tools</summary>{tables[1]}</details>")


def _table(titles: list[str], rows: list[tuple[str, ...]]) -> str:
    """A column for each title, as HTML."""
    heads = "".join(f"<th>{title}</th>" for title in titles)
    lines = ("".join(f"<td>{escape(text)}</td>" for text in row) for row in rows)
    body = "".join(f"<tr>{cells}</tr>" for cells in lines)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _empty(title: str) -> dict:
    return figure([], title, [{"range": [0, 1]}], [{"range": [0, 1]}], title)
