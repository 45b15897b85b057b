"""The figures of Section 4.1 in thirty minutes: one panel each, whose title says what is found."""

import numpy as np

from lora_edu import STARTS
from lora_edu.chapters.shared import word_run
from lora_edu.chapters.shared.axes import labelled
from lora_edu.chapters.shared.drawing import (
    box,
    cell_map,
    connect,
    fill,
    frame,
    map_drawing,
    say,
    zero_signs,
)
from lora_edu.chapters.shared.factor_bars import times
from lora_edu.chapters.shared.style import (
    BLANK_AXIS,
    COLOURS,
    PALE,
    coloured,
    figure,
    heat,
    line,
    marks,
)
from lora_edu.chapters.shared.word_pictures import pictures
from lora_edu.chapters.shared.word_run import R
from lora_edu.chapters.thirty_minutes import runs

ALPHAS = 4, 8, 16, 24, 32
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
    """From G to the first step of W, through two amplifiers: each number beside that at α = 8."""
    traces = []
    texts = {(-0.6, 0): "G", (-0.6, -2.6): "G"}
    shapes = []
    bars = {}
    lengths = {}
    factor = times(alpha / R)
    for top, name, first in ((0, "SGD", factor), (-2.6, "Adam", "sign")):
        numbers = [1, *runs.strides(name, alpha) / runs.strides(name, R)]
        for left, size in zip((0, 6.4, 12.8), numbers, strict=True):
            traces.append(line([left, left + 3.4], [top, top], "frozen", width=1 + size))
            texts[left + 1.7, top + 0.65] = _short(size)
        for left, inside, colour in ((3.4, first, "B"), (9.8, factor, "delta")):
            traces.append(line([left, left, left + 3, left], [top - 0.8, top + 0.8, top, top - 0.8],
                               colour, width=2))
            texts[left + 1.15, top] = inside
        texts |= {(-2.2, top - 1.25): name, (17.3, top): "ΔW"}
        lengths[name] = times(numbers[-1])
        shapes.append(box(0, top - 1.5, numbers[-1], 0.5, COLOURS["delta"]))
        bars[numbers[-1], top - 1.25] = f" {lengths[name]}"
    headline = f"α {factor}: stride {lengths['SGD']} under SGD, {lengths['Adam']} under Adam"
    return figure([*traces, say(texts, size=12), say(bars, "middle right", 16)],
                  headline if alpha != R else "α = 8: the stride to compare with",
                  [{**BLANK_AXIS, "range": [-3.8, 19.6]}], [{**BLANK_AXIS, "range": [-4.4, 1.2]}],
                  headline, shapes=shapes, margin={"l": 4, "r": 4, "t": 4, "b": 4})


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
        text = f"A moved by {100 * moved:.0f} %" if moved else "A has not moved"
        rows[name] = delta, 8 * moved, "A", text
    return pictures(rows, f"{optimiser}, step {t}: {outcome}",
                    f"{optimiser}, step {t}: {distances}")


def units(c: float = 4) -> dict:
    """One entry of A as an arrow, on a ruler in a unit and on one in a unit c times smaller.

    A tick is as far as Adam's step moves the number. The arrow's green end is that step.
    """
    rate = runs.LR
    reach = 5  # ticks of the old unit
    shapes = []
    traces = []
    numbers = {}
    facts = {}
    for low, name, factor in ((2.2, "old unit", 1), (-1.2, f"unit ÷ {c:g}", c)):
        value, slope, step = runs.measured(float(factor))
        tip = value / factor / rate
        shapes.append(box(0, low, reach, 1, PALE))
        for tick in np.arange(1, factor * reach) / factor:
            shapes += connect((tick, low + 1), (tick, low + 0.7))
        traces += [line([0, tip], [low + 1.35] * 2, "A", width=7, name="entry"),
                   line([tip, tip + step / factor / rate], [low + 1.35] * 2, "delta", width=7,
                        name="step")]
        for tick in range(reach):
            numbers[tick, low + 0.32] = f"{tick * factor * rate:.3g}"
        facts[reach + 0.15, low + 1.35] = coloured(name, "A")
        facts[reach + 0.15, low + 0.75] = f"reads {_short(value)}"
        facts[reach + 0.15, low + 0.15] = f"gradient {_short(slope, 2)}"
    traces += [line([tip, tip + 1], [low + 1.75] * 2, "B", width=2, dash="dot", name="needed"),
               say({(tip + 1, low + 1.75): coloured(f" η × {c:g}", "B"),
                    (0, 4): coloured("entry of A", "A"),
                    (tip, 4): coloured("Adam’s step: one tick", "delta")}, "middle right"),
               say(numbers, size=11), say(facts, "middle right")]
    headline = f"unit ÷ {c:g}: Adam’s step is {c:g} times too short"
    return figure(traces, headline,
                  [{**BLANK_AXIS, "range": [-0.3, 8.6]}], [{**BLANK_AXIS, "range": [-1.4, 4.4]}],
                  f"{headline}. Beside the old ruler the new one reads {c:g} times as much",
                  shapes=shapes, margin={"l": 4, "r": 4, "t": 4, "b": 4})


def saddle_point(a: float = 0.5, b: float = 0.0) -> dict:
    """A ball that rolls down (1 − ab)²/2 from (a, b): one number for A and one for B."""
    way = runs.descend(a, b, LEARNING_RATE, 100)
    arrived = np.flatnonzero((1 - way.prod(axis=1))**2 / 2 < ENOUGH)
    steps = int(arrived[0]) if arrived.size else None
    way = way[:None if steps is None else steps + 1]
    traces = [_same_loss(product, fill("loss", 1 - abs(1 - product) / 3.5), width=1.5)
              for product in (-2, -1.5, -1, -0.5, 0.5, 1.5, 2)]
    traces += [_same_loss(1, "loss", width=4, name="loss 0"),
               marks([0], [0], "B", "x", 14, name="both zero"),
               line(way[:, 0].round(3), way[:, 1].round(3), "delta", width=3, name="path",
                    mode="lines+markers",
                    marker={"size": 5, "color": COLOURS["delta"], "symbol": "circle"}),
               marks([a], [b], "delta", "circle-open", 18, stroke=2, name="dropped"),
               marks(way[-1:, 0], way[-1:, 1], "delta", "circle", 18, name="ball"),
               say({(1.73, 0.47): coloured("loss 0", "loss"),
                    (-0.12, 0.14): coloured("both zero", "B")}, "middle left")]
    if steps:
        outcome = f"it rolls to loss 0 in {steps} steps"
    elif steps == 0:
        outcome = "the loss is 0 already, and it stays"
    elif a == b == 0:
        outcome = "on the cross: it never rolls"
    else:
        outcome = "it rolls onto the cross, and stays there"
    shown = figure(traces, outcome, [labelled("a (for A)", -EDGE, EDGE, dtick=1)],
                   [labelled("b (for B)", -EDGE, EDGE, dtick=1)],
                   f"From a = {_short(a)}, b = {_short(b)}: {outcome}")
    shown["layout"]["meta"]["roll"] = ["path", "ball"]
    return shown


def _same_loss(product: float, colour: str, **looks) -> dict:
    """The two branches of ab = product, along which the loss (1 − ab)²/2 is the same."""
    at = np.geomspace(abs(product) / EDGE, EDGE, 30).round(3)
    return line([*at, None, *-at], [*product / at, None, *-product / at], colour, **looks)


def _short(value: float, digits: int = 3) -> str:
    """At most so many digits: ``-0.09412`` → "−0.0941", 16 → "16"."""
    return f"{value:.{digits}g}".replace("-", "−")
