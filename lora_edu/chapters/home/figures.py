"""W₀ + (α/r)·B·A drawn to scale, with both gradients, through the first steps of training."""

from __future__ import annotations

import numpy as np

from lora_edu import STARTS
from lora_edu.chapters.home.runs import ALPHA, D, K, Snapshot, first_steps, problem
from lora_edu.chapters.shared.style import COLOURS, coloured, figure, heat, layout, words
from lora_edu.explore.words import number, short

EDGES = np.array([0.001, 0.003, 0.01, 0.03, 0.1, 0.3])  # between two colours
DEEPEST = len(EDGES) + 1
MOST = 8  # columns of B and rows of A for which there is room
UP, LEFT = MOST + 1, K + MOST + 4  # the row and the column at which ΔW begins
DOWN, RIGHT = UP + D + 5, LEFT + K + 1  # where ∇A and ∇B begin
BELOW = UP + D  # where the names of ΔW and ∇B stand
KEY = 3, UP + D + 4.5  # where the key of the colours begins: column, row


def _shades() -> list[str]:
    """The colours of the levels −DEEPEST … DEEPEST; none at all for 0. Blue, orange and green are
    those of A, B and ΔW: a sign has others."""
    depths = np.linspace(0.16, 1, DEEPEST)
    purple, grey = ([f"rgba({', '.join(map(str, bytes.fromhex(COLOURS[q][1:])))}, {depth:.2f})"
                     for depth in depths] for q in ("loss", "frozen"))
    return [*grey[::-1], "rgba(128, 128, 128, 0)", *purple]


SHADES = _shades()


def levels(values: np.ndarray) -> np.ndarray:
    """The signed number of each value's colour: 0 for exactly 0 and for nothing else."""
    return np.sign(values).astype(int) * (1 + np.searchsorted(EDGES, np.abs(values), "right"))


def matrices(r: int = 4, start: str = STARTS[0], optimiser: str = "Adam", t: int = 0) -> dict:
    """The matrices at step t of a run with α = 4: blocks of cells, coloured by value."""
    run = first_steps(r, start, optimiser)
    now, before = run[t].adapter, run[max(t - 1, 0)].adapter
    moved = {name: not np.array_equal(getattr(now, name), getattr(before, name)) for name in "AB"}
    grad_A, grad_B, delta = run[t].grad_A, run[t].grad_B, now.delta()
    blocks = [  # name, values, column, row, whether it has moved; of a gradient nobody asks that
        ("W₀", problem().W0, 0, UP, False), ("B", now.B, LEFT - 1 - r, UP, moved["B"]),
        ("A", now.A, LEFT, UP - 1 - r, moved["A"]), ("ΔW", delta, LEFT, UP, any(moved.values())),
        ("∇A", grad_A, LEFT, DOWN, None), ("∇B", grad_B, RIGHT, UP, None)]
    traces = [_cells(name, levels(values), x, y) for name, values, x, y, _ in blocks]
    traces.append(_cells("key", np.repeat([np.arange(-DEEPEST, DEEPEST + 1)], 2, axis=0), *KEY))
    traces.append(words([-0.5], [0.5], [f"step {t}"], textposition="middle right",
                        textfont={"size": 20}))
    traces.append(_words(
        ("+", K + 1, UP + D / 2 - 0.5, "middle center"),
        ("W₀, frozen", -0.5, UP - 0.7, "top right"),
        (f"A {r} × {K}", LEFT - 0.5, UP - 1.7 - r, "top right"),
        (f"B {D} × {r}", LEFT - 1.5, UP - 0.7, "top left"),
        (f"ΔW {D} × {K}", LEFT + K / 2 - 0.5, BELOW, "bottom center"),
        (coloured("∇B", "B"), RIGHT - 0.5, BELOW, "bottom right"),
        (coloured("∇A", "A"), LEFT - 1.5, DOWN - 0.5, "bottom left"),
        *((text, KEY[0] + DEEPEST + at, KEY[1] + 1.6, "bottom center") for at, text in (
            (0.5 - DEEPEST, f"−{EDGES[-1]}"), (0, "0"), (DEEPEST - 0.5, f"{EDGES[-1]}"))),
        *(("0", x + (values.shape[1] - 1) / 2, y + (values.shape[0] - 1) / 2, "middle center")
          for _, values, x, y, _ in blocks if not values.any())))
    still = {"showticklabels": False, "ticks": "", "showgrid": False, "constrain": "domain"}
    made = layout(
        [f"W = W₀ + (α/r)·B·A,  α/r = {ALPHA:g}/{r} = {short(ALPHA / r)}"],
        [{**still, "range": [-1, RIGHT + MOST]}],
        [{**still, "range": [DOWN + MOST, -4.5], "scaleanchor": "x", "scaleratio": 1}],
        f"r = {r}, {start}, {optimiser}, step {t}: {_says(t, run, moved)} "
        f"‖∇A‖ {number(np.linalg.norm(grad_A))} · ‖∇B‖ {number(np.linalg.norm(grad_B))} · "
        f"‖ΔW‖ {number(np.linalg.norm(delta))} · loss {number(run[t].loss)}")
    return figure(traces, {**made, "margin": {"l": 4, "r": 4, "t": 30, "b": 4},
                           "shapes": [_frame(*block) for block in blocks]})


def _cells(name: str, shown: np.ndarray, x: float, y: float) -> dict:
    return heat(shown / 100, -DEEPEST, DEEPEST, SHADES, name=name, x0=x, y0=y)


def _frame(name: str, values: np.ndarray, x: int, y: int, moved: bool | None) -> dict:
    """Green and thick around what has moved in this step, dashed around a gradient."""
    rows, columns = values.shape
    looks = {"color": COLOURS["delta"] if moved else COLOURS["frozen"], "width": 2 if moved else 1,
             "dash": "dash" if moved is None else "solid"}
    out = 0.75 if moved else 0.5  # a thick frame covers no cell
    return {"type": "rect", "xref": "x", "yref": "y", "x0": x - out, "x1": x + columns - 1 + out,
            "y0": y - out, "y1": y + rows - 1 + out, "line": looks}


def _words(*notes: tuple[str, float, float, str]) -> dict:
    """Texts at places (text, x, y, on which side of the place): a trace is drawn several times
    faster than annotations are."""
    texts, x, y, sides = (list(each) for each in zip(*notes, strict=True))
    return words(x, y, texts, textposition=sides, textfont={"size": 12})


def _says(t: int, run: list[Snapshot], moved: dict[str, bool]) -> str:
    """What has moved, what has not, and why."""
    asleep = [name for name in "AB" if not getattr(run[0], f"grad_{name}").any()]
    if len(asleep) == 2:
        return ("nothing has moved: both gradients were exactly 0, and are." if t else
                "both gradients are exactly 0, because A and B are.")
    if not asleep:
        return ("A and B have moved." if t else "no gradient is 0, and ΔW is not 0 either: the "
                "model is changed before it has learnt.")
    still, other = asleep[0], "AB".replace(asleep[0], "")
    if t == 0:
        return f"∇{still} is exactly 0, because {other} is; ∇{other} is not."
    if not moved[still]:
        return f"{other} has moved, {still} has not: ∇{still} was exactly 0, and is no longer."
    return f"{still} wakes: A and B have moved." if t == 2 else "A and B have moved."
