"""The figures of Section 4.1 in thirty minutes: one panel each, whose title says what is found."""

import numpy as np

from lora_edu import STARTS, Adapter
from lora_edu.chapters.first_r import figures as first_r
from lora_edu.chapters.first_r import runs as first_r_runs
from lora_edu.chapters.low_rank_update import runs_word
from lora_edu.chapters.low_rank_update.runs_word import R
from lora_edu.chapters.shared.drawing import box, cell_map, frame, map_drawing, say
from lora_edu.chapters.shared.style import (
    COLOURS,
    STILL,
    coloured,
    figure,
    line,
    marks,
    power_ticks,
    words,
)
from lora_edu.chapters.step_zero.figures import MATRICES
from lora_edu.chapters.step_zero.runs import descend
from lora_edu.chapters.thirty_minutes import runs

ALPHAS = 4, 8, 16, 24, 32
RANKS = tuple(2**i for i in range(7))
DIVISORS = {"nothing": 0, "√r (rsLoRA)": 0.5, "r (LoRA)": 1}  # the power of r that each is
LEARNING_RATE, ENOUGH = 0.1, 1e-3  # of the ball, and the loss at which it has arrived
EDGE = 1.75  # of the ball's plane


def word(start: str = STARTS[0], t: int = 0) -> dict:
    """A, B and ΔW = BA at step t, coloured by value; the wanted ΔW is the word LoRA."""
    run = runs_word.written(start)
    now, before = run[t], run[max(t - 1, 0)]
    has_moved = {name: not np.array_equal(getattr(now, name), getattr(before, name))
                 for name in "AB"}
    has_moved["ΔW"] = any(has_moved.values())
    blocks = {"A": (now.A, R + 1, 0), "B": (now.B, 0, R + 1), "ΔW": (now.delta(), R + 1, R + 1)}
    parts, zeros = [], {}
    for name, (values, x, y) in blocks.items():
        parts += [cell_map(values, x, y, MATRICES[name], name),
                  frame(values, x, y, lit=has_moved[name])]
        if not values.any():
            rows, columns = values.shape
            zeros[x + (columns - 1) / 2, y + (rows - 1) / 2] = "0"
    parts += [say(zeros, "middle center", 16)] if zeros else []
    d, k = now.shape
    parts += [say({(R - 0.5, R / 2 - 0.5): coloured("A", "A")}, "middle left", 16),
              say({(R / 2 - 0.5, R): coloured("B", "B")}, "top center", 16),
              say({(R + k / 2, R + d + 1): coloured("ΔW = B·A", "delta")}, "bottom center", 14)]
    said = _word_headline(start, t, has_moved, now)
    return map_drawing(parts, said, (-1, R + k + 1), (-1, R + d + 3),
                       f"{start}, step {t}: {said.partition(': ')[2]}")


def _word_headline(start: str, t: int, has_moved: dict, now) -> str:
    if t == 0:
        return "step 0: ΔW is " + ("not 0: the model is changed" if now.delta().any() else
                                   "exactly 0: nothing is written yet")
    if not has_moved["ΔW"]:
        return f"step {t}: nothing has moved, and nothing will"
    for one, other in ("AB", "BA"):
        if not has_moved[one]:
            return f"step {t}: {other} has moved, {one} has not"
    left = 100 * runs_word.loss_left(now)
    return f"step {t}: both move, {left:.{int(left < 10)}f} % of the loss left"


def strides(alpha: float = 8) -> dict:
    """The length of the first step of W under SGD and Adam, that at α = 8 being one."""
    factors = {name: runs.stride(name, alpha) / runs.stride(name, R) for name in ("Adam", "SGD")}
    said = {name: times(factor) for name, factor in factors.items()}
    headline = (f"α {times(alpha / R)}: stride {said['SGD']} under SGD, {said['Adam']} under Adam"
                if alpha != R else "α = 8: the stride to compare with")
    return bars(factors, headline, "length of the first step, at α = 8 it is 1",
                "dotted: the step at α = 8",
                f"α = {alpha:g}: the first step is {factors['SGD']:.3g} times as long as at "
                f"α = 8 under SGD, {factors['Adam']:.3g} times under Adam")


def bars(factors: dict[str, float], headline: str, axis: str, note: str, reading: str) -> dict:
    """A bar for each of two factors, up to 16, with its size beside it; dotted, a factor of one.

    Args:
        factors: Name → factor, from below.
        headline, axis, note, reading: What is found, the axis' title, what is dotted, and the
            sentence under the plot.
    """
    shapes = [box(0, at - 0.28, factor, 0.56, COLOURS["delta"])
              for at, factor in enumerate(factors.values())]
    shapes += [{**box(0, at - 0.36, 1, 0.72, "rgba(0,0,0,0)"),
                "line": {"color": COLOURS["frozen"], "width": 2, "dash": "dot"}} for at in (0, 1)]
    traces = [say({(max(factor, 1), at): f" {times(factor)}"
                   for at, factor in enumerate(factors.values())}, "middle right", 16),
              say({(0, -0.56): note}, "middle right", 12)]
    return figure(traces, headline,
                  [{"range": [0, 21], "tickvals": [0, 1, 4, 8, 12, 16], "title": {"text": axis}}],
                  [{"range": [-0.8, 1.6], "tickvals": [0, 1], "showgrid": False,
                    "ticktext": [f"{name} " for name in factors]}], reading, shapes=shapes)


def two_ways(optimiser: str = "Adam", t: int = 1) -> dict:
    """ΔW at step t with α × 4, and below it with η × 4; under each, how far A has moved."""
    lr = runs_word.SLOW[optimiser]
    ways = {"α × 4": runs_word.written(STARTS[0], optimiser, lr, 4 * R),
            "η × 4": runs_word.written(STARTS[0], optimiser, 4 * lr)}
    rows = {}
    for name, run in ways.items():
        moved = runs_word.moved(run[t])
        said = f"moved by {100 * moved:.0f} %" if moved else "not moved"
        rows[name] = run[t].delta(), 8 * moved, "A", f"A has {said}"
    (upper, alphas, *_), (lower, etas, *_) = rows.values()
    found = ("nothing is written yet" if t == 0 else
             "the same picture" if np.allclose(upper, lower, atol=1e-3 * np.abs(upper).max()) else
             f"below, A has moved {etas / alphas:.2g} times as far" if etas > 1.05 * alphas else
             "the pictures differ")
    return pictures(rows, f"{optimiser}, step {t}: {found}", f"{optimiser}, step {t}: " + (
        "A has moved by {:.0f} % of its start with α × 4, by {:.0f} % with η × 4"
        if t > 1 else "A has not moved in either run").format(*(
            100 * runs_word.moved(run[t]) for run in ways.values())))


def pictures(rows: dict[str, tuple], headline: str, reading: str, beside: float = 10) -> dict:
    """Pictures of ΔW, one above the other, each with its name (perhaps of two lines) and, below it,
    a bar and words.

    Args:
        rows: Name → (ΔW (d, k), the bar's length in cells, the name of its colour, its words).
        headline, reading: What is found, and the sentence under the plot.
        beside: Cells that the names may take.
    """
    (d, k), parts = runs_word.task().shape, []
    for row, (name, (delta, length, colour, said)) in enumerate(rows.items()):
        top = row * (d + 6)
        lines = name.split("\n")
        middle = top + d / 2 - 0.5 - 1.5 * (len(lines) - 1)
        parts += [cell_map(delta, 0, top, "delta", name), frame(delta, 0, top),
                  say({(-1, middle + 3 * i): text for i, text in enumerate(lines)},
                      "middle left", 15),
                  box(-0.5, top + d + 0.6, length, 2.2, COLOURS[colour]),
                  say({(length, top + d + 1.7): coloured(said, colour)}, "middle right")]
    return map_drawing(parts, headline, (-1 - beside, k + 0.5), (-1.5, len(rows) * (d + 6) - 2.5),
                       reading)


def progress(adapters: dict[str, Adapter], headline: str, reading: str, beside: float) -> dict:
    """The pictures of several runs, each above what is left of its loss; the rest as pictures."""
    left = {name: runs_word.loss_left(adapter) for name, adapter in adapters.items()}
    return pictures({name: (
        adapter.delta(), 14 * min(left[name], 1.35), "loss",  # the arrow: it is longer
        f"{100 * left[name]:.0f} % of the loss left" if left[name] < 1.35 else
        f"→ {left[name]:.1f} times the loss") for name, adapter in adapters.items()},
        headline, reading, beside)


def units(c: float = 4) -> dict:
    """Value, gradient and Adam's step of one entry of A, in a unit and in one c times smaller."""
    shapes, said, changes = [], {}, []
    for row, (name, old, new) in enumerate(zip(
            ("value", "gradient", "Adam’s step"), runs.measured(1.0), runs.measured(c),
            strict=True)):
        y, factor = -3.4 * row, new / old
        changes.append(f"{name} " + ("the same" if abs(factor - 1) < 1e-6 else times(factor)))
        shapes += [box(0, y - 0.8, 1, 0.7, COLOURS["frozen"]),
                   box(0, y - 1.7, factor, 0.7, COLOURS["A"])]
        said[0, y + 0.45] = changes[-1]
        said[1, y - 0.45] = f" {_short(old)}"
        said[factor, y - 1.35] = coloured(f" {_short(new)}", "A")
    shapes.append({**box(0, y - 1.8, c, 0.9, "rgba(0,0,0,0)"),
                   "line": {"color": COLOURS["B"], "width": 2, "dash": "dot"}})
    said[c, y - 1.35] = said.pop((factor, y - 1.35)) + coloured(
        f", needs {_short(c * old)}", "B")
    return figure([say(said, "middle right")],
                  f"unit ÷ {c:g}: Adam’s step is {c:g} times too short",
                  [{**STILL, "range": [-0.05, 11.9]}], [{**STILL, "range": [y - 2.2, 1.1]}],
                  f"One entry of A, grey in the old unit, blue in the new: {', '.join(changes)}",
                  shapes=shapes, margin={"l": 4, "r": 4, "t": 4, "b": 4})


def arrows(r: int = 16, divide: str = "nothing") -> dict:
    """r arrows head to tail: each one along, and a random step across; their sum in two parts."""
    power = DIVISORS[divide]
    size, most = r**-power, runs.ARROWS**(1 - power)
    aside = size * np.append(0, runs.across()[:r])
    straight, off = size * np.arange(r + 1), aside[-1]
    end, room = straight[-1], 0.15 * max(most, 3)
    traces = [
        line(straight, aside, "frozen", width=2, mode="lines+markers", name="arrows",
             marker={"size": 4, "color": COLOURS["frozen"], "symbol": "circle"}),
        line([0, end], [0, 0], "delta", width=6, name="along"),
        line([end, end], [0, off], "B", width=6, name="across"),
        say({(0, room / 9): coloured(f"along {_short(end, 2)}", "delta")}, "top right", 14),
        say({(end, off / 2): coloured(f" across {_short(abs(off), 2)}", "B")}, "middle right")]
    by = "" if divide == "nothing" else f" divided by {divide.split()[0]}"
    found = f"{r} arrow{'s' * (r > 1)}{by}: {_short(end, 2)} along, {_short(abs(off), 2)} across"
    return figure(traces, found,
                  [{"range": [-0.06 * most, 1.55 * most],
                    "title": {"text": "along: the useful direction"}}],
                  [{"range": [-2 * room, room], "title": {"text": "across"}}],
                  f"{found}; typical across: {_short(np.sqrt(r) * size, 2)}")


def carried(alpha: str = "kept", r: int = 8) -> dict:
    """Loss on rotated digits against η at r = 8 and at r, and where the rate tuned at 8 ends up.

    At r = 8, where it opens, nothing is carried yet, and a reader can guess.
    """
    task, choice = "45°, Adam", first_r.CHOICES[alpha]
    scale = first_r_runs.ALPHA_RULES[choice]
    rates = first_r_runs.TASKS[task].rates
    cost = float(first_r_runs.mean(first_r_runs.regrets(task, scale, R))[
        first_r_runs.RANKS.index(r)])
    found = "costs nothing" if cost < 1.005 else f"leaves {cost:.3g} × the least loss"
    names = {rank: float(first_r_runs.mean(first_r_runs.losses(task, rank, scale(rank, R)))[0])
             for rank in (r, R)}
    spread = 1.5 if abs(np.log(names[r] / names[R])) < 0.4 else 1
    names[max(names, key=names.get)] *= spread
    traces = first_r.valleys(task, choice, R, r)
    traces += [say({(rates[0], value): coloured(
        f"r = {rank} ", "frozen" if rank == R else first_r.RULE_LOOKS[choice].colour)},
        "middle left", 14) for rank, value in names.items()]
    rule = alpha if alpha == "rsLoRA" else f"α {alpha}"
    said = f"{rule}, r = {r}: " + (
        "η is tuned here" if r == R else f"carried η {found}")
    return figure(
        traces, said,
        [{**power_ticks(-3, 1), "title": {"text": "learning rate η"},
          "range": [np.log10(rates[0]) - 0.6, np.log10(rates[-1]) + 0.1]}],
        [{"type": "log", "tickvals": [0.1, 1, 10], "ticktext": ["0.1", "1", "10"],
          "range": [np.log10(first_r.LOW), np.log10(first_r.HIGH)],
          "title": {"text": "training loss"}}],
        f"{rule}: at r = {r} the learning rate " + (
            "is tuned" if r == R else f"tuned at r = 8 {found}"))


def saddle_point(a: float = 0.5, b: float = 0.0) -> dict:
    """A ball that rolls down (1 − ab)²/2 from (a, b): one number for A and one for B."""
    way = descend(a, b, LEARNING_RATE, 100)
    there = np.flatnonzero((1 - way.prod(axis=1))**2 / 2 < ENOUGH)
    steps = int(there[0]) if there.size else None
    way = way[:None if steps is None else steps + 1]
    traces = []
    for product in (-2, -1.5, -1, -0.5, 0.5, 1.5, 2, 1):  # where the loss is the same; at 1 it is 0
        at, least = np.geomspace(abs(product) / EDGE, EDGE, 30).round(3), product == 1
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
    found = (f"it rolls to loss 0 in {steps} steps" if steps else
             "the loss is 0 already, and it stays" if steps == 0 else
             "on the cross: it never rolls" if a == b == 0 else
             "it rolls onto the cross, and stays there")
    axis = {"range": [-EDGE, EDGE], "dtick": 1}
    return figure(traces, found, [{**axis, "title": {"text": "a (for A)"}}],
                  [{**axis, "title": {"text": "b (for B)"}}],
                  f"From a = {_short(a)}, b = {_short(b)}: {found}")


def times(factor: float) -> str:
    """16 → "× 16", 0.25 → "÷ 4"."""
    return f"× {factor:.3g}" if factor > 0.999 else f"÷ {1 / factor:.3g}"


def _short(value: float, digits: int = 3) -> str:
    """At most so many digits: ``-0.09412`` → "−0.0941", 16 → "16"."""
    return f"{value:.{digits}g}".replace("-", "−")
