"""LoRA beside full fine-tuning: its first step, its best rate, and its distance at many ranks."""

import numpy as np

from lora_book.beside_full import runs_first_step as first
from lora_book.beside_full import runs_many_ranks as many
from lora_book.beside_full import runs_ratio as rates
from lora_book.beside_full.runs_turning import SIDE
from lora_book.shared.axes import labelled, log_labelled
from lora_book.shared.drawing import framed, map_drawing, say
from lora_book.shared.fits import geometric_mean
from lora_book.shared.looks import apart, end_labels, steps_done
from lora_book.shared.style import (
    COLOURS,
    coloured,
    curve,
    figure,
    level,
    line,
    marks,
    power_ticks,
    words,
)
from lora_book.shared.word import picture
from lora_edu.explore.words import number, short

RATIOS = (0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
SPAN = {"few directions": (0.085, 230), "all directions": (0.02, 70)}  # holds every ratio


def first_steps(r: int = 16, times: int = 1) -> dict:
    """A noisy picture that is wanted, and the first step of Adam towards it on W and under LoRA.

    times: LoRA's learning rate, over that of full fine-tuning.
    """
    step = times * first.lora_step(r)
    d, k = step.shape
    parts = []
    use, harm = first.compared(step)
    rate = "the same η" if times == 1 else f"η × {times}"
    for row, (name, values) in enumerate((("wanted", picture()),
                                          ("full fine-tuning", first.full_step()),
                                          (f"LoRA, r = {r:,}, {rate}", step))):
        top = row * (d + 4)
        parts += [*framed(values, 0, top, "delta", name),
                  say({(-0.5, top - 1.9): name}, "middle right", 14)]
    comparison = f"{use:.2g} × full’s use, {harm:.2g} × its harm"
    return map_drawing(parts, f"LoRA’s step: {comparison}", (-1, k), (-3.5, 3 * d + 8.5),
                       f"r = {r:,}, {rate}, α = 8: {comparison}. Its best η is "
                       f"{number(use / harm * times)} × full’s")


def row_step(angle: int = 20) -> dict:
    """The first step of a row of two entries: on W a corner, under LoRA a place on a circle.

    α = 2 and PEFT's σ, with many ranks. angle: of the direction that is downhill, in degrees.
    """
    turn = np.deg2rad(angle)
    downhill = np.array([np.cos(turn), np.sin(turn)]).round(12)
    full = np.sign(downhill)
    radius = 2 * 6**-0.5 * (2 / np.pi)**0.5  # α·σ·√(2/π), k = 2
    lora = radius * downhill
    arc = np.linspace(0, np.pi / 2, 46)
    traces = [line([0, 1.6 * downhill[0]], [0, 1.6 * downhill[1]], "frozen", dash="dash"),
              line([0, 1, 1], [1, 1, 0], "A", width=1.5, dash="dot"),
              line(radius * np.cos(arc), radius * np.sin(arc), "B", width=1.5, dash="dot")]
    for name, (x, y), quantity, side in (("full", full, "A", "top"), ("LoRA", lora, "B", "bottom")):
        traces += [line([0, x], [0, y], quantity, width=4, name=name),
                   marks([x], [y], quantity, "circle", 13, name=name),
                   say({(x + 0.05, y): coloured(f" {name}", quantity)}, f"{side} right", 15)]
    ways = [int(np.rad2deg(np.arctan2(y, x)).round()) for x, y in (full, lora)]
    axis = {"range": [-0.1, 1.6], "tickvals": [0, 1], "ticktext": ["0", "η"], "constrain": "domain"}
    return figure(
        traces, f"downhill is {angle}°: full goes {ways[0]}°, LoRA {ways[1]}°",
        [labelled("move of one entry", -0.1, 2.1, **axis)],
        [labelled("of the other", -0.25, 1.4, **axis, scaleanchor="x")],
        f"Downhill is at {angle}°: full fine-tuning steps {np.linalg.norm(full):.2f} η "
        f"far at {ways[0]}°, LoRA {radius:.2f} η far at {ways[1]}°")


def same_use() -> dict:
    """By how much LoRA's η must be larger for an equally useful first step, against the width."""
    widths = 2.0 ** np.arange(6, 13)
    needed = {alpha: [first.rate_for_same_use(int(k), alpha) for k in widths] for alpha in (8, 32)}
    traces = [level(10, [55, 4700], name="ten times")]
    for alpha, factors in needed.items():
        traces += [curve("delta", widths, factors, name=f"α = {alpha}", sizes=8),
                   end_labels(widths[-1], {f"α = {alpha}": (factors[-1], "delta")}, pad=2)]
    most = needed[32][-1]
    return figure(
        traces, f"4,096 wide, α = 32: η × {most:.0f} for the same use",
        [log_labelled("width", 1.74, 4.35, [64, 256, 1024, 4096])],
        [log_labelled("LoRA’s η over full’s", 0.3, 3.2, [1, 10, 100, 1000])],
        f"For an equally useful first step at width 4,096 LoRA’s η must be {needed[8][-1]:.0f} "
        f"times that of full fine-tuning at α = 8, {most:.0f} times at α = 32")


def ratio(inputs: str = "few directions", alpha: int = 8, width: int = 128) -> dict:
    """LoRA's best rate over that of full fine-tuning, against the length of the run.

    For r = 1, 4 and 16, and at one step what the theorem says. inputs: a name of
    ``runs_ratio.INPUTS``. width: of the square layer.
    """
    ratios = rates.ratios()[list(rates.INPUTS).index(inputs), rates.WIDTHS.index(width), :,
                            rates.ALPHAS.index(alpha)]  # ranks, steps, seeds
    ranks = (1, 4, 16)
    rule = (width / alpha)**0.5
    paths = [geometric_mean(ratios[rates.RANKS.index(r)]) for r in ranks]
    low, high = np.log10(SPAN[inputs])
    traces = [level(1, [0.9, 110]), level(rule, [25, 110], name="√(k/α)")]
    for r, path, opacity in zip(ranks, paths, (0.7, 0.85, 1), strict=True):
        traces.append(curve("delta", rates.STEPS, path, name=f"r = {r}", opacity=opacity, sizes=8))
    proved = [geometric_mean([rates.first_step(inputs, width, seed, r, alpha)
                              for seed in rates.SEEDS]) for r in ranks]
    traces.append(marks([1] * len(ranks), proved, "B", "x-thin-open", 14, stroke=2.5,
                        name="theorem", hovertemplate="theorem: %{y:.3g}<extra></extra>"))
    heights = apart([np.log10(path[0]) for path in paths], 0.06 * (high - low))
    rank_names = [coloured(f"r = {r} ", "delta") for r in ranks]
    traces.append(words([0.85] * len(ranks), 10.0**heights, rank_names, textposition="middle left"))
    traces.append(words([115, 115], [rule, 1], [" √(k/α)", " as full’s"],
                        textposition="middle right", textfont={"color": COLOURS["frozen"]}))
    middle = f"× {paths[1][0]:.2g} at 1 step, × {paths[1][-1]:.2g} at 100"
    return figure(
        traces, f"r = 4: {middle}",
        [log_labelled("steps of training", -0.85, 2.85, rates.STEPS)],
        [log_labelled("LoRA’s best η over full’s", float(low), float(high), RATIOS)],
        f"{inputs}, {width} × {width}, α = {alpha}: LoRA’s best η over that of full "
        f"fine-tuning, at r = 4: {middle} · √(k/α) = {number(rule)}")


def many_ranks(steps: int = 30, lr: float = 0.002) -> dict:
    """How far runs of LoRA are from full fine-tuning, against the rank.

    SGD with α/√r from SGD on W, and Adam with α/r from the nearest run of Adam on W.

    Args:
        steps: The length of the runs.
        lr: The learning rate of Adam.
    """
    at = many.STEPS.index(steps)
    lines = {"SGD": ("A", many.sgd_gaps()), "Adam": ("B", many.adam_gaps(lr))}
    traces = [line([SIDE, SIDE], [10**-2.1, 10**0.75], "frozen", width=1, dash="dash"),
              words([3.2], [10**0.87], ["dashed: r reaches every update"],
                    textposition="middle right",
                    textfont={"color": COLOURS["frozen"]})]
    distances = []
    for name, (quantity, gaps) in lines.items():
        path = geometric_mean(gaps[..., at])
        traces += [marks(np.repeat(many.RANKS, len(many.SEEDS)), gaps[..., at].ravel(), quantity,
                         "circle", 4),
                   curve(quantity, many.RANKS, path, name=name),
                   end_labels(1.3 * many.RANKS[-1], {name: (path[-1], quantity)}, pad=0, size=15)]
        distances.append(f"{name} {path[-1]:.2g}")
    return figure(
        traces, f"r = {many.RANKS[-1]:,}: {', '.join(distances)} away",
        [log_labelled("rank r", 0.45, 4.8, [4, 32, 256, 4096])],
        [labelled("distance, in updates", -2.1, 1.05, **power_ticks(-2, 0))],
        f"{steps_done(steps)}, η = {short(lr)} under Adam, r = {many.RANKS[-1]:,}: the distance "
        f"from full fine-tuning, in parts of its update · {' · '.join(distances)}")
