"""The scale of some settings beside what each tool takes when nothing is said."""

import math

from lora_edu.chapters.shared.style import COLOURS, MARGIN, figure, line, marks, words
from lora_edu.explore.words import number
from lora_edu.nn import TOOLS, convention
from lora_edu.nn.convention import A_STARTS, Convention

ROWS = [name for name in TOOLS if name != "a plain scale"]
RSLORA = "PEFT, rsLoRA"
CHOICES = ["PEFT", RSLORA, *ROWS[1:]]
ALPHAS = [1, 4, 8, 16, 20, 32, 64, 128]
WIDTH = 1024  # of the layer's input, for A's start


def settings(tool: str = "kohya", r: int = 16, alpha: float = 1, optimiser: str = "AdamW") -> dict:
    """A row a tool: your scale (green), the tool's own (open), and how yours is written there."""
    own = "PEFT" if tool == RSLORA else tool
    plain = own == "MLX"
    found = convention(own, r, None if plain else alpha, scale=alpha if plain else None,
                       rslora=tool == RSLORA, optimiser=optimiser, k=WIDTH)
    heights = {name: len(ROWS) - 1 - i for i, name in enumerate(ROWS)}
    unsaid = {name: convention(name, r).scale for name in ROWS if TOOLS[name].alpha is not None}
    traces = [
        line([found.scale] * 2, [-0.5, len(ROWS) - 0.5], "delta", name="your scale"),
        marks(list(unsaid.values()), [heights[name] for name in unsaid], "frozen", "circle-open",
              11, stroke=2.5, name="nothing said", text=list(unsaid),
              hovertemplate="%{text} with nothing said: s = %{x:.3g}<extra></extra>"),
        marks([found.scale], [heights[own]], "delta", "diamond", 15, name="your settings",
              hovertemplate="your s = %{x:.3g}<extra></extra>"),
        words([250] * len(ROWS), list(heights.values()),
              [_short(found, name, tool == RSLORA) for name in ROWS], textposition="middle right",
              textfont={"color": COLOURS["delta"], "size": 11})]
    wider = found.sigma / A_STARTS["kaiming_uniform"](r, WIDTH)
    return figure(
        traces,
        f"The scale is {number(found.scale)}, so {optimiser}’s first stride is "
        f"{number(found.stride)} times that of scale 1"
        + ", the scale squared" * (found.stride != found.scale)
        + f", with an A {wider:.2g} times as wide as PEFT’s" * (not math.isclose(wider, 1)),
        [{"type": "log", "range": [-2.4, 5.6], "title": {"text": "scale s"},
          "tickvals": [0.01, 0.1, 1, 10], "ticktext": ["0.01", "0.1", "1", "10"]}],
        [{"range": [-0.6, len(ROWS) - 0.4], "tickvals": list(heights.values()),
          "ticktext": ROWS, "showgrid": False}],
        f"{tool}, r = {r}, {'scale' if plain else 'α'} = {alpha}: s = {number(found.scale)}; A "
        f"starts at a standard deviation of {number(found.sigma)} for inputs of width {WIDTH:,}, "
        f"and B at zero; for another r {found.when_r_changes}; the green words are the same run "
        "there",
        margin={**MARGIN, "t": 12, "l": 88, "r": 4})


def _short(found: Convention, name: str, rslora: bool) -> str:
    """How the scale is written in a tool, and how much wider its A starts."""
    row = TOOLS[name]
    if name == "MLX":
        text = f"scale {number(found.scale)}"
    elif rslora and row.has_rslora:
        text = f"α {number(found.alpha)}, rsLoRA"
    else:
        text = f"α {number(found.scale * found.r)}"
    wider = A_STARTS[row.start](found.r, WIDTH) / found.sigma
    return text if math.isclose(wider, 1) else f"{text}, A × {wider:.2g}"
