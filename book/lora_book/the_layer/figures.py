"""Rounding of a merged weight: how much of ΔW survives, and how far the outputs move."""

import numpy as np

from lora_book.shared.axes import labelled
from lora_book.shared.looks import named, ring
from lora_book.shared.style import (
    COLOURS,
    coloured,
    figure,
    line,
    marks,
    power_ticks,
    words,
)
from lora_book.the_layer.runs import FORMATS, SIZES, K, arrivals, rounded
from lora_edu.explore.words import number, short

DASHES = {"float32": "dot", "float16": "dash", "bfloat16": "solid"}
ENTRIES = (3, 1.5, 0.8, 0.4, 0.2, 0.1)  # of W0, in standard deviations of its entries
ON_RULERS = (0.001, 0.002, 0.005, 0.01, 0.02)  # Δw, in the same unit
TRAINED = {"GPT-3": (0.06, 0.11), "our GPT": (0.3, 2)}  # ‖ΔW‖ / ‖W0‖ after training


def rulers(size: float = 0.005) -> dict:
    """Entries of W0, the numbers that bfloat16 has above each, and the one that w + Δw becomes.

    A row an entry. Along x: per cent of a standard deviation. size: the same Δw for every entry.
    """
    unit = 1 / np.sqrt(K)
    rows = range(len(ENTRIES), 0, -1)
    x = []
    y = []
    stored = []
    for row, entry in zip(rows, ENTRIES, strict=True):
        w = rounded(np.array([entry * unit]), "bfloat16")[0]
        beside = np.unique(rounded(w + unit * np.linspace(-0.003, 0.023, 2000), "bfloat16"))
        for tick in 100 * (beside - w) / unit:
            x += [tick, tick, None]
            y += [row - 0.3, row + 0.3, None]
        stored.append(100 * (rounded(np.array([w + size * unit]), "bfloat16")[0] - w) / unit)
    return figure(
        [line(x, y, "frozen", width=1.5, **named("bfloat16")),
         line([100 * size] * 2, [0.4, len(ENTRIES) + 0.6], "delta", width=2, **named("w + Δw")),
         marks(stored, list(rows), "rose", "circle", 12, **named("stored"))], "",
        [labelled("change, in % of a typical entry", -0.35, 2.35, tickvals=[0, 0.5, 1, 1.5, 2])],
        [{"range": [0.4, len(ENTRIES) + 0.6], "tickvals": list(rows), "showgrid": False,
          "ticktext": [f"w = {entry:g}" for entry in ENTRIES]}],
        f"Δw = {100 * size:g} % of a typical entry, in bfloat16: "
        f"{np.count_nonzero(stored)} of {len(ENTRIES)} entries move",
        headings=[f"{coloured('│ w + Δw', 'delta')}   {coloured('● stored', 'rose')}"])


def merging(dtype: str = "bfloat16", size: float = 1e-3) -> dict:
    """Left: the share of ΔW that survives, along ΔW. Right: the relative error of the outputs.

    dtype: one of FORMATS. size: ‖ΔW‖ / ‖W0‖.
    """
    at = SIZES.index(size)
    traces = []
    for panel, field, quantity in ((1, "kept", "delta"), (2, "moved", "loss")):
        for name in [other for other in FORMATS if other != dtype] + [dtype]:
            traces.append(line(
                SIZES, getattr(arrivals(name), field), quantity, panel=panel, dash=DASHES[name],
                width=3.5 if name == dtype else 2, opacity=1.0 if name == dtype else 0.55,
                **named(name)))
        traces.append(ring(size, getattr(arrivals(dtype), field)[at], size=13, panel=panel))
    for y, (name, ends) in zip((0.2, 0.06), TRAINED.items(), strict=True):
        traces += [line(ends, [y, y], "brown", width=8, **named(name)),
                   words([ends[0] / 1.3], [y], [name], textposition="middle left",
                         textfont={"color": COLOURS["brown"]})]
    traces += [words([2.4e-5, 5e-3], [0.5, 0.5], ["fp16", "bf16"]),
               words([0.1] * 3, [5e-3, 6e-5, 1e-7], ["bf16", "fp16", "fp32"], panel=2)]
    kept, error, moved = (values[at] for values in arrivals(dtype))
    xaxis = labelled("‖ΔW‖ / ‖W₀‖", -5.2, 0.4, **power_ticks(-4, 0, every=2))
    return figure(
        traces, f"{100 * kept:.0f} % of ΔW survives the merge; outputs are off by {number(moved)}",
        [xaxis, xaxis],
        [{"range": [-0.03, 1.15], "tickformat": ".0%"},
         {**power_ticks(-8, -2, every=2), "range": [-8.5, -1.5]}],
        f"{dtype}, ‖ΔW‖ = {short(size)}·‖W₀‖: {number(100 * kept)} % of ΔW survives in the merged "
        f"weight, with an error of {number(100 * error)} % of ‖ΔW‖; the relative error of the "
        f"outputs is {number(moved)}",
        headings=[coloured("share of ΔW that survives", "delta"),
                  coloured("relative error of outputs", "loss")])
