"""Three drawings of the road: two valves, two words and what they differ by, a fold."""

from typing import NamedTuple

import numpy as np

from lora_book.shared.drawing import (
    box,
    cell_map,
    drawing,
    fill,
    frame,
    map_drawing,
    say,
    sign_key,
)
from lora_book.shared.style import (
    COLOURS,
    MATRIX_COLOURS,
    PALE,
    coloured,
    line,
)
from lora_book.shared.word_run import STEPS, R
from lora_book.thirty_minutes import runs
from lora_book.which_zero.runs_swap import both, in_order
from lora_edu import STARTS
from lora_edu.explore.words import number

PIPE = 0.8  # how wide it is
ANGLES = tuple(range(0, 181, 30))  # of the fold, in degrees
TURN = 350  # ms from an angle to the next


def valves(start: str = STARTS[0]) -> dict:
    """What G sends to A passes a valve that B holds, and conversely; ΔW = s·BA between the two."""
    share = runs.filled(start)
    water = COLOURS["gradient"]
    parts = [box(1.2, 0.9, PIPE, 6.2, water), box(0.7, 3.2, 1.8, 1.6, water)]
    texts = {(1.6, 4): "G"}
    # Each path ends in a matrix. Its valve opens towards the middle, from where it is pulled.
    for name, holder, low, pull in (("A", "B", 6.3, -1), ("B", "A", 0.9, 1)):
        parts += [box(1.2, low, 3.8, PIPE, water), box(5.2, low, 4.3, PIPE, PALE)]
        passes = share[f"∇{name}"]
        if passes:
            parts.append(box(5.2, low, 4.3, PIPE * passes, water))
        gate = low - 0.15 + 1.1 * pull * share[holder]
        held_at = gate + 0.55 + 0.55 * pull
        parts += [box(5, gate, 0.3, 1.1, COLOURS[holder]),
                  line([5.15, 9.5], [held_at, 4 + 1.8 * pull], holder,
                       width=3 if share[holder] else 1.5, dash="solid" if share[holder] else "dot"),
                  *_matrix(name, low - 0.5, share[name])]
        texts[5.15, low + 0.4 - 0.85 * pull] = coloured(f"valve held by {holder}", holder)
        texts[10.5, low + 0.4 - 1.4 * pull] = f"{name} {'moves' if passes else 'stays'}"
    headline = _first_moves(share)
    return drawing([*parts, *_matrix("ΔW", 3.1, share["ΔW"]), say(texts, size=14)], headline,
                   (0.3, 12.2), (-0.6, 8.6), f"{start}. {headline}")


def _first_moves(share: dict[str, float]) -> str:
    """Which matrices the gradients move at first, and whether ΔW is 0, from what is not zero."""
    moving = [name for name in "AB" if share[f"∇{name}"]]
    if not moving:
        return "Both valves are closed, so nothing ever moves"
    if len(moving) == 1:
        return f"Only {moving[0]} moves in step 1, and ΔW starts at 0"
    if share["ΔW"]:
        return "A and B both move in step 1, but the model is already changed"
    return "A and B both move in step 1, and ΔW starts at 0"


def _matrix(name: str, low: float, share: float) -> list[dict]:
    """A box at the right with the name of a matrix, filled to a share: A's rows or B's columns.

    Where half is filled, it is A's upper half and B's right one, as in the start "BA zero".
    """
    left = 9.5
    width = 2
    height = 1.8
    colour = MATRIX_COLOURS[name]
    outline = box(left, low, width, height, "rgba(0,0,0,0)")
    outline["line"] = {"color": COLOURS[colour], "width": 2}
    across = width * share if name == "B" else width
    up = height if name == "B" else height * share
    inside = box(left + width - across, low + height - up, across, up, fill(colour, share))
    text = name if share else f"{name} = 0"
    return [inside, outline, say({(left + width / 2, low + height / 2): text})]


def ticks(eta: bool = False, start: bool = False, decay: bool = False, eps: bool = False) -> dict:
    """ΔW of a run with α × 16, of one with α in which the ticked settings follow, and what is left
    of their difference, in the shades of ΔW or, where these are too pale to see, magnified."""
    first, second = runs.two_words(lr=eta, start=start, weight_decay=decay, eps=eps)
    gap = first - second
    largest = np.abs(gap).max()
    is_pale = 0 < largest < 0.01
    d, k = gap.shape
    rows = {"α × 16": (first, "delta"), "α + ticks": (second, "delta"),
            "gap": (gap / largest if is_pale else gap, "loss")}
    parts = []
    for row, (name, (values, colour)) in enumerate(rows.items()):
        top = row * (d + 2)
        parts += [cell_map(values, 0, top, colour, name), frame(values, 0, top),
                  say({(-1, top + d / 2): name}, "middle left", 14)]
    note = ""
    headline = f"The two words differ by up to {100 * largest:.0f} % of a letter’s value"
    if is_pale:
        note = f"magnified {float(f'{1 / largest:.1g}'):,.0f} times"
        headline = "The two words differ by too little to see"
    elif not largest:
        note = "0 everywhere"
        headline = "The gap is exactly 0: the two words agree in every bit"
    low = 3 * (d + 2)
    parts += [say({(k / 2, low): note}, size=14), *sign_key(-8.5, low - 0.3, "delta", "loss")]
    return map_drawing(parts, headline, (-15, k), (-1, low + 1.5),
                       f"{headline}. The largest difference is {number(largest)}")


class _Block(NamedTuple):
    """A matrix of the run, its first cell at (x, y), and its twin in the transposed run."""

    name: str
    values: np.ndarray
    twin: str
    turned: np.ndarray
    x: int
    y: int


def fold(t: int = STEPS[-1], angle: int = 0) -> dict:
    """A run above the diagonal of a square, and below it the run on the transposed word.

    angle: one of ANGLES, by which the lower half is folded along the diagonal. At 180 it lies on
    the upper half.
    """
    run, turned_run = both()
    A, B = run[t]
    A_turned, B_turned = turned_run[t]
    delta = in_order(B, A)
    delta_turned = in_order(B_turned, A_turned)
    d, k = delta.shape
    left = d + 2 * R + 2  # of A and ΔW: all of the run lies above the diagonal
    side = left + k
    blocks = [_Block("A", A, "B", B_turned, left, 0),
              _Block("B", B, "A", A_turned, left - R - 1, R + 1),
              _Block("ΔW", delta, "ΔW", delta_turned, left, R + 1)]
    gap = max(np.abs(block.values - block.turned.T).max() for block in blocks)

    parts = [line([0, side], [0, side], "frozen", width=1, dash="dash"),
             *sign_key(side / 2, side - 4, "A", "B", "delta")]
    for block in blocks:
        parts += _both_halves(block, angle)

    texts = _fold_names(blocks, angle)
    headline = f"Step {t}: fold the square to compare the two runs"
    if angle == 180:
        # Where the lower half lay is its difference from the upper one.
        parts.append(frame(delta_turned, R + 1, left))
        middle = left + (k - 1) / 2
        texts |= {(R + d / 2 + 0.5, middle): f"{gap:g}", (R + d + 14, middle): "difference"}
        outcome = f"differ by up to {gap:.0e}" if gap else "agree in every bit"
        headline = f"Step {t}: the folded runs {outcome}"
    shown = map_drawing([*parts, say(texts, size=15)], headline, (-1, side), (-1, side), headline,
                        square=True)
    shown["layout"]["meta"] |= {"pace": TURN, "laid": {f"{block.twin}′": f"{block.twin}′ outline"
                                                       for block in blocks}}
    return shown


def _both_halves(block: _Block, angle: int) -> list[dict]:
    """A matrix and its twin, whose map is laid on the outline that is folded by the angle.

    At 180 the twin hides the matrix.
    """
    x = block.x
    y = block.y
    rows, columns = block.values.shape
    colour = MATRIX_COLOURS[block.twin]
    name = f"{block.twin}′"
    parts = []
    if angle < 180:
        parts.append(cell_map(block.values, x, y, MATRIX_COLOURS[block.name], block.name))
    parts.append(cell_map(block.turned, y, x, colour, name))
    outline = _folded(y - 0.5 + np.array([0, rows, rows, 0, 0]),
                      x - 0.5 + np.array([0, 0, columns, columns, 0]), angle)
    return [*parts, frame(block.values, x, y),
            line(*outline, "frozen", width=1, name=f"{name} outline")]


def _fold_names(blocks: list[_Block], angle: int) -> dict[tuple, str]:
    """The names of the matrices that are seen, each at its place."""
    A, B, delta = blocks
    d, k = delta.values.shape
    # Beside the blocks stand two names, clear of the diagonal, or one.
    beside = 6.5 if angle == 180 else 3
    below = 2.5 if angle == 180 else d / 2
    places = [(A.x - beside, R / 2 - 0.5), (B.x - beside, R + below),
              (delta.x + k / 2, d + R + 5.5)]
    names = [coloured(block.name, MATRIX_COLOURS[block.name]) for block in blocks]
    twins = [coloured(f"{block.twin}′", MATRIX_COLOURS[block.twin]) for block in blocks]
    if angle == 180:
        names = [f"{name}, {twin}" for name, twin in zip(names, twins, strict=True)]
    texts = dict(zip(places, names, strict=True))
    if angle == 0:
        texts |= {(y, x): twin for (x, y), twin in zip(places, twins, strict=True)}
    return texts


def _folded(x: np.ndarray, y: np.ndarray, angle: int) -> tuple[np.ndarray, np.ndarray]:
    """Places that are turned about the diagonal x = y by an angle, seen from above."""
    middle = (x + y) / 2
    across = np.cos(np.radians(angle)) * (x - y) / 2
    return (middle + across).round(2), (middle - across).round(2)
