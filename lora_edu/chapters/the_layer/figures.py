"""What rounding does to a merged weight: how much of ΔW arrives, and how far outputs move."""

from __future__ import annotations

import numpy as np

from lora_edu.chapters.shared.looks import said
from lora_edu.chapters.shared.style import coloured, figure, layout, line, marks, power_ticks
from lora_edu.chapters.the_layer.runs import FORMATS, SIZES, arrivals, matrices, rounded
from lora_edu.explore.words import number, short

DASHES = {"float32": "dot", "float16": "dash", "bfloat16": "solid"}


def between_marks(parts=(0.03, 0.01, 0.003, 0.001), dtype: str = "bfloat16") -> dict:
    """One entry w of W₀ and the numbers that the format has beside it; w + Δw falls between them.

    parts: Δw in parts of w, a row each.
    """
    w = abs(matrices(dtype)[0][0, 0])
    scale = 100 / w  # the axis: per cent of w, from w
    grid = np.unique(rounded(w * np.linspace(0.985, 1.0 + 1.35 * max(parts), 4000), dtype))
    rows = range(len(parts), 0, -1)
    traces = [line([scale * (mark - w)] * 2, [0.4, len(parts) + 0.6], "frozen", width=1,
                   **said(dtype)) for mark in grid]
    stored = []
    for row, part in zip(rows, parts, strict=True):
        exact, kept = w + part * w, rounded(np.array([w + part * w]), dtype)[0]
        stored.append((kept - w) / (part * w))
        traces += [line([0, scale * (exact - w)], [row, row], "delta", width=3, **said("Δw")),
                   marks([scale * (exact - w)], [row], "delta", "diamond", 12, **said("w + Δw")),
                   marks([scale * (kept - w)], [row], "B", "square-open", 14, stroke=2.5,
                         **said("what is stored"))]
    return figure(traces, layout(
        [coloured("◆ w + Δw", "delta") + "  " + coloured("□ stored", "B") + "  "
         + coloured(f"│ {dtype.replace('bfloat', 'bf')}", "frozen")],
        [{"range": [-1.1, 100 * 1.3 * max(parts)], "tickvals": [0, 1.5, 3],
          "ticktext": ["w", "+1.5 %", "+3 %"], "showgrid": False}],
        [{"range": [0.4, len(parts) + 0.6], "tickvals": list(rows), "showgrid": False,
          "ticktext": [f"Δw {100 * part:g} %" for part in parts]}],
        f"One entry w = {w:.3g} in {dtype}: of Δw is stored " + ", ".join(
            f"{100 * share:.0f} % where it is {100 * part:g} % of w"
            for share, part in zip(stored, parts, strict=True))))


def merging(dtype: str = "bfloat16", size: float = 1e-3) -> dict:
    """Left: the part of ΔW that arrives in its own direction. Right: the error of the outputs."""
    at = SIZES.index(size)
    traces = []
    for panel, which, quantity in ((1, 0, "delta"), (2, 2, "loss")):
        for name in [other for other in FORMATS if other != dtype] + [dtype]:
            traces.append(line(
                SIZES, arrivals(name)[which], quantity, panel=panel, dash=DASHES[name],
                width=3.5 if name == dtype else 2, opacity=1.0 if name == dtype else 0.55,
                **said(name)))
        traces.append(marks([size], [arrivals(dtype)[which][at]], "B", "circle-open", 13,
                            panel=panel, stroke=3, **said("here")))
    kept, error, moved = (values[at] for values in arrivals(dtype))
    xaxis = {**power_ticks(-5, 0), "range": [-5.2, 0.2], "title": {"text": "‖ΔW‖ / ‖W₀‖"}}
    return figure(traces, layout(
        ["of ΔW arrives  ┈ fp32  ╌ fp16  ━ bf16", "error of the outputs (relative)"],
        [xaxis, xaxis],
        [{"range": [-0.03, 1.1]},
         {**power_ticks(-8, -2, every=2), "range": [-8.5, -2]}],
        f"{dtype}, ‖ΔW‖ = {short(size)}·‖W₀‖: {number(100 * kept)} % of ΔW arrives in the merged "
        f"weight, with an error of {number(100 * error)} % of its size; the outputs are off by "
        f"{number(moved)} of their size"))
