"""Two runs that should be one: their updates at every step."""

from dataclasses import replace
from functools import cache

import numpy as np

from lora_book.shared import word_run
from lora_book.shared.path import adapters_of
from lora_book.shared.tasks import task_16
from lora_book.shared.two_runs import SCALING, STEPS, R, relative_gap
from lora_edu import OPTIMISERS, Adam, AdamW, Adapter, Clipped, equivalent, initial

SETTINGS = {"Momentum": {"lr": 0.02, "weight_decay": 0.01},
            "AdamW": {"lr": 0.01, "weight_decay": 0.5}}
CHANGES = {"α × 16": (16, 1, 1), "η × 4, initial A × 4": (1, 4, 4), "η × 16": (1, 16, 1),
           "initial A × 16": (1, 1, 16)}  # factors of the scale, of η and of the initial A
LEFT = {"η (× 16, not × 4)": (Adam(0.01), {"lr": 0.16}),  # what does not follow, in which run
        "initial A": (Adam(0.01), {}),
        "a decay of 0.5": (AdamW(0.01, weight_decay=0.5), {"weight_decay": 0.5}),
        "a clipping limit": (Clipped(Adam(0.01), max_norm=0.05), {"max_norm": 0.05}),
        "an ε of 10⁻⁴": (Adam(0.01, eps=1e-4), {"eps": 1e-4}),
        "ε at its default": (Adam(0.01), {"eps": 1e-8})}


def path(adapter: Adapter, optimiser) -> np.ndarray:
    """The updates ΔW before, between and after STEPS steps, (STEPS + 1, d, k)."""
    return np.array([now.delta() for now in adapters_of(task_16(), adapter, optimiser, STEPS)])


def large(optimiser_name: str) -> tuple:
    """(adapter, optimiser) of the run with 16 times the usual α."""
    start = initial(*task_16().shape, R, rng=np.random.default_rng(1))
    return Adapter(*start, 16 * SCALING), OPTIMISERS[optimiser_name](**SETTINGS[optimiser_name])


@cache
def large_path(optimiser_name: str) -> np.ndarray:
    """The updates of that run, (STEPS + 1, d, k)."""
    return path(*large(optimiser_name))


def followed(optimiser_name: str, **follows: bool) -> tuple:
    """(adapter, optimiser) of a run with the usual α, in which the chosen settings follow.

    follows: of each of lr, eps and weight_decay, and of start: whether it does.
    """
    adapter, optimiser = large(optimiser_name)
    new, changed = equivalent(adapter, optimiser, 4)
    if not follows.pop("start"):
        new = Adapter(adapter.A, adapter.B, new.scaling)
    return new, replace(changed, **{name: getattr(optimiser, name) for name, on in follows.items()
                                    if not on and hasattr(optimiser, name)})


@cache
def left_behind() -> dict[str, list[float]]:
    """{what stays: the largest relative gap between a run with α × 16 and its partner}, for each of
    LEFT and five draws of A."""
    results = {}
    for setting, (optimiser, settings) in LEFT.items():
        results[setting] = []
        for seed in range(1, 6):
            A, B = initial(*task_16().shape, R, rng=np.random.default_rng(seed))
            first = Adapter(A, B, 16 * SCALING)
            partner, changed = equivalent(first, optimiser, 4)
            if not settings:
                partner = Adapter(A, B, partner.scaling)
            gap = relative_gap(path(first, optimiser), path(partner, replace(changed, **settings)))
            results[setting].append(gap.max())
    return results


def two_sizes(change: str) -> tuple[float, float]:
    """What one of CHANGES multiplies: the first step of W; A's first step relative to A.

    These are ‖ΔW₁‖ and ‖A₂ − A₀‖/‖A₀‖ (A takes its first step in step two).
    """
    def sizes(scale, eta, start):
        first = word_run.written()[0]
        at_0, at_1, at_2 = adapters_of(
            word_run.task(), Adapter(start * first.A, first.B, scale * first.scaling),
            Adam(eta * word_run.SLOW["Adam"]), 2)
        return np.array([np.linalg.norm(at_1.delta()),
                         np.linalg.norm(at_2.A - at_0.A) / np.linalg.norm(at_0.A)])

    step, relative = sizes(*CHANGES[change]) / sizes(1, 1, 1)
    return float(step), float(relative)
