"""The LoRA paper's own numbers: what its models train, store and hold in memory.

Imports NumPy, plotly, the style and the words. Sizes of the models and the marks are read from
Hu et al. 2021, version 2; layers and widths are those of the released models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from lora_edu.chapters.shared.style import COLOURS, layout, power_ticks
from lora_edu.explore.words import number


@dataclass(frozen=True)
class Model:
    """A transformer: its layers, its width d, and all its parameters as the paper counts them."""

    layers: int
    d: int
    total: int


MODELS = {
    "RoBERTa base": Model(12, 768, 125_000_000),  # Table 2
    "RoBERTa large": Model(24, 1024, 355_000_000),
    "DeBERTa XXL": Model(48, 1536, 1_500_000_000),
    "GPT-2 M": Model(24, 1024, 354_920_000),  # Table 3
    "GPT-2 L": Model(36, 1280, 774_030_000),
    "GPT-3": Model(96, 12_288, 175_255_800_000),  # Table 4
}
SQUARE, WIDE, TALL = (1, 1), (4, 1), (1, 4)  # (rows, columns) of a matrix, in units of d
TARGETS = {"v": (SQUARE,), "q, v": (SQUARE,) * 2, "q, k, v, o": (SQUARE,) * 4,
           "all six": (*(SQUARE,) * 4, WIDE, TALL)}  # the last two are those of the MLP
RANKS = tuple(2**i for i in range(7))
PRINTED = {  # model: (matrices, r, trainable parameters as the paper prints them)
    "RoBERTa base": (("q, v", 8, 0.3e6),),  # Tables 2 and 9
    "RoBERTa large": (("q, v", 8, 0.8e6),),
    "DeBERTa XXL": (("q, v", 8, 4.7e6),),  # Tables 2 and 10
    "GPT-2 M": (("q, v", 4, 0.35e6),),  # Tables 3 and 11
    "GPT-2 L": (("q, v", 4, 0.77e6),),
    "GPT-3": (("v", 2, 4.7e6), ("q, v", 1, 4.7e6), ("q, v", 2, 9.4e6), ("q, v", 4, 18.8e6),
              ("q, v", 8, 37.7e6), ("q, v", 64, 301.9e6), ("q, k, v, o", 1, 9.4e6),
              ("q, k, v, o", 2, 18.8e6), ("q, k, v, o", 4, 37.7e6),
              ("q, k, v, o", 64, 603.8e6)),  # Table 15
}


class Bytes(NamedTuple):
    """Bytes of one number: in a checkpoint, in Adam's two moments, in training with all that goes
    with it, and where it is frozen."""

    saved: float
    moments: float
    training: float
    frozen: float


PRECISIONS = {
    "16 bits": Bytes(2, 4, 8, 2),  # weight, gradient, two moments
    "32 bits": Bytes(4, 8, 16, 4),
    "mixed": Bytes(2, 8, 16, 2),  # and a copy of the weight: 2 + 2 + 4 + 4 + 4
    "mixed, 4-bit base": Bytes(2, 8, 16, 0.5),  # without the constants of its blocks
}
CHECKPOINTS, IN_TRAINING = (350e9, 35e6), (1.2e12, 350e9)  # GPT-3, section 4.2: full, LoRA


def trainable(model: str, targets: str, r: int) -> int:
    """The parameters of all adapters of a model: Σ r·(d + k) over its adapted matrices."""
    size = MODELS[model]
    return size.layers * sum(r * size.d * (rows + columns) for rows, columns in TARGETS[targets])


def memory(model: str, trained: int, full: bool, precision: str = "16 bits"
           ) -> tuple[float, float, float]:
    """Bytes of (a checkpoint of what trains, Adam's two moments, everything in training).

    Everything: what goes with each number that trains, and the frozen weights. Activations are
    not counted.
    """
    total, each = MODELS[model].total, PRECISIONS[precision]
    train, frozen = (total, 0) if full else (trained, total)
    return each.saved * train, each.moments * train, each.training * train + each.frozen * frozen


def size_text(size: float) -> str:
    """Bytes in words, in powers of a thousand: ``37748736`` → "37.7 MB"."""
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if size >= unit:
            return f"{number(size / unit)} {name}"
    return f"{number(size / 1e3)} kB"


def audit(model: str = "GPT-3", targets: str = "q, v", r: int = 4,
          precision: str = "16 bits") -> go.Figure:
    """Left: trainable parameters against r. Right: bytes, full fine-tuning beside LoRA."""
    total, count = MODELS[model].total, trainable(model, targets, r)
    counts = [trainable(model, targets, rank) for rank in RANKS]
    traces = [
        _line("all parameters", [0.8, 80], [total, total], "frozen", dash="dash"),
        _line("adapters", RANKS, counts, "delta"),
        *_printed(model, targets),
        _marks("this rank", [r], [count], "B", "diamond", 13)]
    full, low = (memory(model, count, which, precision) for which in (True, False))
    for quantity, name, sizes, symbol in (("frozen", "full fine-tuning", full, "circle"),
                                          ("delta", "LoRA", low, "diamond")):
        traces.append(_marks(name, [0, 1, 2], sizes, quantity, symbol, 13, panel=2))
    here = model == "GPT-3"
    chosen = here and (targets, r, precision) == ("q, v", 4, "16 bits")
    for which, name in ((0, "paper, full"), (1, "paper, LoRA")):
        traces.append(_marks(name, [0, 2] if here else [], [CHECKPOINTS[which], IN_TRAINING[which]]
                             if here else [], "A", "square-open", 20, panel=2,
                             opacity=1.0 if chosen else 0.35))
    grey, green, blue = COLOURS["frozen"], COLOURS["delta"], COLOURS["A"]
    return go.Figure(traces, layout(
        [f'<span style="color:{green}">● trained</span>   '
         f'<span style="color:{grey}">┅ model</span>   '
         f'<span style="color:{blue}">□ paper</span>',
         f'bytes:   <span style="color:{grey}">● full</span>   '
         f'<span style="color:{green}">◆ LoRA</span>'],
        [{"type": "log", "range": [-0.1, 1.91], "tickvals": list(RANKS),
          "ticktext": [str(rank) for rank in RANKS], "title": {"text": "r"}},
         {"range": [-0.4, 2.4], "tickvals": [0, 1, 2],
          "ticktext": ["checkpoint", "moments", "in training"]}],
        [{**power_ticks(4, 12, every=2), "range": [3.9, 11.9]},
         {"type": "log", "range": [4.3, 13], "tickvals": [1e6, 1e8, 1e10, 1e12],
          "ticktext": ["1 MB", "100 MB", "10 GB", "1 TB"]}],
        f"{model}, {targets}, r = {r}, {precision}: {count:,} trainable, "
        f"{number(total / count)} times fewer{_beside(model, targets, r, count)} · "
        f"checkpoint {size_text(full[0])} → {size_text(low[0])} · "
        f"moments {size_text(full[1])} → {size_text(low[1])} · "
        f"in training {size_text(full[2])} → {size_text(low[2])}, "
        f"{full[2] / low[2]:.1f} times less"))


def _beside(model: str, targets: str, r: int, count: int) -> str:
    """What the paper prints for this setting, and how far it is from the count."""
    found = [printed for *where, printed in PRINTED[model] if where == [targets, r]]
    return "".join(f" (printed: {printed / 1e6:g} million, "
                   f"{100 * (printed / count - 1):+.1f} %)".replace("-", "−") for printed in found)


def _line(name: str, x, y, quantity: str, dash: str = "solid") -> go.Scatter:
    """A line in the left panel."""
    return go.Scatter(x=list(x), y=[float(value) for value in y], mode="lines+markers", name=name,
                      line={"color": COLOURS[quantity], "width": 2.5, "dash": dash},
                      marker={"size": 1 if dash == "dash" else 7, "color": COLOURS[quantity]},
                      hovertemplate=name + ": %{y:,.0f}<extra></extra>")


def _marks(name: str, x, y, quantity: str, symbol: str, size: int, panel: int = 1,
           opacity: float = 1.0) -> go.Scatter:
    """Marks without a line."""
    n = "" if panel == 1 else "2"
    unit = "%{y:,.0f}" if panel == 1 else "%{y:.3s}B"
    return go.Scatter(x=list(x), y=[float(value) for value in y], xaxis=f"x{n}", yaxis=f"y{n}",
                      mode="markers", name=name, opacity=opacity,
                      marker={"symbol": symbol, "size": size, "color": COLOURS[quantity],
                              **({"line": {"width": 2.5}} if "open" in symbol else {})},
                      hovertemplate=f"{name}: {unit}<extra></extra>")


def _printed(model: str, targets: str) -> list[go.Scatter]:
    """What the paper prints for this model: for these matrices, and fainter for others."""
    traces = []
    for mine in (False, True):
        found = [(r, count) for which, r, count in PRINTED[model] if (which == targets) == mine]
        traces.append(_marks("printed" if mine else "printed for other matrices",
                             [r for r, _ in found], np.array([count for _, count in found]), "A",
                             "square-open", 18, opacity=1.0 if mine else 0.35))
    return traces
