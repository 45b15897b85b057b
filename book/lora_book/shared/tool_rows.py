"""A scale beside the tools: a row each, and how the same scale is written there."""

from collections.abc import Sequence

from lora_book.shared.axes import log_labelled
from lora_book.shared.drawing import say
from lora_book.shared.style import COLOURS, MARGIN, figure, line, words
from lora_edu.explore.words import number
from lora_edu.formats.convention import TOOLS, Convention, convention

TEXTS_AT = 250  # on the axis of s, to the right of its labels
ROWS = [name for name in TOOLS if name != "a plain scale"]
HEIGHTS = {row: len(ROWS) - 1 - i for i, row in enumerate(ROWS)}


def tools(scale: float, texts: list[str], title: str, reading: str, more: Sequence = ()) -> dict:
    """A row a tool with its text, and a scale as a line through them all."""
    traces = [
        line([scale] * 2, [-0.5, len(ROWS) - 0.5], "s", name="your scale"),
        *more,
        say({(TEXTS_AT, len(ROWS)): "to match, set", (0.1, len(ROWS)): "scale s"}, "middle right",
            12, colour="s"),
        words([TEXTS_AT] * len(ROWS), list(HEIGHTS.values()), texts, textposition="middle right",
              textfont={"color": COLOURS["s"], "size": 12})]
    return figure(
        traces, title,
        [log_labelled("", -2.2, 8, [0.1, 1, 10])],
        [{"range": [-0.6, len(ROWS) + 0.5], "tickvals": list(HEIGHTS.values()),
          "ticktext": ROWS, "showgrid": False}],
        reading, margin={**MARGIN, "t": 12, "l": 96, "r": 4})


def written(yours: Convention, name: str, rslora: bool = False) -> str:
    """How the scale is written in a tool."""
    row = TOOLS[name]
    if row.asks_for is None:
        return f"only s={number(convention(name, yours.r).scale)}"
    if row.asks_for == "scale":
        return f"scale {number(yours.scale)}"
    if rslora and row.has_rslora:
        return f"α {number(yours.alpha)}, rsLoRA"
    return f"α {number(yours.scale * yours.r)}"
