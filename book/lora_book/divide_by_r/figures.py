"""The figures of the chapter Why divide by r: three darkrooms, and the best rate."""

import numpy as np

from lora_book.divide_by_r import runs_rate
from lora_book.divide_by_r.runs_growth import POWERS, TERMS, agreed, first_step, grain_of_one
from lora_book.shared.axes import labelled
from lora_book.shared.drawing import map_drawing, say
from lora_book.shared.fits import exponent, geometric_mean
from lora_book.shared.looks import end_labels, named, named_ticks, roomy, seeds, steps_done
from lora_book.shared.scale_rules import FORMULAS, SCALE_LOOKS, SCALE_RULES
from lora_book.shared.style import figure, heat, marks, power_ticks
from lora_edu.explore.words import signed

DIVISORS = {"÷ 1": 0, "÷ √r": 0.5, "÷ r": 1}  # the power of r in 1/s
PAPER = ("#070b12", "#fff6d8")  # before and after the light
TONES = 24  # between the two
EXPOSURE = 0.9  # an entry that is burnt to 1 − 1/e, in the largest of what one term adds
WELL = 2  # within this factor of one term, letters are well exposed


def darkrooms(r: int = TERMS[-1], optimiser: str = "Adam") -> dict:
    """Prints of the first ΔW towards the word under three scales, with one exposure.

    Below each, how its letters are exposed. The title compares their strength with the grain's. The
    reading says how many times as bright both are as in one average term.
    """
    delta, letters, across = first_step(r, optimiser)
    grain = across / grain_of_one(optimiser)
    d, k = delta.shape
    light = delta.clip(min=0) / (EXPOSURE * agreed(optimiser).max())
    parts = []
    names = {}
    captions = {}
    factors = {}
    for row, (name, power) in enumerate(DIVISORS.items()):
        s = r ** -(power * POWERS[optimiser])
        top = row * (d + 4.5)
        tones = TONES * (1 - np.exp(-s * light))
        parts.append(heat(tones, 0, TONES, PAPER, name=name, y0=top))
        names[-1.5, top + d / 2 - 0.5] = name
        factors[name] = f"letters {_times(s * letters)}, grain {_times(s * grain)}"
        captions[-0.5, top + d + 1] = _exposure(s * letters, letters / across)

    terms = f"{r:,} terms" if r > 1 else "1 term"
    headline = f"With {terms}, the letters are {_share(letters / across)} as strong as the grain"
    parts += [say(names, "middle left", 15), say(captions, "middle right", 13)]
    return map_drawing(parts, headline, (-13, k), (-1, top + d + 2.5),
                       f"{headline}. Compared with one average term, "
                       + "; ".join(map(": ".join, factors.items())))


def _share(ratio: float) -> str:
    """0.12 → "12 %", 3.9 → "3.9 times"."""
    return f"{100 * ratio:.0f} %" if ratio < 1 else f"{ratio:.2g} times"


def _exposure(brightness: float, beside_grain: float) -> str:
    if brightness > WELL:
        return "overexposed"
    if brightness < 1 / WELL:
        return "too dark"
    return "well exposed" if beside_grain > 1 else "lost in the grain"


def _times(factor: float) -> str:
    """4258 → "× 4,300", 0.118 → "÷ 8.5"."""
    if factor < 0.95:
        return _times(1 / factor).replace("×", "÷")
    return f"× {float(f'{factor:.2g}'):,g}"


def best_rate(optimiser: str = "Adam", inputs: str = "one direction", steps: int = 1) -> dict:
    """The best learning rate after so many steps against r; crosses: the theorem, for one step.

    inputs: how they vary, one of ``runs_rate.INPUTS``.
    """
    traces = []
    slopes = {}
    for rule in SCALE_RULES:
        values = runs_rate.best_rates(rule, optimiser, inputs, steps)
        theory = runs_rate.predicted(rule, optimiser, inputs) if steps == 1 else []
        traces += _rate_lines(rule, values, theory)
        slopes[rule] = exponent(runs_rate.RANKS, values)
    flattest = min(slopes, key=lambda rule: abs(slopes[rule][0]))
    directions = inputs if "direction" in inputs else f"{inputs} directions"
    regression = runs_rate.task_with_inputs(inputs)
    G = regression.gradient(regression.W0)
    r_c = runs_rate.crossover(G, regression.covariance, optimiser)
    powers = ", ".join(f"{signed(mean)} (± {error:.2f}) under {FORMULAS[rule]}"
                       for rule, (mean, error) in slopes.items())
    return figure(
        traces,
        f"If inputs vary in {directions}, s = {FORMULAS[flattest]} makes the best η depend least "
        "on r",
        [roomy(named_ticks(runs_rate.RANKS, "rank r"), 0.25)],
        [labelled("best learning rate η", *runs_rate.SPAN[optimiser], **power_ticks(-3, 3))],
        f"{optimiser}, {steps_done(steps)}, crossover rank {r_c:.1f}: the best η is proportional "
        f"to r to the power {powers}")


def _rate_lines(rule: str, values: np.ndarray, theory) -> list[dict]:
    look = SCALE_LOOKS[rule]
    ranks = runs_rate.RANKS
    means = geometric_mean(values)
    crosses = marks(ranks[:len(theory)], theory, look.colour, "x-thin-open", 17, stroke=1.5,
                    **named(f"{rule}, theorem"))
    return [seeds(ranks, values, look.colour), look.curve(ranks, means, rule, size=10), crosses,
            end_labels(ranks[-1], {FORMULAS[rule]: (means[-1], look.colour)})]


def searched(ranks: tuple[int, ...], best: dict[str, list[float]]) -> dict:
    """The best learning rates that a search has found.

    Args:
        best: rule, of ``SCALE_RULES`` → one for each rank.
    """
    traces = []
    outcomes = []
    for rule, rates in best.items():
        look = SCALE_LOOKS[rule]
        traces += [look.curve(ranks, rates, rule, size=10),
                   end_labels(ranks[-1], {FORMULAS[rule]: (rates[-1], look.colour)})]
        outcomes.append(f"{_move(rates[-1] / rates[0])} with s = {FORMULAS[rule]}")
    headline = f"From r = {ranks[0]} to {ranks[-1]}, the best η {' and '.join(outcomes)}"
    return figure(traces, headline, [roomy(named_ticks(ranks, "rank r"), 0.25)],
                  [labelled("best learning rate η", -2.2, 2.2, **power_ticks(-2, 2))], headline)


def _move(factor: float) -> str:
    if factor == 1:
        return "is constant"
    return f"rises {factor:.3g}-fold" if factor > 1 else f"falls {1 / factor:.3g}-fold"
