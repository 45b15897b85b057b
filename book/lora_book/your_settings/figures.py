"The scale of your settings, compared with each tool’s default."

import math

from lora_book.shared.axes import log_labelled
from lora_book.shared.drawing import say
from lora_book.shared.style import COLOURS, MARGIN, figure, line, marks, words
from lora_book.shared.tool_rows import ROWS
from lora_edu.explore.words import number
from lora_edu.formats.convention import A_STARTS, TOOLS, Convention, convention

RSLORA = "PEFT, rsLoRA"
# ROWS begins with PEFT, which stands here with both its rules.
CHOICES = ["PEFT", RSLORA, *[name for name in ROWS[1:] if TOOLS[name].asks_for]]
ALPHAS = [1, 4, 8, 16, 20, 32, 64, 128]
WIDTH = 1024  # of the layer's input, for A's start
TEXTS_AT = 250  # on the axis of s, to the right of its labels
HEIGHTS = {row: len(ROWS) - 1 - i for i, row in enumerate(ROWS)}


def settings(tool: str = "kohya", r: int = 16, alpha: float = 1, optimiser: str = "AdamW") -> dict:
    """A row a tool: your scale, the tool's own (open), and how yours is written there.

    alpha: or the scale, where the tool asks for that.
    """
    name = "PEFT" if tool == RSLORA else tool
    asked = TOOLS[name].asks_for  # "alpha" or "scale"
    setting = {asked: alpha}
    yours = convention(name, r, **setting, rslora=tool == RSLORA, optimiser=optimiser, k=WIDTH)
    unsaid = {row: convention(row, r).scale for row in ROWS if TOOLS[row].alpha is not None}
    texts = [_short(yours, row, tool == RSLORA) for row in ROWS]
    traces = [
        line([yours.scale] * 2, [-0.5, len(ROWS) - 0.5], "s", name="your scale"),
        marks(list(unsaid.values()), [HEIGHTS[row] for row in unsaid], "frozen", "circle-open",
              11, stroke=2.5, name="the tool’s default", text=list(unsaid),
              hovertemplate="%{text}’s default: s = %{x:.3g}<extra></extra>"),
        marks([yours.scale], [HEIGHTS[name]], "s", "diamond", 15, name="your settings",
              hovertemplate="your s = %{x:.3g}<extra></extra>"),
        say({(TEXTS_AT, len(ROWS)): "to match, set", (0.1, len(ROWS)): "scale s"}, "middle right",
            12, colour="s"),
        words([TEXTS_AT] * len(ROWS), list(HEIGHTS.values()), texts, textposition="middle right",
              textfont={"color": COLOURS["s"], "size": 12})]
    return figure(
        traces, _headline(yours, optimiser),
        [log_labelled("", -2.2, 8, [0.1, 1, 10])],
        [{"range": [-0.6, len(ROWS) + 0.5], "tickvals": list(HEIGHTS.values()),
          "ticktext": ROWS, "showgrid": False}],
        f"{tool}, r = {r}, {'α' if asked == 'alpha' else 'scale'} = {alpha}: "
        f"s = {number(yours.scale)}. The initial A has standard deviation {number(yours.sigma)} "
        f"for {WIDTH:,} inputs, and the initial B is zero. For a different r, "
        f"{yours.when_r_changes}. Coloured words: how to set this scale in each tool",
        margin={**MARGIN, "t": 12, "l": 96, "r": 4})


def _headline(yours: Convention, optimiser: str) -> str:
    """What the scale does to the first step, and why it is not simply the scale."""
    text = (f"The scale is {number(yours.scale)}, so {optimiser}’s first step is "
            f"{number(yours.stride)} times as large as at scale 1")
    if optimiser == "SGD":
        text += " (the scale squared)"
    elif yours.stride != yours.scale:  # Adam under MLX
        text += f" elsewhere, because {yours.tool}’s {optimiser} has no bias correction"
    beside_peft = yours.sigma / A_STARTS["kaiming_uniform"](yours.r, WIDTH)
    if not math.isclose(beside_peft, 1):
        text += f". A’s spread is {beside_peft:.2g} times PEFT’s"
    return text


def _short(yours: Convention, name: str, rslora: bool) -> str:
    """How to enter your scale in a tool, and how many times larger A's spread is there."""
    row = TOOLS[name]
    text = _written(yours, name, rslora)
    wider = A_STARTS[row.start](yours.r, WIDTH) / yours.sigma
    if not math.isclose(wider, 1):
        text += f", A’s σ×{wider:.2g}"  # without blanks, for which a phone has no room
    return text


def _written(yours: Convention, name: str, rslora: bool) -> str:
    """How the scale is written in a tool."""
    row = TOOLS[name]
    if row.asks_for is None:
        return f"only s={number(convention(name, yours.r).scale)}"
    if row.asks_for == "scale":
        return f"scale {number(yours.scale)}"
    if rslora and row.has_rslora:
        return f"α {number(yours.alpha)}, rsLoRA"
    return f"α {number(yours.scale * yours.r)}"
