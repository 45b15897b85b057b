"""LoRA beside full fine-tuning: its distance at many ranks, its best rate, and what A does."""

from __future__ import annotations

import numpy as np

from lora_edu.chapters.beside_full.runs_many_ranks import (
    RANKS,
    SEEDS,
    STEPS,
    adam_gaps,
    sgd_gaps,
)
from lora_edu.chapters.beside_full.runs_ratio import ALPHAS, INPUTS, WIDTHS, first_step, ratios
from lora_edu.chapters.beside_full.runs_ratio import RANKS as FEW_RANKS
from lora_edu.chapters.beside_full.runs_ratio import SEEDS as MAP_SEEDS
from lora_edu.chapters.beside_full.runs_ratio import STEPS as LENGTHS
from lora_edu.chapters.beside_full.runs_turning import SIDE, tuned
from lora_edu.chapters.shared.fits import geometric_mean as mean
from lora_edu.chapters.shared.looks import apart
from lora_edu.chapters.shared.style import (
    COLOURS,
    MARKS,
    coloured,
    curve,
    figure,
    layout,
    level,
    line,
    marks,
    power_ticks,
    words,
)
from lora_edu.explore.words import number, short

WHAT = {"signs": ("frozen A → unit rows", "A", "circle"),
        "Adam": ("Adam → unit rows", "B", "square"),
        "full": ("Adam → full", "delta", "diamond")}
RATIOS = {0.03: "0.03", 0.1: "0.1", 0.3: "0.3", 1: "1", 3: "3", 10: "10", 30: "30", 100: "100"}
LOSSES = {"type": "log", "tickvals": [0.03, 0.1, 0.3, 1], "ticktext": ["0.03", "0.1", "0.3", "1"],
          "range": [-1.6, 0.3]}
SPAN = {"few directions": (0.085, 230), "all directions": (0.02, 70)}  # holds every dot


def many_ranks(steps: int = 30, lr: float = 0.002) -> dict:
    """How far LoRA is from its limits, against the rank. Left: SGD, α/√r. Right: Adam, α/r.

    "X → Y" is the distance of LoRA trained by X from Y; a grey line stands at r = min(d, k).
    """
    at = STEPS.index(steps)
    gaps = {"SGD": sgd_gaps()[..., at], **{n: v[..., at] for n, v in adam_gaps(lr).items()}}
    styles = {"SGD": ("SGD → full", "delta", "diamond"), **WHAT}
    low, high = -2.1, 0.9
    traces = [line([SIDE, SIDE], [10**end, 10**high], "frozen", panel=panel, width=1, dash="dash")
              for panel, end in ((1, low), (2, low + 1))]  # above the legend
    for name, (text, quantity, symbol) in styles.items():
        panel = 1 if name == "SGD" else 2
        if panel == 2:  # the legend, where no line comes
            at = 10 ** (low + 0.27 * (len(WHAT) - list(WHAT).index(name)))
            traces.append(words([RANKS[0]], [at], f"{MARKS[quantity]} {text}", panel=2,
                                textposition="middle right",
                                textfont={"color": COLOURS[quantity]}))
        traces += [
            marks(np.repeat(RANKS, len(SEEDS)), gaps[name].ravel(), quantity, symbol, 4,
                  panel=panel),
            curve(quantity, RANKS, mean(gaps[name]), panel=panel, name=text)]
    said = [f"{text}: {number(value)}" for text, value in (
        ("SGD from full fine-tuning", mean(gaps["SGD"])[-1]),
        ("sign descent with A frozen from unit rows", mean(gaps["signs"])[-1]),
        ("Adam from unit rows", mean(gaps["Adam"])[-1]),
        ("Adam from full fine-tuning", mean(gaps["full"])[-1]))]
    heights = {**power_ticks(-2, 1), "range": [low, high]}
    return figure(traces, layout(
        ["α/√r   " + coloured("◆ SGD → full", "delta"), "α/r"],
        [_ranks(RANKS), _ranks(RANKS)], [heights, heights],
        f"After {steps} step{'s' * (steps > 1)}, Adam's η = {short(lr)}; the gaps at "
        f"r = {RANKS[-1]:,}, in parts of the update · {' · '.join(said)}"))


def ratio(inputs: str = "few directions", width: int = 128, alpha: int = 8,
          steps: int = 30) -> dict:
    """LoRA's best rate over that of full fine-tuning. Left: against r. Right: against the steps."""
    found = ratios()[list(INPUTS).index(inputs), WIDTHS.index(width)]  # ranks, alphas, steps, seeds
    a, t = ALPHAS.index(alpha), LENGTHS.index(steps)
    rule = (width / alpha)**0.5
    traces = [level(1, [0.5, 17]), level(1, [0.5, 110], panel=2),
              marks(np.repeat(FEW_RANKS, len(MAP_SEEDS)), found[:, a, t].ravel(), "delta",
                    "circle", 4)]
    for i, other in enumerate(ALPHAS):
        here = i == a
        traces.append(curve("delta", FEW_RANKS, mean(found[:, i, t]), name=f"α = {other}",
                            opacity=1.0 if here else 0.4, sizes=10 if here else 6,
                            dash="solid" if here else "dot"))
    low, high = np.log10(SPAN[inputs])
    ends = apart([np.log10(mean(found[-1, i, t])) for i in range(len(ALPHAS))],
                 0.11 * (high - low))
    traces.append(words([FEW_RANKS[-1] * 1.25] * len(ALPHAS), 10.0**ends,
                        [f"α {other}" for other in ALPHAS], textposition="middle right",
                        textfont={"color": COLOURS["delta"]}))
    if steps == 1:
        proved = [np.exp(np.mean([np.log(first_step(inputs, width, seed, r, alpha))
                                  for seed in MAP_SEEDS])) for r in FEW_RANKS]
        traces.append(marks(FEW_RANKS, proved, "B", "x-thin-open", 14, stroke=2.5,
                            name="theorem", hovertemplate="theorem: %{y:.3g}<extra></extra>"))
    for r, dash in ((1, "dot"), (4, "dash"), (16, "solid")):
        traces.append(line(LENGTHS, mean(found[FEW_RANKS.index(r), a]), "delta", panel=2,
                           dash=dash, name=f"r = {r}",
                           hovertemplate=f"r = {r}: %{{y:.3g}}<extra></extra>"))
    traces.append(level(rule, [20, 110], panel=2, name="√(k/α)"))
    traces.append(words([115], [rule], "√(k/α)", panel=2, textposition="middle right"))
    heights = {"type": "log", "tickvals": list(RATIOS), "ticktext": list(RATIOS.values()),
               "range": [float(low), float(high)]}
    lengths = {"type": "log", "tickvals": list(LENGTHS), "ticktext": list(map(str, LENGTHS)),
               "range": [-0.12, 2.65], "title": {"text": "steps"}}
    at_four = found[FEW_RANKS.index(4), a, t]
    return figure(traces, layout(
        [coloured("◆ LoRA's best η / full's", "delta")
         + (coloured("   ✕ theorem", "B") if steps == 1 else ""),
         coloured("┈ r = 1   ┅ r = 4   ━ r = 16", "delta")],
        [_ranks(FEW_RANKS, room=0.5), lengths], [heights, heights],
        f"{inputs}, {width} × {width}, α = {alpha}, {steps} step{'s' * (steps > 1)}: at r = 4 the "
        f"best η of LoRA is {number(mean(at_four))} times that of full fine-tuning "
        f"(seeds {number(at_four.min())} to {number(at_four.max())}) · "
        f"√(k/α) = {number(rule)}"))


def turning(optimiser: str = "Adam", inputs: str = "few directions", r: int = 4) -> dict:
    """Left: the cosine of the leading direction of G and A's rows. Right: A trained and frozen."""
    free, still = (tuned(optimiser, inputs, r, frozen) for frozen in (False, True))
    steps = np.arange(len(free[0].loss))
    cosines = np.array([run.aligned for run in free])
    traces = [line(steps, each, "A", width=1, opacity=0.4) for each in cosines]
    traces += [line(steps, cosines.mean(axis=0), "A", width=4, name="cosine",
                    hovertemplate="cosine %{y:.2f}<extra></extra>"),
               level((r / SIDE)**0.5, [0, steps[-1]])]
    ends = []
    for runs, colour, dash, name in ((free, "loss", "solid", "A trained"),
                                     (still, "frozen", "dash", "A frozen")):
        losses = np.array([run.loss for run in runs])
        ends.append(mean(losses[:, -1]))
        traces.append(line(steps, np.exp(np.log(losses).mean(axis=0)), colour, width=3.5,
                           dash=dash, panel=2, name=name,
                           hovertemplate=f"{name}: %{{y:.3g}}<extra></extra>"))
    axis = {"range": [-0.5, steps[-1] + 0.5], "title": {"text": "step"}}
    return figure(traces, layout(
        [coloured("━ cos(A, leading direction)", "A"),
         coloured("━ loss / start", "loss") + "   " + coloured("┅ with A frozen", "frozen")],
        [axis, axis], [{"range": [-0.04, 1.03]}, LOSSES],
        f"{optimiser}, {inputs}, r = {r}: the cosine goes from {cosines[:, 0].mean():.2f} to "
        f"{cosines[:, -1].mean():.2f} (seeds {cosines[:, -1].min():.2f} to "
        f"{cosines[:, -1].max():.2f}) · what is left of the loss is {number(ends[0])}, with A "
        f"frozen {number(ends[1])}"))


def _ranks(ranks, room: float = 0.15) -> dict:
    """The axis of the rank. room: on its right, in powers of ten."""
    return {"type": "log", "tickvals": list(ranks), "ticktext": list(map(str, ranks)),
            "title": {"text": "r"},
            "range": [float(np.log10(ranks[0])) - 0.15, float(np.log10(ranks[-1])) + room]}
