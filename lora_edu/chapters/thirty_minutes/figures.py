"""The figures of Section 4.1 in thirty minutes: one panel each, whose title says what is found."""

import numpy as np

from lora_edu import STARTS
from lora_edu.chapters.shared import word_run
from lora_edu.chapters.shared.axes import labelled
from lora_edu.chapters.shared.drawing import (
    box,
    cell_map,
    dotted,
    frame,
    map_drawing,
    say,
    zero_signs,
)
from lora_edu.chapters.shared.factor_bars import factor_bars, times
from lora_edu.chapters.shared.looks import counted
from lora_edu.chapters.shared.scale_rules import DIVISORS
from lora_edu.chapters.shared.style import (
    BLANK_AXIS,
    COLOURS,
    coloured,
    figure,
    heat,
    line,
    marks,
    words,
)
from lora_edu.chapters.shared.word_pictures import pictures
from lora_edu.chapters.shared.word_run import R
from lora_edu.chapters.thirty_minutes import runs

ALPHAS = 4, 8, 16, 24, 32
RANKS = tuple(2**i for i in range(7))
LEARNING_RATE = 0.1  # of the ball
ENOUGH = 1e-3  # the loss at which it has arrived
EDGE = 1.75  # of the ball's plane


def word(start: str = STARTS[0], t: int = word_run.STEPS[-1]) -> dict:
    """A, B and ΔW = BA at step t, coloured by value; the wanted ΔW is the word LoRA."""
    run = word_run.written(start)
    now = run[t]
    before = run[max(t - 1, 0)]
    has_moved = {name: not np.array_equal(getattr(now, name), getattr(before, name))
                 for name in "AB"}
    delta = now.delta()
    d, k = delta.shape
    ink = [COLOURS["frozen"], "rgba(128,128,128,0)", COLOURS["delta"]]
    blocks = [(now.A, R + 1, 0), (now.B, 0, R + 1), (delta, R + 1, R + 1)]
    parts = [cell_map(*blocks[0], "A", "A"),
             cell_map(*blocks[1], "B", "B"),
             heat(100 * delta, -100, 100, ink, name="ΔW", x0=R + 1, y0=R + 1)]
    parts += [frame(*block) for block in blocks]
    parts += zero_signs(blocks, "middle center")
    parts += [say({(R - 0.5, R / 2 - 0.5): coloured("A", "A")}, "middle left", 16),
              say({(R / 2 - 0.5, R): coloured("B", "B")}, "top center", 16),
              say({(R + k / 2, R + d + 1): coloured("ΔW = B·A", "delta")}, "bottom center", 14)]
    headline = _word_headline(t, has_moved, now)
    return map_drawing(parts, headline, (-1, R + k + 1), (-1, R + d + 3.4),
                       f"{start}, step {t}: {headline.partition(': ')[2]}", square=True)


def _word_headline(t: int, has_moved: dict, now) -> str:
    if t == 0:
        if now.delta().any():
            return "step 0: ΔW is not 0: the model is changed"
        return "step 0: ΔW is exactly 0: nothing is written yet"
    if not any(has_moved.values()):
        return f"step {t}: nothing has moved, and nothing will"
    for one, other in ("AB", "BA"):
        if not has_moved[one]:
            return f"step {t}: {other} has moved, {one} has not"
    left = 100 * word_run.loss_left(now)
    digits = 1 if left < 10 else 0
    return f"step {t}: both move, {left:.{digits}f} % of the loss left"


def strides(alpha: float = 8) -> dict:
    """The length of the first step of W under SGD and Adam, that at α = 8 being one."""
    factors = {name: runs.stride(name, alpha) / runs.stride(name, R) for name in ("Adam", "SGD")}
    texts = {name: times(factor) for name, factor in factors.items()}
    headline = (f"α {times(alpha / R)}: stride {texts['SGD']} under SGD, {texts['Adam']} under Adam"
                if alpha != R else "α = 8: the stride to compare with")
    return factor_bars(
        factors, headline, "length of the first step, at α = 8 it is 1",
        "dotted: the step at α = 8",
        f"α = {alpha:g}: the first step is {factors['SGD']:.3g} times as long as at "
        f"α = 8 under SGD, {factors['Adam']:.3g} times under Adam")


def two_ways(optimiser: str = "Adam", t: int = 1) -> dict:
    """ΔW at step t with α × 4, and below it with η × 4; under each, how far A has moved."""
    lr = word_run.SLOW[optimiser]
    ways = {"α × 4": word_run.written(STARTS[0], optimiser, lr, 4 * R),
            "η × 4": word_run.written(STARTS[0], optimiser, 4 * lr)}
    upper, lower = (run[t].delta() for run in ways.values())
    with_alpha, with_eta = (word_run.moved(run[t]) for run in ways.values())
    if t == 0:
        outcome = "nothing is written yet"
    elif np.allclose(upper, lower, atol=1e-3 * np.abs(upper).max()):
        outcome = "the same picture"
    elif with_eta > 1.05 * with_alpha:
        outcome = f"below, A has moved {with_eta / with_alpha:.2g} times as far"
    else:
        outcome = "the pictures differ"
    distances = "A has not moved in either run" if t <= 1 else (
        f"A has moved by {100 * with_alpha:.0f} % of its start with α × 4, "
        f"by {100 * with_eta:.0f} % with η × 4")

    rows = {}
    for name, delta, moved in zip(ways, (upper, lower), (with_alpha, with_eta), strict=True):
        text = f"A has moved by {100 * moved:.0f} %" if moved else "A has not moved"
        rows[name] = delta, 8 * moved, "A", text
    return pictures(rows, f"{optimiser}, step {t}: {outcome}",
                    f"{optimiser}, step {t}: {distances}")


def units(c: float = 4) -> dict:
    """Value, gradient and Adam's step of one entry of A, in a unit and in one c times smaller."""
    shapes = []
    labels = {}
    changes = []
    for row, (name, old, new) in enumerate(zip(
            ("value", "gradient", "Adam’s step"), runs.measured(1.0), runs.measured(c),
            strict=True)):
        y = -3.4 * row
        factor = new / old
        changes.append(f"{name} " + ("the same" if abs(factor - 1) < 1e-6 else times(factor)))
        shapes += [box(0, y - 0.8, 1, 0.7, COLOURS["frozen"]),
                   box(0, y - 1.7, factor, 0.7, COLOURS["A"])]
        labels[0, y + 0.45] = changes[-1]
        labels[1, y - 0.45] = f" {_short(old)}"
        labels[factor, y - 1.35] = coloured(f" {_short(new)}", "A")
    shapes.append(dotted(0, y - 1.8, c, 0.9, colour="B"))
    labels[c, y - 1.35] = labels.pop((factor, y - 1.35)) + coloured(
        f", needs {_short(c * old)}", "B")
    return figure([say(labels, "middle right")],
                  f"unit ÷ {c:g}: Adam’s step is {c:g} times too short",
                  [{**BLANK_AXIS, "range": [-0.05, 11.9]}],
                  [{**BLANK_AXIS, "range": [y - 2.2, 1.1]}],
                  f"One entry of A, grey in the old unit, blue in the new: {', '.join(changes)}",
                  shapes=shapes, margin={"l": 4, "r": 4, "t": 4, "b": 4})


def arrows(r: int = 16, divide: str = "nothing") -> dict:
    """r arrows head to tail: each one along, and a random step across; their sum in two parts."""
    power = DIVISORS[divide]
    size = r**-power
    most = runs.ARROWS**(1 - power)
    aside = size * np.append(0, runs.across()[:r])
    straight = size * np.arange(r + 1)
    off = aside[-1]
    end = straight[-1]
    room = 0.15 * max(most, 3)
    traces = [
        line(straight, aside, "frozen", width=2, mode="lines+markers", name="arrows",
             marker={"size": 4, "color": COLOURS["frozen"], "symbol": "circle"}),
        line([0, end], [0, 0], "delta", width=6, name="along"),
        line([end, end], [0, off], "B", width=6, name="across"),
        say({(0, room / 9): coloured(f"along {_short(end, 2)}", "delta")}, "top right", 14),
        say({(end, off / 2): coloured(f" across {_short(abs(off), 2)}", "B")}, "middle right")]
    by = "" if divide == "nothing" else f" divided by {divide.split()[0]}"
    headline = f"{counted(r, 'arrow')}{by}: {_short(end, 2)} along, {_short(abs(off), 2)} across"
    return figure(traces, headline,
                  [labelled("along: the useful direction", -0.06 * most, 1.55 * most)],
                  [labelled("across", -2 * room, room)],
                  f"{headline}; typical across: {_short(np.sqrt(r) * size, 2)}")


def saddle_point(a: float = 0.5, b: float = 0.0) -> dict:
    """A ball that rolls down (1 − ab)²/2 from (a, b): one number for A and one for B."""
    way = runs.descend(a, b, LEARNING_RATE, 100)
    arrived = np.flatnonzero((1 - way.prod(axis=1))**2 / 2 < ENOUGH)
    steps = int(arrived[0]) if arrived.size else None
    way = way[:None if steps is None else steps + 1]
    traces = []
    for product in (-2, -1.5, -1, -0.5, 0.5, 1.5, 2, 1):  # where the loss is the same; at 1 it is 0
        at = np.geomspace(abs(product) / EDGE, EDGE, 30).round(3)
        least = product == 1
        traces.append(line([*at, None, *-at], [*product / at, None, *-product / at], "loss",
                           width=4 if least else 1.5, name="loss 0" if least else None,
                           opacity=1 if least else 0.62 - 0.14 * abs(1 - product)))
    traces += [marks([0], [0], "B", "x", 14, name="both zero"),
               line(way[:, 0].round(3), way[:, 1].round(3), "delta", width=3, name="path",
                    mode="lines+markers",
                    marker={"size": 5, "color": COLOURS["delta"], "symbol": "circle"}),
               marks([a], [b], "delta", "circle", 18, name="ball"),
               words([1], [1], [coloured("  loss 0", "loss")], textposition="top right"),
               words([0], [-0.12], [coloured("both zero", "B")], textposition="bottom center")]
    if (a, b) == (0.5, 0):
        traces.append(say({(a, b): coloured("    drag me", "delta")}, "middle right"))
    if steps:
        outcome = f"it rolls to loss 0 in {steps} steps"
    elif steps == 0:
        outcome = "the loss is 0 already, and it stays"
    elif a == b == 0:
        outcome = "on the cross: it never rolls"
    else:
        outcome = "it rolls onto the cross, and stays there"
    return figure(traces, outcome, [labelled("a (for A)", -EDGE, EDGE, dtick=1)],
                  [labelled("b (for B)", -EDGE, EDGE, dtick=1)],
                  f"From a = {_short(a)}, b = {_short(b)}: {outcome}")


def _short(value: float, digits: int = 3) -> str:
    """At most so many digits: ``-0.09412`` → "−0.0941", 16 → "16"."""
    return f"{value:.{digits}g}".replace("-", "−")
