"""Rotated digits: the pictures, and the explorers over the shipped runs."""

import numpy as np

from lora_book.rotated_digits import runs
from lora_book.shared import digits
from lora_book.shared.drawing import say
from lora_book.shared.looks import Look, named, named_ticks, ring, seeds
from lora_book.shared.style import (
    BLANK_AXIS,
    COLOURS,
    PALE,
    coloured,
    figure,
    heat,
    line,
    words,
)
from lora_edu.explore.words import short

OLD = {"new classes": "digits 0–4"}  # what the base was trained on, where not "upright digits"
DASHES = {"all weights trained": "solid", "head only": "dash", "no adapter": "dot"}
SHARE = {"range": [-0.06, 1.14], "tickformat": ".0%", "dtick": 0.2}
NEARLY = 0.1  # below the accuracy with all weights trained
ACROSS = 8  # pictures in a row
# a picture's place, in its pixels
WIDE = digits.SIDE + 2
HIGH = digits.SIDE + 6


def names(task: str = "rotated", r: int = 0) -> dict:
    """Test pictures, and under each the class that LoRA of rank r in the first layer gives it.

    Names that are right and wrong have colours of their own; beside a wrong one is the right one,
    small. r: 0 is the base without an adapter.
    """
    shown = digits.load()
    side = digits.SIDE
    pictures = shown.X_test[:runs.PICTURES]
    truth = shown.y_test[:runs.PICTURES]
    pictures = digits.rotate(pictures, 90) if task == "rotated" else 1 - pictures
    called = runs.shipped()["named"][runs.NAMED.index(task), runs.NAMED_RANKS.index(r)]
    sheet = np.zeros((HIGH * runs.PICTURES // ACROSS, WIDE * ACROSS))
    places = [(WIDE * (i % ACROSS), HIGH * (i // ACROSS)) for i in range(runs.PICTURES)]
    for (x, y), picture in zip(places, pictures, strict=True):
        sheet[y:y + side, x:x + side] = picture.reshape(side, side)
    traces = [heat(100 * sheet, 0, 100, [PALE, "ink"], name="ink")]
    for colour, which in (("teal", called == truth), ("rose", called != truth)):
        at = np.array(places)[which] + (3, side + 1.8)
        traces.append(words(*at.T.tolist(), [str(digit) for digit in called[which]],
                            textfont={"size": 17, "color": COLOURS[colour]}))
    wrong = np.array(places)[called != truth] + (6.4, side + 2.2)
    right = [str(digit) for digit in truth[called != truth]]
    traces.append(words(*wrong.T.tolist(), right, textfont={"size": 11}))
    share = (np.median(runs.tried(task, runs.PLACES[0], r)[runs.RATES.index(runs.SHOWN_RATE), :, 1])
             if r else runs.shipped()["frozen"][runs.TASKS.index(task), 1])
    who = f"at rank {r}" if r else "without an adapter"
    count = np.sum(called == truth)
    still = {**BLANK_AXIS, "constrain": "domain"}
    return figure(
        traces, f"{who.capitalize()}, the network reads {count} of {runs.PICTURES} digits",
        [{**still, "range": [-1, sheet.shape[1] - 1]}],
        [{**still, "range": [len(sheet) - 0.5, -1], "scaleanchor": "x", "scaleratio": 1}],
        f"{task}, {who}: {count} of these {runs.PICTURES} test pictures are "
        f"classified correctly, and {share:.0%} of all 300 (with an adapter: median of five seeds)",
        margin={"l": 4, "r": 4, "t": 4, "b": 4})


def rotated_digits(task: str = "rotated", place: str = "first layer", r: int = 4,
                   lr: float = 0.03) -> dict:
    """Test accuracy against r at this η (left), and against η at this r (right).

    place: one of runs.PLACES, where the adapters are.
    """
    t = runs.TASKS.index(task)
    values = runs.shipped()["lora"][t, runs.PLACES.index(place)]  # (r, η, seeds, 3)
    at_rank = runs.RANKS.index(r)
    at_rate = runs.RATES.index(lr)
    _, without, before = runs.shipped()["frozen"][t]
    levels = [*(np.median(runs.chosen(task, method)[1][:, 1]) for method in ("full", "head")),
              without]
    traces = [line([runs.RANKS[0] * 0.8, runs.RANKS[-1] * 1.25], [height] * 2, "frozen", width=2,
                   dash=dash, **named(name))
              for (name, dash), height in zip(DASHES.items(), levels, strict=True)]
    heights = [level + (-0.07 if level == np.median(levels) else 0.07) for level in levels]
    ends = [0.85 * runs.RANKS[0], 1.2 * runs.RANKS[-1]]
    traces.append(words([ends[0], ends[1], ends[0]], heights, list(DASHES), name="names",
                        textposition=["middle right", "middle left", "middle right"]))
    traces += [line([runs.RATES[0] * 0.8, runs.RATES[-1] * 1.25], [before] * 2, "rose", width=2,
                    dash="dot", panel=2, **named("old task before")),
               say({(1.2 * runs.RATES[-1], before + 0.07): coloured("old task before", "rose")},
                   "middle left", panel=2)]
    traces += _curve("teal", "new task", runs.RANKS, values[:, at_rate, :, 1], at_rank, 1)
    traces += _curve("rose", "old task", runs.RATES, values[at_rank, :, :, 2], at_rate, 2)
    traces += _curve("teal", "new task", runs.RATES, values[at_rank, :, :, 1], at_rate, 2)
    _, new, old = np.median(values[at_rank, at_rate], axis=0)
    verdict = "nearly suffices" if new > levels[0] - NEARLY else "falls short"
    where = "the first layer" if place == runs.PLACES[0] else place
    return figure(
        traces,
        f"Rank {r} at η = {short(lr)} {verdict}: {new:.0%} on the new task (all weights: "
        f"{levels[0]:.0%}), and the old task falls from {before:.0%} to {old:.0%}",
        [named_ticks(runs.RANKS, f"rank, at η = {short(lr)}"),
         named_ticks(runs.RATES, f"η, at r = {r}", ticks=runs.RATES[::2], names=short)],
        [SHARE, SHARE],
        f"{task}, LoRA on {where}, r = {r}, η = {short(lr)}: {new:.0%} of the test pictures "
        f"correct; on {OLD.get(task, 'upright digits')}, {old:.0%} with the adapter and "
        f"{before:.0%} without it (medians of five seeds)",
        headings=[coloured("new task", "teal"),
                  f"{coloured('new task', 'teal')}   {coloured('old task', 'rose')}"])


def _curve(colour: str, name: str, x, values: np.ndarray, chosen: int, panel: int) -> list[dict]:
    """All seeds as dots, their median as a line, and a ring around the chosen place."""
    middle = np.median(values, axis=1)
    return [seeds(x, values, colour, panel=panel),
            Look(colour, "circle").curve(x, middle, name, panel=panel),
            ring(x[chosen], middle[chosen], panel=panel)]
