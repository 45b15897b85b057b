"""The figures of the page Muon and the rank: the first useful part, and the best rates of runs."""

import numpy as np

from lora_edu.chapters.muon_and_rank import runs
from lora_edu.chapters.shared.axes import labelled, log_labelled
from lora_edu.chapters.shared.drawing import say
from lora_edu.chapters.shared.fits import geometric_mean
from lora_edu.chapters.shared.looks import Look, apart, named_ticks, roomy, seeds
from lora_edu.chapters.shared.scale_rules import FORMULAS, SCALE_LOOKS
from lora_edu.chapters.shared.style import COLOURS, coloured, figure, line, power_ticks, words
from lora_edu.explore.words import signed

LOOKS = {"Adam": Look(COLOURS["frozen"], "circle"), "Lion": Look(COLOURS["B"], "square"),
         "Adafactor": Look(COLOURS["A"], "circle"), runs.MUON: Look(COLOURS["delta"], "diamond"),
         "Muon, match": Look(COLOURS["loss"], "triangle-up")}
MIDDLE = 4  # the rank at which the best η is drawn as 1


def first_step(gradient: str = "of rank 8", rule: str = "LoRA") -> dict:
    """Muon's first useful part against r, at r = 1 it is 1; dashed, the theorem's two ends.

    Args:
        gradient: One of ``runs.GRADIENTS``.
        rule: One of SCALE_RULES.
    """
    ranks = np.array(runs.RANKS)
    values = runs.GRADIENTS[gradient]
    s = np.array([runs.scale(rule, r) for r in runs.RANKS])
    useful = s * runs.useful(gradient)
    ends = {"∝ s·r": s * ranks * np.linalg.norm(values),
            "∝ s·√r": s * np.sqrt(ranks) * values.sum()}
    traces = [line(ranks, (each / useful[0]).clip(0.01, 1000), "frozen", width=1.5, dash="dash",
                   name=name) for name, each in ends.items()]
    places = apart([np.log10(each[-1] / useful[0]) for each in ends.values()], 0.25)
    traces.append(say({(ranks[-1], 10**place): f"  {name}"
                       for name, place in zip(ends, places, strict=True)}, "middle right",
                      colour="frozen"))
    traces.append(SCALE_LOOKS[rule].curve(ranks, useful / useful[0], "useful part"))
    small, large = (round(np.log2(useful[i + 2] / useful[i]) / 2, 2) + 0.0  # no −0.00
                    for i in (0, len(ranks) - 3))
    exponents = (f"power {signed(small)} from r = 1 to {ranks[2]}, "
                 f"{signed(large)} from {ranks[-3]} to {ranks[-1]}")
    return figure(
        traces, f"{FORMULAS[rule]}: {exponents}",
        [roomy(named_ticks(ranks, "rank r", named=ranks[::2]), 0.6)],
        [labelled("useful part, at r = 1 it is 1", -1.2, 2.8, **power_ticks(-1, 2))],
        f"G {gradient}, s = {FORMULAS[rule]}: the useful part of Muon's first step has the "
        f"{exponents}")


def best_rates(task: str = runs.DIGITS, rule: str = "LoRA") -> dict:
    """The best η against r, that at rank 4 being one: a line an optimiser, a dot a seed.

    Args:
        task: One of ``runs.TASKS``.
        rule: One of SCALE_RULES.
    """
    powers = {name: signed(runs.power(task, name, rule)[0]) for name in runs.optimisers(task)}
    traces = []
    last_ranks = []
    ends = []
    for name in powers:
        rates = runs.best(task, name, rule)
        ranks = runs.ranks(task, name)
        means = geometric_mean(rates)
        unit = means[ranks.index(MIDDLE)]
        traces += [seeds(ranks, rates / unit, LOOKS[name].colour),
                   LOOKS[name].curve(ranks, means / unit, name, values=means)]
        last_ranks.append(ranks[-1])
        ends.append(np.log10(means[-1] / unit))
    traces.append(words(last_ranks, 10 ** apart(ends, 0.1),
                        [coloured(f"  {name}", LOOKS[name].colour) for name in powers],
                        textposition="middle right", textfont={"size": 12}))
    exponents = ", ".join(f"{name} {power}" for name, power in powers.items())
    return figure(
        traces,
        f"under {FORMULAS[rule]} Muon's best η goes like r to the power {powers[runs.MUON]}",
        [roomy(named_ticks(runs.ranks(task, "Adam"), "rank r"), 1.2)],
        [log_labelled("best η, at r = 4 it is 1", -0.8, 0.8, [0.25, 0.5, 1, 2, 4],
                      texts=["¼", "½", "1", "2", "4"])],
        f"{task}, s = {FORMULAS[rule]}: the powers of r in the best η are {exponents}")
