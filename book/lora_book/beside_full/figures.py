"""LoRA compared with full fine-tuning: its first step, and its distance at large ranks."""

import numpy as np

from lora_book.beside_full import runs_first_step as first
from lora_book.beside_full import runs_many_ranks as many
from lora_book.beside_full.runs_turning import SIDE
from lora_book.shared.axes import labelled, log_labelled
from lora_book.shared.drawing import framed, map_drawing, say
from lora_book.shared.fits import geometric_mean
from lora_book.shared.looks import Look, end_labels, seeds, steps_done
from lora_book.shared.style import (
    COLOURS,
    coloured,
    figure,
    line,
    marks,
    power_ticks,
    words,
)
from lora_book.shared.word import picture
from lora_edu.explore.words import number

ADAM_RATE = 0.002  # of the runs at many ranks


def first_steps(r: int = 16, times: int = 1) -> dict:
    """A noisy target picture, and Adam's first step towards it on W and under LoRA.

    times: LoRA's learning rate over that of full fine-tuning.
    """
    step = times * first.lora_step(r)
    d, k = step.shape
    parts = []
    use, harm = first.compared(step)
    rate = "the same η" if times == 1 else f"η × {times}"
    for row, (name, values) in enumerate((("target", picture()),
                                          ("full fine-tuning", first.full_step()),
                                          (f"LoRA, r = {r:,}, {rate}", step))):
        top = row * (d + 4)
        parts += [*framed(values, 0, top, "delta", name),
                  say({(-0.5, top - 1.9): name}, "middle right", 14)]
    comparison = {(-0.5, top + d + 1): f"use: {use:.2g} × full fine-tuning’s",
                  (-0.5, top + d + 3.8): f"harm: {harm:.2g} × full fine-tuning’s"}
    parts.append(say(comparison, "middle right", 14))
    headline = ("Full fine-tuning moves every entry of W by η, whereas LoRA’s median move is "
                f"{np.median(np.abs(step)):.2g} η")
    return map_drawing(parts, headline, (-1, k), (-3.5, 3 * d + 13),
                       f"With r = {r:,}, {rate} and α = 8, LoRA’s step has {use:.2g} times the "
                       f"first-order decrease of full fine-tuning’s step and {harm:.2g} times its "
                       "second-order cost. LoRA’s best η for one step is "
                       f"{number(use / harm * times)} times that of full fine-tuning")


def row_step(angle: int = 20) -> dict:
    """The first step of a row of two entries: on W a corner, under LoRA a point on a circle.

    α = 2, PEFT's σ, and a very large rank. angle: of the downhill direction, in degrees.
    """
    turn = np.deg2rad(angle)
    downhill = np.array([np.cos(turn), np.sin(turn)]).round(12)
    full = np.sign(downhill)
    radius = 2 * 6**-0.5 * (2 / np.pi)**0.5  # α·σ·√(2/π), k = 2
    lora = radius * downhill
    arc = np.linspace(0, np.pi / 2, 46)
    traces = [line([0, 1.6 * downhill[0]], [0, 1.6 * downhill[1]], "frozen", dash="dash"),
              line(radius * np.cos(arc), radius * np.sin(arc), "teal", width=1.5, dash="dot")]
    colours = {"full fine-tuning": "rose", "LoRA": "teal"}
    for (name, colour), (x, y) in zip(colours.items(), (full, lora), strict=True):
        traces += [line([0, x], [0, y], colour, width=4, name=name),
                   marks([x], [y], colour, "circle", 13, name=name)]
    ways = [int(np.rad2deg(np.arctan2(y, x)).round()) for x, y in (full, lora)]
    axis = {"range": [-0.1, 1.6], "tickvals": [0, 1], "ticktext": ["0", "η"], "constrain": "domain"}
    return figure(
        traces,
        f"With the negative gradient at {angle}°, full fine-tuning steps at {ways[0]}° "
        f"and LoRA at {ways[1]}°",
        [labelled("change of one entry", -0.1, 2.1, **axis)],
        [labelled("change of the other entry", -0.25, 1.4, **axis, scaleanchor="x")],
        f"With the negative gradient at {angle}°, full fine-tuning steps "
        f"{np.linalg.norm(full):.2f} η at {ways[0]}° and LoRA {radius:.2f} η at {ways[1]}°",
        headings=["   ".join(coloured(f"● {name}", colour) for name, colour in colours.items())])


def many_ranks(steps: int = 30) -> dict:
    """Distance of LoRA's update from full fine-tuning's, against the rank.

    SGD with α/√r from SGD on W, and Adam with α/r from the closest run of Adam on W.

    steps: the length of the runs.
    """
    at = many.STEPS.index(steps)
    lines = {"SGD": ("rose", many.sgd_gaps()), "Adam": ("teal", many.adam_gaps(ADAM_RATE))}
    traces = [line([SIDE, SIDE], [10**-2.1, 10**0.7], "frozen", width=1, dash="dash"),
              words([1.15 * SIDE], [10**0.6], [f"r = {SIDE}, full rank"],
                    textposition="middle right",
                    textfont={"color": COLOURS["frozen"]})]
    distances = []
    for name, (colour, gaps) in lines.items():
        path = geometric_mean(gaps[..., at])
        traces += [seeds(many.RANKS, gaps[..., at], colour),
                   Look(colour, "circle").curve(many.RANKS, path, name),
                   end_labels(1.3 * many.RANKS[-1], {name: (path[-1], colour)}, pad=0, size=15)]
        distances.append(f"{path[-1]:.2g} under {name}")
    return figure(
        traces,
        "As r grows, LoRA’s update approaches full fine-tuning’s under SGD but not under Adam",
        [log_labelled("rank r", 0.45, 4.8, [4, 32, 256, 4096])],
        [labelled("relative distance", -2.1, 0.75, **power_ticks(-2, 0))],
        f"After {steps_done(steps)} at r = {many.RANKS[-1]:,}, the relative distance between the "
        f"updates is {' and '.join(distances)} (η = {ADAM_RATE:g})")
