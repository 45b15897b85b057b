"""PEFT's initialisations on the board of Step zero, and the learning rate of each."""

import numpy as np

from lora_book.shared.axes import labelled
from lora_book.shared.drawing import say
from lora_book.shared.fits import geometric_mean
from lora_book.shared.looks import roomy
from lora_book.shared.norm_board import STEPS, norm_curves, norm_names
from lora_book.shared.style import (
    NAMES,
    ZeroLogAxis,
    coloured,
    figure,
    line,
    marks,
    power_ticks,
    words,
)
from lora_book.starts import COMPARED_STARTS, rates
from lora_book.starts.runs import ROUNDING, Board, board
from lora_edu.explore.words import number, short


class RoundingAxis(ZeroLogAxis):
    """A log axis with places for exactly zero and, above it, for what is only rounding."""

    def __init__(self):
        super().__init__(-4, 2)

    def place(self, values) -> np.ndarray:
        """Coordinates; rounding sits where 10⁻⁴ would be."""
        values = np.asarray(values, dtype=float)
        return super().place(np.where((values > 0) & (values < ROUNDING), 1e-4, values))

    def axis(self, title: str = "") -> dict:
        spec = super().axis(title)
        spec["ticktext"][spec["tickvals"].index(-4)] = "rounding"
        return spec


def zoo(start: str = "True", r: int = 8, alpha: float = 8) -> dict:
    """‖∇A‖, ‖∇B‖, ‖ΔW‖ and how far the base has moved, at step zero and after one step."""
    scale = RoundingAxis()

    def shown(traces: list[dict], title: str, reading: str) -> dict:
        option = start if start in ("True", "False") else repr(start)
        return figure(traces, title, [roomy(STEPS, 0.65)], [scale.axis("norm")],
                      f"init_lora_weights={option}, r = {r}, α = {alpha:g}: {reading}")

    if start == "orthogonal" and r % 2:
        return shown([words([0.5], [0.5], "needs an even r")],
                     "The orthogonal initialisation needs an even r",
                     "impossible, because half of the r components go to A and half to B")
    norms = board(start, r, alpha)
    drawn = {"A": norms.grad_A, "B": norms.grad_B, "delta": norms.model, "frozen": norms.base}
    traces = norm_curves(drawn, scale, least=ROUNDING,
                         says=lambda quantity, values: _says(NAMES[quantity], values))
    return shown([*traces, norm_names(drawn, scale)],
                 f"At step zero, the base {_verb(norms.base[0])} and "
                 f"the model {_verb(norms.model[0])}", _reading(norms))


def _verb(moved: float) -> str:
    return "is unchanged" if moved < ROUNDING else f"has moved by {number(moved)}"


def _reading(norms: Board) -> str:
    def arrow(values):
        return " → ".join(_word(value) for value in values)

    return (f"‖∇A‖ {arrow(norms.grad_A)} · ‖∇B‖ {arrow(norms.grad_B)} · "
            f"‖ΔW‖ {arrow(norms.model)} · base moved by {_word(norms.base[0])} · "
            f"loss {arrow(norms.loss)}")


def _says(name: str, values) -> dict:
    """The hover text: the value, or that it is rounding."""
    return {"customdata": [_word(value) for value in values],
            "hovertemplate": f"{name}: %{{customdata}}<extra></extra>"}


def _word(value: float) -> str:
    return "rounding" if 0 < value < ROUNDING else number(value)


LOSSES = {"SGD": (-3, 1), "Adam": (-6, 1)}  # powers of ten


def own_rate(start: str = "PiSSA", optimiser: str = "SGD") -> dict:
    """Left: each start's best rate against its curvature. Right: losses at two rates."""
    chosen = COMPARED_STARTS.index(start)
    default = COMPARED_STARTS.index("default")
    curvature = geometric_mean(rates.stored()["curvature"])
    best = geometric_mean(rates.best(optimiser))
    times = number(best[chosen] / best[default])
    losses, endings = _at_two_rates(optimiser, chosen, default)

    low, high = LOSSES[optimiser]
    title = ("Under SGD, the best η is roughly 2/λ" if optimiser == "SGD" else
             "Under Adam, the best η does not follow λ")
    if start == "default":
        title += f": {number(best[default])} for the default"
    else:
        name = f"“{start}”" if start[0].islower() or " " in start else start
        sharper = number(curvature[chosen] / curvature[default])
        title += f": with {name}, λ is {sharper} times the default’s, and η {times} times"
    return figure(
        [*_rate_of_each(optimiser, chosen, default), *losses],
        title,
        [labelled("λ at step zero", 0.4, 5.2, **power_ticks(0, 4)),
         labelled("step", 0, rates.STEPS, dtick=20)],
        [labelled("best η", -5.6, 0.4, **power_ticks(-5, 0)),
         {**power_ticks(low, high), "range": [low - 0.15, high + 0.15]}],
        f"{optimiser}, {start}: λ is {number(curvature[chosen])}, and the best η is "
        f"{number(best[chosen])}, {times} times the default's "
        f"· first seed: {'; '.join(dict.fromkeys(endings))}",
        headings=[f"{coloured('● default', 'teal')}   {coloured(f'■ {start}', 'rose')}   ○ others",
                  "loss"])


def _rate_of_each(optimiser: str, chosen: int, default: int) -> list[dict]:
    """The best rate of every start against its curvature, with the chosen one's seeds."""
    curvature = rates.stored()["curvature"]
    best = rates.best(optimiser)
    traces = []
    if optimiser == "SGD":
        ends = np.array([3.0, 1e5])
        traces += [line(ends, 2 / ends, "frozen", width=1.5, dash="dash", name="2/λ",
                        hovertemplate="2/λ<extra></extra>"),
                   say({(2e4, 1e-4): " 2/λ"}, "top right")]
    traces.append(marks(curvature[chosen], best[chosen], "rose", "circle", 4, name="seeds"))
    looks = {default: ("teal", "circle", 13), chosen: ("rose", "square", 13)}
    for i, name in enumerate(COMPARED_STARTS):
        traces.append(marks([geometric_mean(curvature[i])], [geometric_mean(best[i])],
                            *looks.get(i, ("frozen", "circle-open", 8)), name=name,
                            hovertemplate=f"{name}: λ %{{x:.3g}}, η %{{y:.3g}}<extra></extra>"))
    return traces


def _at_two_rates(optimiser: str, chosen: int, default: int) -> tuple[list[dict], list[str]]:
    """The first seed's losses at the default's best rate, and the chosen start's also at its own;
    and how each run ends."""
    curves = rates.stored()[f"{optimiser} curves"]
    best = curves[:, :, -1].argmin(axis=1)  # the place of each start's best rate
    low, high = LOSSES[optimiser]
    steps = np.arange(0, rates.STEPS + 1, rates.EVERY)
    traces = []
    endings = []
    for i, rate, colour, dash in ((default, best[default], "teal", "solid"),
                                  (chosen, best[default], "rose", "dot"),
                                  (chosen, best[chosen], "rose", "solid")):
        losses = curves[i, rate]
        name = f"{COMPARED_STARTS[i]}, η = {short(rates.RATES[optimiser][rate])}"
        traces.append(line(steps, np.clip(losses, 10.0**low, 10.0**high), colour, panel=2,
                           dash=dash, name=name, customdata=losses,
                           hovertemplate=f"{name}: %{{customdata:.3g}}<extra></extra>"))
        end = "diverges" if losses[-1] >= rates.LOST else f"ends at {number(losses[-1])}"
        endings.append(f"{name} {end}")
        if dash == "dot" and rate != best[chosen]:
            at, side = (high - 0.2, "bottom") if end == "diverges" else (
                np.log10(losses[-1]) + 0.4, "top")
            traces.append(say({(rates.STEPS, 10.0**at): coloured("at the default’s η", "rose")},
                              f"{side} left", panel=2))
    return traces, endings
