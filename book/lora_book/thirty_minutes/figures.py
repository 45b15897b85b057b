"""The figures of Section 4.1 in thirty minutes: one panel each, whose title says what is found."""

import numpy as np

from lora_book.shared import word_run
from lora_book.shared.axes import labelled
from lora_book.shared.drawing import (
    box,
    cell_map,
    connect,
    dotted,
    fill,
    frame,
    framed,
    map_drawing,
    say,
    sign_key,
    zero_signs,
)
from lora_book.shared.factors import times
from lora_book.shared.style import (
    COLOURS,
    PALE,
    coloured,
    figure,
    heat,
    line,
    marks,
)
from lora_book.shared.valleys import BALL
from lora_book.shared.word_run import R
from lora_book.thirty_minutes import runs
from lora_edu import STARTS, Adapter

ALPHAS = 4, 8, 16, 24, 32
LEARNING_RATE = 0.1  # of the ball
ENOUGH = 1e-3  # the loss at which it has arrived
EDGE = 1.75  # of the ball's plane


def word(start: str = STARTS[0], t: int = 0) -> dict:
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
    parts += sign_key(2, R + d + 1.8, "A", "B", "delta")
    headline = f"Step {t}: {_outcome(t, has_moved, now)}"
    return map_drawing(parts, headline, (-1, R + k + 1), (-1, R + d + 4.4),
                       f"{start}. {headline}", square=True)


def _outcome(t: int, has_moved: dict[str, bool], now: Adapter) -> str:
    if t == 0:
        if now.delta().any():
            return "ΔW is not 0, so the model is already changed"
        return "ΔW is exactly 0, so nothing is written yet"
    if not any(has_moved.values()):
        return "neither A nor B has moved, and neither ever will"
    for one, other in ("AB", "BA"):
        if not has_moved[one]:
            return f"{other} has moved, but {one} has not"
    return f"A and B both move, and {_loss_left(now)} of the loss is left"


def _loss_left(adapter: Adapter) -> str:
    """In percent, with a blank at which no line breaks."""
    left = 100 * word_run.loss_left(adapter)
    digits = 1 if left < 10 else 0
    return f"{left:.{digits}f}\u00a0%"


def strides(alpha: float = 16) -> dict:
    """From G to the first step of W, through two amplifiers: each number relative to α = 8.

    A bar is as long as the number is large, and a wire as thick, but never too thin to be seen.
    Adam's first is no amplifier.
    """
    factor = times(alpha / R)
    rows = {"SGD": 0, "Adam": -3}  # their heights
    sizes = {name: runs.strides(name, alpha) / runs.strides(name, R) for name in rows}
    lengths = {name: times(at_W) for name, (_, at_W) in sizes.items()}

    parts = []
    for name, y in rows.items():
        at_B, at_W = sizes[name]
        first = _amplifier(8, y, "B")
        if name == "Adam":
            first = _outline([8, 8, 12.2, 12.2], y + np.array([-0.5, 0.5, 0.5, -0.5]), "B")
        ends = {(0, y): name, (21.2, y + 0.8): f"{coloured('ΔW', 'delta')} {lengths[name]}"}
        parts += [_wire(5.2, 8, y, 1, "frozen"), _wire(12.2, 15.4, y, at_B, "B"),
                  _wire(19.6, 21.2, y, at_W, "delta"),
                  first, _amplifier(15.4, y, "delta"), say(ends, "middle right", 15),
                  box(21.2, y - 0.35, 0.64 * at_W, 0.7, "delta")]

    texts = {}
    for name, y in rows.items():
        at_B, _ = sizes[name]
        first_word = {(9.4, y): factor} if name == "SGD" else {(10.1, y): "sign"}
        texts |= {**first_word, (6.5, y + 0.66): "1", (6.5, y - 0.66): coloured("G", "frozen"),
                  (13.7, y + 0.66): _short(at_B), (13.7, y - 0.66): coloured("B", "B"),
                  (16.8, y): factor}

    folds = [f"{max(at_W, 1 / at_W):.3g}-fold under {name}" for name, (_, at_W) in sizes.items()]
    change = "grows" if alpha > R else "shrinks"
    headline = f"From α = {R} to {alpha}, the first step {change} {' and '.join(folds)}"
    if alpha == R:
        headline = "The first step at α = 8 is the reference"
    return map_drawing([*parts, say(texts, size=12)], headline, (0, 31.6), (1.3, -4.1), headline)


def _wire(left: float, right: float, y: float, size: float, colour: str) -> dict:
    return line([left, right], [y, y], colour, width=max(0.8 * size, 0.6))  # px


def _amplifier(left: float, y: float, colour: str) -> dict:
    """A triangle that points to the right."""
    return _outline([left, left, left + 4.2], [y - 0.9, y + 0.9, y], colour)


def _outline(x, y, colour: str) -> dict:
    """Straight lines from corner to corner, and back to the first."""
    return line([*x, x[0]], [*y, y[0]], colour, width=2)


def two_ways(optimiser: str = "Adam", t: int = 1) -> dict:
    """ΔW at step t with α × 4, and below it with η × 4; under each, how far A has moved."""
    lr = word_run.SLOW[optimiser]
    large_alpha = word_run.written(STARTS[0], optimiser, lr, 4 * R)[t]
    large_eta = word_run.written(STARTS[0], optimiser, 4 * lr)[t]
    upper = large_alpha.delta()
    lower = large_eta.delta()
    with_alpha = word_run.moved(large_alpha)
    with_eta = word_run.moved(large_eta)
    if t == 0:
        outcome = "nothing is written yet"
    elif np.allclose(upper, lower, atol=1e-3 * np.abs(upper).max()):
        outcome = "the two pictures are the same"
    else:
        outcome = (f"{_loss_left(large_alpha)} of the loss is left with α × 4, and "
                   f"{_loss_left(large_eta)} with η × 4")
    distances = "A has not moved in either run" if t <= 1 else (
        f"A has moved by {100 * with_alpha:.0f} % of its initial norm with α × 4, "
        f"and by {100 * with_eta:.0f} % with η × 4")

    d, k = upper.shape
    parts = []
    for name, delta, moved, top in (("α × 4", upper, with_alpha, 0),
                                    ("η × 4", lower, with_eta, d + 6)):
        text = f"A moved by {100 * moved:.0f} %" if moved else "A has not moved"
        length = 8 * moved  # 8 cells are the length of A's start
        parts += [*framed(delta, 0, top, "delta", name),
                  say({(-1, top + d / 2 - 0.5): name}, "middle left", 15),
                  box(-0.5, top + d + 0.6, length, 2.2, "A"),
                  say({(length, top + d + 1.7): coloured(text, "A")}, "middle right")]
    end = 2 * (d + 6) - 2.5
    return map_drawing([*parts, *sign_key(k - 11, end + 1.2, "delta")],
                       f"{optimiser}, step {t}: {outcome}", (-11, k + 0.5), (-1.5, end + 2.6),
                       f"{optimiser}, step {t}: {distances}")


def units(c: float = 4) -> dict:
    """One entry of A as a bar, between a ruler in a unit and one in a unit c times smaller.

    A tick is as far as Adam's step moves the number. The bar's green ends are that step.
    """
    rate = runs.LR
    reach = 5  # ticks of the old unit
    half = 0.4  # of the bar's height
    parts = []
    numbers = {}
    facts = {}
    for side, name, factor in ((1, "old unit", 1), (-1, "smaller unit", c)):
        value, slope, step = runs.measured(float(factor))
        tip = value / factor / rate
        edge = side * half
        parts += [box(0, edge, reach, side, PALE),
                  box(tip, 0, step / factor / rate, edge, "delta")]
        for tick in np.arange(1, factor * reach) / factor:
            parts += connect((tick, edge), (tick, edge + 0.28 * side))
        for tick in range(reach):
            numbers[tick or 0.2, edge + 0.65 * side] = f"{tick * factor * rate:.3g}"
        about = (name, f"reads {_short(value)}", f"gradient {_short(slope, 2)}")
        for row, text in enumerate(about):
            facts[reach + 0.15, edge + 0.56 * side + 0.32 - 0.32 * row] = text
    parts += [box(0, -half, tip, 2 * half, fill("A", 1)),
              dotted(tip, -half, 1, half, colour="delta")]
    facts |= {(0.1, 0): "entry of A",
              (tip + 1.05, 0.5 * half): coloured("Adam’s step: η", "delta"),
              (tip + 1.05, -0.5 * half): coloured(f"step η, needed η × {c:g}", "delta")}
    headline = f"Shrink the unit {c:g}-fold, and Adam’s step is {c:g} times too short"
    parts += [say(numbers, size=11), say(facts, "middle right")]
    return map_drawing(parts, headline, (-0.1, 8.7), (1.5, -1.5),
                       f"{headline}. The new ruler reads {c:g} times as much as the old one")


def saddle_point(a: float = 0.5, b: float = 0.0) -> dict:
    """A ball that rolls down (1 − ab)²/2 from (a, b): one number for A and one for B."""
    way = runs.descend(a, b, LEARNING_RATE, 100)
    arrived = np.flatnonzero((1 - way.prod(axis=1))**2 / 2 < ENOUGH)
    steps = int(arrived[0]) if arrived.size else None
    way = way[:None if steps is None else steps + 1]
    traces = [_same_loss(product, fill("loss", 1 - abs(1 - product) / 3.5), width=1.5)
              for product in (-2, -1.5, -1, -0.5, 0.5, 1.5, 2)]
    traces += [_same_loss(1, "loss", width=4, name="loss 0"),
               line([-EDGE, EDGE], [EDGE, -EDGE], "frozen", width=1.5, dash="dash", name="b = −a"),
               marks([0], [0], "rose", "x", 14, name="both zero"),
               line(way[:, 0].round(3), way[:, 1].round(3), BALL, width=3, name="path",
                    mode="lines+markers",
                    marker={"size": 5, "color": COLOURS[BALL], "symbol": "circle"}),
               marks([a], [b], BALL, "circle-open", 18, stroke=2, name="dropped"),
               marks(way[-1:, 0], way[-1:, 1], BALL, "circle", 18, name="ball")]
    if steps:
        outcome = f"the ball rolls to a loss of 0 in {steps} steps"
    elif steps == 0:
        outcome = "the loss is already 0, so the ball stays"
    elif a == b == 0:
        outcome = "on the cross, the ball never moves"
    else:
        outcome = "the ball rolls onto the cross and stays there"
    key = "   ".join(coloured(text, colour) for text, colour in (
        ("✖ both zero", "rose"), ("━ loss 0", "loss"), ("┅ b = −a", "frozen")))
    square = {"dtick": 1, "constrain": "domain"}
    shown = figure(traces, outcome.capitalize(), [labelled("a (for A)", -EDGE, EDGE, **square)],
                   [labelled("b (for B)", -EDGE, EDGE, **square, scaleanchor="x")],
                   f"From a = {_short(a)}, b = {_short(b)}: {outcome}", headings=[key])
    shown["layout"]["meta"]["roll"] = ["path", "ball"]
    return shown


def _same_loss(product: float, colour: str, width: float, **looks) -> dict:
    """The two branches of ab = product, along which the loss (1 − ab)²/2 is the same."""
    at = np.geomspace(abs(product) / EDGE, EDGE, 30).round(3)
    smooth = {"color": COLOURS.get(colour, colour), "width": width, "simplify": False}
    return line([*at, None, *-at], [*product / at, None, *-product / at], colour, line=smooth,
                **looks)


def _short(value: float, digits: int = 3) -> str:
    """At most so many digits: ``-0.09412`` → "−0.0941", 16 → "16"."""
    return f"{value:.{digits}g}".replace("-", "−")
