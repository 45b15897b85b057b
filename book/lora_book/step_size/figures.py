"""α and η: the loss over the (α, η) plane, and the runs on a line of equal first steps."""

import math
from functools import cache

import numpy as np

from lora_book.shared.axes import labelled
from lora_book.shared.drawing import say
from lora_book.shared.style import COLOURS, coloured, curve, figure, heat, line, marks
from lora_book.step_size.runs import ALPHAS, LRS, STEPS, losses
from lora_edu import OPTIMISERS
from lora_edu.explore.words import number, short

# the range of the colours, in parts of the frozen model's loss
WORST = 1.0
BEST = 1e-3
TOP = 1.2  # of the right panel: what is above it is drawn at it
OFF = 1e6  # a run whose loss exceeds its start by this factor is drawn no further
RAMP = ("#dfe4ea", "#9aa8bb", "#55657f")  # of the loss, from worst to best
LEARNS = {"SGD": (4, -2, "#1f2733"), "Adam": (3, -5, "#ffffff")}  # log2 of α and η; of the word
HIGHER = {"SGD": "diverges", "Adam": "rises"}  # what the crossed runs' loss does


def step_size(optimiser: str = "Adam", alpha: float = 8, lr: float = 0.004) -> dict:
    """Left: the loss after the last step over α and η. Right: the runs on the marked line."""
    grid = losses(optimiser)
    power = OPTIMISERS[optimiser].powers["lr"]  # of s, with which the first step goes
    chosen = (ALPHAS.index(alpha), LRS.index(lr))
    outcome = _outcome(grid[chosen])
    product = "α²·η" if power == 2 else "α·η"
    this = f"{product} = {number(lr * alpha**power)}"
    on_line = _on_the_line(chosen, power)

    x = np.array([-0.6, 6.6])
    traces = [*_plane(optimiser),
              line(x, math.log2(lr) - power * (x - math.log2(alpha)), "rose", width=2, dash="dot",
                   name="equal first step")]
    traces += [marks([math.log2(alpha)], [math.log2(lr)], colour, "square-open", 15,
                     stroke=stroke, name="this run")
               for colour, stroke in (("#ffffff", 6), ("rose", 3))]
    traces += _runs_on_the_line(grid, on_line)
    if grid[chosen].max() > TOP:
        traces.append(say({(STEPS / 2, TOP - 0.05): coloured("▲ off the scale", "rose")},
                          "bottom center", 12, panel=2))

    key = " ".join(f"{coloured('■', colour)} {text}"
                   for colour, text in zip(RAMP, ("initial", "3 %", "0.1 %"), strict=True))
    title = outcome.capitalize()
    if len(on_line) > 1:
        title = f"Runs with {this} {_ending([grid[run][-1] for run in on_line])}"
    return figure(
        traces, title,
        [labelled(f"α (r = 8)   {coloured(f'┄ {this}', 'rose')}", -0.5, 6.5,
                  tickvals=list(range(7)), ticktext=[str(a) for a in ALPHAS], ticks=""),
         labelled("step", -1, 1.22 * STEPS)],
        [{"range": [math.log2(LRS[0]) - 0.5, math.log2(LRS[-1]) + 0.5], "ticks": "",
          "tickvals": [math.log2(value) for value in LRS[::2]],
          "ticktext": [*(short(value) for value in LRS[:-1:2]), f"η = {short(LRS[-1])}"]},
         {"range": [-0.1, TOP + 0.09]}],
        f"{optimiser}: on the line, {this}. In this run, {outcome}",
        headings=[
            f"loss  × {HIGHER[optimiser]} {key}",
            f"relative loss   {coloured('━ this run', 'rose')}   "
            f"{coloured(f'━ same {product}', 'frozen')}"])


def _on_the_line(chosen: tuple[int, int], power: int) -> list[tuple[int, int]]:
    """The runs whose first step is as large as the chosen one's, which comes last."""
    i, j = chosen
    runs = [(i + n, j - power * n) for n in range(-len(ALPHAS), len(ALPHAS) + 1) if n]
    return [(a, b) for a, b in runs if 0 <= a < len(ALPHAS) and 0 <= b < len(LRS)] + [chosen]


def _ending(lasts: list[float]) -> str:
    """How runs end, all of which diverge or none, in per cent of the initial loss."""
    if max(lasts) > OFF:
        return "diverge"
    low, high = (f"{number(100 * loss)} %" for loss in (min(lasts), max(lasts)))
    if low == high:
        return f"end at {low} of the initial loss"
    return f"are not equal: they end between {low} and {high} of the initial loss"


def _runs_on_the_line(grid: np.ndarray, runs: list[tuple[int, int]]) -> list[dict]:
    """The losses of the runs on the line, of which the last is the chosen one."""
    chosen = runs[-1]
    ends = {run: min(grid[run][-1], TOP) for run in (min(runs), max(runs))
            if (grid[run] <= OFF).all()}
    places = _label_places(ends)
    traces = []
    for run in runs:
        values = grid[run]
        shown = values[values <= OFF]
        place = places.get(run)
        colour = COLOURS["rose" if run == chosen else "frozen"]
        a, b = run
        texts = [""] * STEPS + [f"  α {ALPHAS[a]}"]  # at the last step
        traces.append(curve(
            "loss", np.flatnonzero(values <= OFF), np.minimum(shown, TOP), panel=2, values=shown,
            mode="lines+text" if place else "lines",
            name=f"α = {ALPHAS[a]}, η = {short(LRS[b])}", textposition=place,
            text=texts if place else None,
            textfont={"color": colour},
            line={"color": colour, "width": 3.5 if run == chosen else 1.5}))
    return traces


def _label_places(ends: dict) -> dict:
    """{run: where its label stands, seen from the end of its curve}; two that meet step aside."""
    if len(ends) < 2 or abs(np.subtract(*ends.values())) > 0.13:
        return dict.fromkeys(ends, "middle right")
    upper = max(ends, key=ends.get)
    return {run: "top right" if run == upper else "bottom right" for run in ends}


@cache
def _plane(optimiser_name: str) -> list[dict]:
    """One cell a run, coloured by its last loss; a cross where that is above its start."""
    values = losses(optimiser_name)[..., -1]
    lost = np.argwhere(values > WORST)
    places = [[f"α = {alpha:g}, η = {lr:.3g}" for alpha in ALPHAS] for lr in LRS]
    x, y, colour = LEARNS[optimiser_name]
    return [heat(100 * np.log10(values.clip(BEST, WORST)).T / math.log10(BEST), 0, 100, RAMP,
                 name="loss / initial loss", y0=math.log2(LRS[0]),
                 customdata=np.minimum(values, OFF).T, text=places,
                 hovertemplate="%{text}: loss / initial loss = %{customdata:.3g}<extra></extra>"),
            marks(np.log2(ALPHAS)[lost[:, 0]], np.log2(LRS)[lost[:, 1]], "frozen", "x-thin-open",
                  8, name="above the initial loss"),
            say({(1.5, -12): coloured("too slow", "#1f2733"), (x, y): coloured("learns", colour)})]


def _outcome(values: np.ndarray) -> str:
    if values[-1] > OFF:
        return "the loss diverges"
    last = values[-1]
    end = f"{number(last)} times" if last > 1 else f"{number(100 * last)} % of"
    if values.max() > 2:
        highest = number(values.max())
        return f"the loss rises to {highest} times its initial value and ends at {end} that value"
    return f"the loss {'rises' if last > 1 else 'falls'} to {end} its initial value"
