"""The LoRA paper's own numbers: what its models train, store and hold in memory."""

import numpy as np

from lora_edu.chapters.audit import paper
from lora_edu.chapters.audit.paper import MODELS, PRINTED, RANKS, memory
from lora_edu.chapters.shared.axes import BYTES, log_labelled
from lora_edu.chapters.shared.looks import BESIDE
from lora_edu.chapters.shared.models import size_text
from lora_edu.chapters.shared.style import (
    COLOURS,
    coloured,
    figure,
    level,
    line,
    marks,
    power_ticks,
)
from lora_edu.explore.words import number


def audit(model: str = "GPT-3", targets: str = "q, v", r: int = 4,
          precision: str = "16 bits") -> dict:
    """Left: trainable parameters against r. Right: bytes, full fine-tuning beside LoRA."""
    size = MODELS[model]
    total = float(size.total)
    counts = {rank: size.trainable(targets, rank) for rank in (*RANKS, r)}
    count = counts[r]
    full, low = (memory(model, count, in_full, precision) for in_full in (True, False))

    traces = [
        level(total, [0.8, 80], width=2.5, name="all parameters",
              hovertemplate="all parameters: %{y:,.0f}<extra></extra>"),
        line(RANKS, np.array([counts[rank] for rank in RANKS], float), "delta",
             mode="lines+markers", marker={"size": 7, "color": COLOURS["delta"]}, name="adapters",
             hovertemplate="adapters: %{y:,.0f}<extra></extra>"),
        *_printed(model, targets),
        _marks("this rank", [r], [count], "B", "diamond", 13),
        _marks("full fine-tuning", [0, 1, 2], full, "frozen", "circle", 13, panel=2),
        _marks("LoRA", [0, 1, 2], low, "delta", "diamond", 13, panel=2)]
    is_papers = (targets, r, precision) == ("q, v", 4, "16 bits")
    for name, *bytes_printed in zip(("paper, full", "paper, LoRA"), paper.CHECKPOINTS,
                                    paper.IN_TRAINING, strict=True):
        places, sizes = ([0, 2], bytes_printed) if model == "GPT-3" else ([], [])
        traces.append(_marks(name, places, sizes, "A", "square-open", 20, panel=2,
                             opacity=1.0 if is_papers else BESIDE))

    return figure(
        traces, "",
        [log_labelled("r", -0.1, 1.91, RANKS),
         {"range": [-0.4, 2.4], "tickvals": [0, 1, 2],
          "ticktext": ["checkpoint", "moments", "in training"]}],
        [{**power_ticks(4, 12, every=2), "range": [3.9, 11.9]},
         {**BYTES, "range": [4.3, 13]}],
        f"{model}, {targets}, r = {r}, {precision}: {count:,} trainable, "
        f"{number(total / count)} times fewer{_beside(model, targets, r, count)} · "
        f"checkpoint {size_text(full[0])} → {size_text(low[0])} · "
        f"in training {size_text(full[2])} → {size_text(low[2])}, "
        f"{full[2] / low[2]:.1f} times less",
        headings=[f"{coloured('● trained', 'delta')}   {coloured('┅ model', 'frozen')}   "
                  f"{coloured('□ paper', 'A')}",
                  f"bytes:   {coloured('● full', 'frozen')}   {coloured('◆ LoRA', 'delta')}"])


def _beside(model: str, targets: str, r: int, count: int) -> str:
    """What the paper prints for this setting, and how far it is from the count."""
    matches = [printed for *where, printed in PRINTED[model] if where == [targets, r]]
    return "".join(f" (printed: {printed / 1e6:g} million, "
                   f"{100 * (printed / count - 1):+.1f} %)".replace("-", "−")
                   for printed in matches)


def _marks(name: str, x, y, quantity: str, symbol: str, size: int, panel: int = 1,
           opacity: float = 1.0) -> dict:
    """Marks without a line; y are numbers (left) or bytes (right)."""
    unit = "%{y:,.0f}" if panel == 1 else "%{y:.3s}B"
    return marks(list(x), np.array(y, float), quantity, symbol, size, panel=panel, name=name,
                 stroke=2.5 if "open" in symbol else 0, opacity=opacity,
                 hovertemplate=f"{name}: {unit}<extra></extra>")


def _printed(model: str, targets: str) -> list[dict]:
    """What the paper prints for this model: for these matrices, and smaller for others."""
    traces = []
    for mine in (False, True):
        points = [(r, count) for which, r, count in PRINTED[model] if (which == targets) == mine]
        traces.append(_marks("printed" if mine else "printed for other matrices",
                             [r for r, _ in points], [count for _, count in points], "A",
                             "square-open", 18 if mine else 9, opacity=1.0 if mine else BESIDE))
    return traces
