"""The best rates of Muon and of Adam against the rank."""

from lora_book.other_optimisers import runs
from lora_book.shared.axes import log_labelled
from lora_book.shared.fits import geometric_mean
from lora_book.shared.looks import Look, end_labels, named_ticks, roomy, seeds
from lora_book.shared.scale_rules import FORMULAS
from lora_book.shared.style import figure
from lora_edu.explore.words import signed

LOOKS = {"Adam": Look("frozen", "circle"), runs.MUON: Look("delta", "diamond"),
         "Muon, match": Look("loss", "triangle-up")}
MIDDLE = 4  # the rank at which the best η is drawn as 1


def best_rates(task: str = runs.DIGITS, rule: str = "LoRA") -> dict:
    """The best η against r, that at rank 4 being one: a line an optimiser, a dot a seed.

    Args:
        task: One of ``runs.TASKS``.
        rule: One of SCALE_RULES.
    """
    powers = {name: signed(runs.power(task, name, rule)[0]) for name in runs.optimisers(task)}
    traces = []
    ends = {}
    for name in powers:
        look = LOOKS[name]
        rates = runs.best(task, name, rule)
        means = geometric_mean(rates)
        unit = means[runs.RANKS.index(MIDDLE)]
        traces += [seeds(runs.RANKS, rates / unit, look.colour),
                   look.curve(runs.RANKS, means / unit, name, values=means)]
        ends[name] = means[-1] / unit, look.colour
    traces.append(end_labels(runs.RANKS[-1], ends, size=12, gap=0.1))
    exponents = ", ".join(f"{name} {power}" for name, power in powers.items())
    return figure(
        traces,
        f"under {FORMULAS[rule]} Muon's best η goes like r to the power {powers[runs.MUON]}",
        [roomy(named_ticks(runs.RANKS, "rank r"), 1.2)],
        [log_labelled("best η, at r = 4 it is 1", -0.8, 0.8, [0.25, 0.5, 1, 2, 4],
                      texts=["¼", "½", "1", "2", "4"])],
        f"{task}, s = {FORMULAS[rule]}: the powers of r in the best η are {exponents}")
