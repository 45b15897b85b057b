"""The check of the chapter The first r you try."""

from lora_book.shared.verdict import NotYet, ask, check, close, number, parts

LR_FIRST = 0.02
GROWTH = {"α fixed": 0.0, "rsLoRA": 0.5, "α = r": 1.0}  # the power of r in Adam's first decrease


@check
def first_r_settings(settings) -> str:
    """Check the settings at a later rank: what is the same, what s is, and how the step grows.

    settings: function (r, r_first, lr_first, rule) → (alpha, lr, s), for the rules of GROWTH.
    """
    names = ("alpha", "lr", "s")
    for rule, power in GROWTH.items():
        for r, r_first in ((8, 8), (32, 8), (2, 8), (4, 16)):
            answer = parts(ask(settings, r, r_first, LR_FIRST, rule), *names)
            alpha, lr, s = map(number, names, answer)
            problem = _problem(rule, power, r, r_first, alpha, lr, s)
            if problem:
                raise NotYet(f"{rule}, from r = {r_first} to {r}: {problem}")
    return "η stays as it was tuned, and α and s follow the rule."


def _problem(rule: str, power: float, r: int, r_first: int, alpha: float, lr: float,
             s: float) -> str:
    """What is wrong at one rank, in words; empty if nothing is."""
    if not close(lr, LR_FIRST):
        return f"η is {lr:g}, but it must stay as it was tuned, {LR_FIRST:g}."
    divisor = r**0.5 if rule == "rsLoRA" else r
    if not close(s * divisor, alpha):
        return (f"s is {s:g}, but a library that is given α = {alpha:g} would use "
                f"{alpha / divisor:g}.")
    if r == r_first and not close(s, 1.0):
        return f"at the first rank s must be 1, not {s:g}."
    grown = (s * r) / r_first  # at the first rank s is 1
    want = (r / r_first) ** power
    if not close(grown, want):
        return (f"the first-order decrease of Adam's first step, ∝ η·s·r, is {grown:.3g} times "
                "as large as at the first rank; under this rule it must be "
                f"{want:.3g} times as large.")
    return ""
