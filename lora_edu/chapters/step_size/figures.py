"""α beside η: the loss over the (α, η) plane, and the runs on a line of equal first steps.

Imports the NumPy core, plotly and the style.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import plotly.graph_objects as go

from lora_edu import STARTS, initial, scaling, sweep, teacher_student
from lora_edu.chapters.shared.style import COLOURS, curve, layout
from lora_edu.explore.words import number, short

SIDE, R, STEPS, SEED = 32, 8, 50, 1
ALPHAS = tuple(2**i for i in range(7))
LRS = tuple(0.001 * 2.0**i for i in range(-3, 10))
POWER = {"SGD": 2, "Adam": 1}  # the first step in W goes with s to this power
WORST, BEST = 1.0, 1e-3  # the range of the colours, in parts of the frozen model's loss
TOP = 1.2  # of the right panel: what is above it is drawn at it
OFF = 1e6  # a run whose loss is this many times its start is drawn no further
RAMP = ((0.0, "#f3e3a8"), (0.5, "#c98bb0"), (1.0, "#3a2d7a"))


@cache
def problem():
    """A 32 × 32 regression whose target shift has rank 4."""
    return teacher_student(SIDE, SIDE, n=256, shift_rank=4, spectrum=0.5,
                           rng=np.random.default_rng(0))


@cache
def losses(optimiser_name: str) -> np.ndarray:
    """Loss at every step over the frozen model's, (7, 13, steps + 1); inf where it ran off."""
    grid = sweep(problem(), r=R, alpha=ALPHAS, lr=LRS, seed=SEED, steps=STEPS,
                 optimiser=optimiser_name).select(r=R, start=STARTS[0], seed=SEED)
    return grid.loss / problem().loss(problem().W0)


def first_step(optimiser_name: str, s: float, lr: float) -> np.ndarray:
    """ΔW after one step from A random, B zero, (d, k): −ηs²·G·AᵀA, or −ηs·sign(G·Aᵀ)·A."""
    A, _ = initial(SIDE, SIDE, R, rng=np.random.default_rng(SEED))
    G = problem().gradient(problem().W0)
    if optimiser_name == "SGD":
        return -lr * s * s * G @ A.T @ A
    return -lr * s * np.sign(G @ A.T) @ A


def three_alphas(alphas=(2, 8, 32), lr: float = 0.004) -> go.Figure:
    """Loss over the first against the step: one start, one η under Adam, several α."""
    grid = losses("Adam")[[ALPHAS.index(alpha) for alpha in alphas], LRS.index(lr)]
    traces = [curve("loss", np.arange(STEPS + 1), run, mode="lines", name=f"α = {alpha}",
                    line={"color": COLOURS["loss"], "width": 3, "dash": dash})
              for alpha, run, dash in zip(alphas, grid, ("dot", "dash", "solid"), strict=True)]
    ends = ", ".join(f"{number(run[-1])} for α = {alpha}"
                     for alpha, run in zip(alphas, grid, strict=True))
    return go.Figure(traces, layout(
        [f'<span style="color:{COLOURS["loss"]}">loss / start:  ' + "   ".join(
            f"{mark} α = {alpha}" for mark, alpha in zip("┈┅━", alphas, strict=True)) + "</span>"],
        [{"range": [-1, STEPS + 1], "title": {"text": "step"}}],
        [{"range": [-0.03, 1.05]}],
        f"Adam, η = {short(lr)}, r = {R}, one start: what is left of the loss is {ends}"))


def step_size(optimiser: str = "Adam", alpha: float = 8, lr: float = 0.004) -> go.Figure:
    """Left: the loss after the last step over α and η. Right: the runs on the marked line."""
    grid, power = losses(optimiser), POWER[optimiser]
    i, j = ALPHAS.index(alpha), LRS.index(lr)
    line = [(i + n, j - power * n) for n in range(-len(ALPHAS), len(ALPHAS) + 1)]
    mates = [(a, b) for a, b in line if 0 <= a < len(ALPHAS) and 0 <= b < len(LRS)]
    traces = [_plane(grid[..., -1]),
              _line("equal first step", alpha, lr, power, "dot"),
              _line("if A's start did not matter", alpha, lr, power / 2, "dash"),
              go.Scatter(x=[math.log2(alpha)], y=[math.log2(lr)], mode="markers",
                         hoverinfo="skip", name="this run", marker={
                             "symbol": "square-open", "size": 20, "color": COLOURS["B"],
                             "line": {"width": 3}})]
    places = _label_places({mate: min(grid[mate][-1], TOP) for mate in (mates[0], mates[-1])
                            if (grid[mate] <= OFF).all()})
    for a, b in [mate for mate in mates if mate != (i, j)] + [(i, j)]:
        here, place = (a, b) == (i, j), places.get((a, b))
        values = grid[a, b]
        steps, shown = np.flatnonzero(values <= OFF), values[values <= OFF]
        traces.append(curve(
            "loss", steps, np.minimum(shown, TOP), panel=2, values=shown,
            mode="lines+text" if place else "lines",
            name=f"α = {ALPHAS[a]}, η = {short(LRS[b])}", textposition=place,
            text=[""] * STEPS + [f"α {ALPHAS[a]}"] if place else None,
            line={"color": COLOURS["B" if here else "frozen"], "width": 3.5 if here else 1.5}))
    while len(traces) < 4 + len(ALPHAS):  # every state has the same traces
        traces.append(curve("loss", [], [], panel=2, mode="lines", name=""))
    return go.Figure(traces, layout(
        ["loss  " + " ".join(
            f'<span style="color:{colour}">■</span> {text}' for (_, colour), text in
            zip(RAMP, ("start", "3 %", "0.1 %"), strict=True)),
         f'loss / start   <span style="color:{COLOURS["B"]}">━ this run</span>   '
         f'<span style="color:{COLOURS["frozen"]}">━ same line</span>'],
        [{"range": [-0.6, 6.6], "tickvals": list(range(7)), "ticktext": [str(a) for a in ALPHAS],
          "title": {"text": "α (r = 8)"}},
         {"range": [-1, 1.17 * STEPS], "title": {"text": "step"}}],
        [{"range": [math.log2(LRS[0]) - 0.7, math.log2(LRS[-1]) + 0.7],
          "tickvals": [math.log2(value) for value in LRS[::2]],
          "ticktext": [*(short(value) for value in LRS[:-1:2]), f"η = {short(LRS[-1])}"]},
         {"range": [-0.1, TOP + 0.09]}],
        _reading(optimiser, alpha, lr, grid[i, j])))


def _label_places(ends: dict) -> dict:
    """{run: where its label stands, seen from the end of its curve}; two that meet step aside."""
    if len(ends) < 2 or abs(np.subtract(*ends.values())) > 0.08:
        return dict.fromkeys(ends, "middle right")
    upper = max(ends, key=ends.get)
    return {run: "top right" if run == upper else "bottom right" for run in ends}


def _plane(last: np.ndarray) -> go.Scatter:
    """One square a run, coloured by its loss; a cross where it ended above its start."""
    places = [(a, lr) for a in range(len(ALPHAS)) for lr in range(len(LRS))]
    values = np.array([last[place] for place in places])
    return go.Scatter(
        x=[a for a, _ in places], y=[math.log2(LRS[lr]) for _, lr in places], mode="markers",
        name="loss over start", customdata=np.minimum(values, OFF),
        hovertemplate="loss / start = %{customdata:.3g}<extra></extra>",
        marker={"symbol": ["square" if value <= WORST else "x-thin-open" for value in values],
                "size": 19, "color": [_colour(value) for value in values]})


def _colour(value: float) -> str:
    """The ramp's colour for a loss in parts of its start."""
    if value > WORST:
        return COLOURS["frozen"]
    depth = min(1.0, math.log10(max(value, BEST)) / math.log10(BEST))
    colours = [[int(text[i:i + 2], 16) for i in (1, 3, 5)] for _, text in RAMP]
    mixed = [round(np.interp(depth, [at for at, _ in RAMP], channel))
             for channel in zip(*colours, strict=True)]
    return "#{:02x}{:02x}{:02x}".format(*mixed)


def _line(name: str, alpha: float, lr: float, power: float, dash: str) -> go.Scatter:
    """η·α^power = const, through the present run."""
    x = np.array([-0.6, 6.6])
    return go.Scatter(x=x, y=math.log2(lr) - power * (x - math.log2(alpha)), mode="lines",
                      name=name, hoverinfo="skip",
                      line={"color": COLOURS["B" if dash == "dot" else "frozen"], "width": 2,
                            "dash": dash})


def _reading(optimiser_name, alpha, lr, values) -> str:
    s = scaling(R, alpha)
    size = np.linalg.norm(first_step(optimiser_name, s, lr))
    end = (f"ends at {number(values[-1])} of its start" if values[-1] <= OFF else "runs off")
    if values[-1] <= OFF and values.max() > 2:
        end = f"rises to {number(values.max())} times its start and {end}"
    square = "²" if optimiser_name == "SGD" else ""
    constant = number(lr * alpha ** POWER[optimiser_name])
    return (f"{optimiser_name}, α = {alpha}, η = {short(lr)}: ‖ΔW‖ after one step is "
            f"{number(size)}, as on the whole dotted line (η·α{square} = {constant}) · "
            f"the loss {end}")
