"""What tells settings apart, and what is left behind by "roughly"."""

import numpy as np

from lora_book.invariance import runs
from lora_book.invariance.runs_slide import worth
from lora_book.shared.axes import labelled, log_labelled
from lora_book.shared.drawing import box, dotted, say
from lora_book.shared.factors import times
from lora_book.shared.style import (
    MARGIN,
    ZeroLogAxis,
    curve,
    figure,
    level,
    line,
    marks,
    power_ticks,
    words,
)
from lora_book.shared.two_runs import STEPS, relative_gap
from lora_edu import OPTIMISERS

UNIT = 4.0  # α × 16 is a change of units of A and B by √16


def ticks(eta: bool = False, start: bool = False, eps: bool = False, decay: bool = False,
          optimiser: str = "AdamW") -> dict:
    """The gap between a run with α × 16 and one with α in which the settings that are true, which
    the reader ticks, follow."""
    second = runs.followed(optimiser, lr=eta, start=start, eps=eps, weight_decay=decay)
    gap = relative_gap(runs.large_path(optimiser), runs.path(*second))
    scale = ZeroLogAxis(-8, 0, every=2)
    powers = {"start": 1, **OPTIMISERS[optimiser].powers}
    follows = [f"{name} {times(UNIT**powers[setting])}" for setting, name, on in (
        ("lr", "η", eta), ("start", "initial A", start), ("eps", "ε", eps),
        ("weight_decay", "decay", decay)) if on and setting in powers]
    if not gap.any():
        gap_text = "the two runs agree in every bit"
    else:
        most = 100 * gap.max()
        gap_text = (f"the two runs differ by up to {most:{'.0f' if most > 1 else '.2g'}} % "
                    "of the update")
    gap = gap[1:]  # at step 0 there is none
    shown = curve("delta", np.arange(1, STEPS + 1), scale.place(gap), values=gap,
                  name="gap", sizes=6)
    axis = scale.axis("gap, relative to the update")
    axis["ticktext"] = [axis["ticktext"][0], *(f"{10.0**(t + 2):g} %"
                                              for t in axis["tickvals"][1:])]
    return figure([shown], gap_text.capitalize(), [labelled("step", -1.5, STEPS + 1)], [axis],
                  f"{optimiser} with α × 16, compared with α and "
                  f"{', '.join(follows) or 'nothing else'}: {gap_text}",
                  margin={**MARGIN, "l": 84, "t": 12})


def two_numbers(change: str = "α × 16") -> dict:
    """What a change does to the first step of W, and to A's first step relative to A."""
    step, relative = runs.two_sizes(change)
    sizes = (relative, step)  # from below
    shapes = [box(0, at - 0.28, size, 0.56, colour)
              for at, (size, colour) in enumerate(zip(sizes, ("A", "delta"), strict=True))]
    shapes += [dotted(0, at - 0.36, 1, 0.72) for at in (0, 1)]
    traces = [say({(max(size, 1), at): f" {times(size)}" for at, size in enumerate(sizes)},
                  "middle right", 16),
              say({(0, -0.56): "dotted: unchanged"}, "middle right", 12)]
    changes = change.replace(", ", " and ")
    headline = (f"With {changes}, the first step in W {_change(step)} "
                f"and A’s relative step {_change(relative)}")
    return figure(traces, headline,
                  [labelled("times as large", 0, 21, tickvals=[1, 4, 8, 16])],
                  [{"range": [-0.8, 1.6], "tickvals": [0, 1], "showgrid": False,
                    "ticktext": ["A’s relative step ", "first step in W "]}], headline,
                  shapes=shapes, margin={**MARGIN, "l": 130, "t": 12})


def _change(factor: float) -> str:
    if np.isclose(factor, 1):
        return "stays the same"
    return f"grows {factor:.3g}-fold" if factor > 1 else f"shrinks {1 / factor:.3g}-fold"


def roughly() -> dict:
    """The gap between two runs that should be one, if one setting does not follow (log scale)."""
    sizes = runs.left_behind()
    rows = np.arange(len(sizes))[::-1]
    middles = [np.median(gaps) for gaps in sizes.values()]
    percent = [f"{100 * middle:.2g} %" if middle < 1 else f"{100 * middle:.0f} %"
               for middle in middles]  # .2g would write 150 % as 1.5e+02 %
    traces = [marks(middles, rows, "delta", "diamond", 11),
              words(middles, rows, [f"   {text}" for text in percent],
                    textposition="middle right", textfont={"size": 14})]
    return figure(traces, "If one setting is not converted, the gap is between "
                  f"{percent[-1]} and {percent[0]} of the update, depending on the setting",
                  [log_labelled("gap, relative to the update", -6.5, 4.8, [1e-6, 1e-3, 1],
                                texts=["0.0001 %", "0.1 %", "100 %"])],
                  [{"range": [-0.6, len(sizes) - 0.4], "tickvals": rows, "ticktext": list(sizes),
                    "showgrid": False}],
                  "The runs differ by " + ", ".join(
                      f"{text} ({name})" for name, text in zip(sizes, percent, strict=True)),
                  margin={**MARGIN, "l": 118, "t": 12})


def slide(factor: int = 16) -> dict:
    """The factor on η that a larger α is worth, against how far A has moved from its start."""
    moved, worths = worth(factor)
    root = factor**0.5
    ends = {f"η × {factor}": np.log2(factor), f"η × {root:g}": np.log2(root)}
    traces = [line(moved, np.log2(worths), "ink", width=4, name="worth", customdata=worths,
                   hovertemplate="A moved by %{x:.2g} of its initial norm: η × %{customdata:.3g}"
                                 "<extra></extra>"),
              *(level(end, [1e-4, 1e3]) for end in ends.values()),
              words([10**2.1] * 2,  # near the right edge
                    [end + 0.12 for end in ends.values()], list(ends),
                    textposition="top left")]
    worth_at = {where: float(np.exp(np.interp(np.log(where), np.log(moved), np.log(worths))))
                for where in (0.01, 0.1, 1, 10)}
    return figure(
        traces,
        f"α × {factor} is worth η × {factor} at first, but η × {root:g} once A has moved far",
        [labelled("distance moved by A / its initial norm", -3.2, 2.2, **power_ticks(-3, 2))],
        [labelled("equivalent factor on η", -0.3, 6.6, tickvals=list(range(7)),
                  ticktext=[f"× {2**e}" for e in range(7)])],
        f"α × {factor}: " + " · ".join(f"A moved by {where:g} of its initial norm: η × {value:.3g}"
                                       for where, value in worth_at.items()),
        margin={**MARGIN, "l": 76, "t": 12})
