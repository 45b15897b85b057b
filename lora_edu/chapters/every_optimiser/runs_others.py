"""Optimisers of libraries that nothing else here needs:

    pip install -c constraints.txt -e ".[optimisers]"

A :class:`Rule` is its maker, η, η's power, and the powers of the constants, in this order.
"""

from dataclasses import replace
from importlib.metadata import version

import torch

from lora_edu.chapters.every_optimiser.runs import DECAY, Rule, with_eps


def lion() -> dict[str, Rule]:
    from lion_pytorch import Lion

    return {"Lion": Rule(lambda p, lr, c: Lion(p, lr, weight_decay=0.1 / c), 0.001, 1,
                         {"decay": -1})}


def schedule_free() -> dict[str, Rule]:
    from schedulefree import AdamWScheduleFree

    return {"schedule-free AdamW": Rule(
        lambda p, lr, c: AdamWScheduleFree(p, lr, eps=1e-8 / c, weight_decay=0.1 / c), 0.01, 1,
        DECAY)}


def prodigy() -> dict[str, Rule]:
    from prodigyopt import Prodigy

    return {"Prodigy": Rule(lambda p, lr, c: Prodigy(p, lr, d0=1e-6 * c, eps=1e-8 / c), 1.0, 0,
                            {"d₀": 1, "ε": -1})}


def eight_bits() -> dict[str, Rule]:
    from bitsandbytes.optim import Adam8bit

    return {"Adam in 8 bits": Rule(
        lambda p, lr, c: Adam8bit(p, lr, eps=1e-8 / c, min_8bit_size=1), 0.01, 1, {"ε": -1},
        dtype=torch.float32)}


def collection() -> dict[str, Rule]:
    import pytorch_optimizer as po

    return {
        "SignSGD": Rule(lambda p, lr, c: po.SignSGD(p, lr, momentum=0.0), 0.001),
        "Tiger": Rule(lambda p, lr, c: po.Tiger(p, lr, weight_decay=0.1 / c), 0.001, 1,
                      {"decay": -1}),
        "AdaBelief": Rule(lambda p, lr, c: po.AdaBelief(p, lr, eps=1e-16 / c**2), 0.01, 1,
                          {"ε": -2}),
        "Adan": with_eps(po.Adan, 0.01),
        "ADOPT": with_eps(po.ADOPT, 0.01, eps=1e-6),
        "CAME": Rule(lambda p, lr, c: po.CAME(p, lr, eps1=1e-30 / c**2), 0.001, 1, {"ε₁": -2}),
        "Shampoo": Rule(lambda p, lr, c: po.Shampoo(p, lr, matrix_eps=1e-6 / c**2), 0.01, 1,
                        {"ε": -2}),
        "SOAP": Rule(lambda p, lr, c: po.SOAP(p, lr, eps=1e-8 / c, weight_decay=0.1 / c),
                     0.01, 1, DECAY),
        "LARS": Rule(lambda p, lr, c: po.LARS(p, lr), 0.01, None),
        "LAMB": with_eps(po.Lamb, 0.001, eps=1e-6, power=None),
        "MARS": with_eps(po.MARS, 0.01, power=None)}


LIBRARIES = {"lion-pytorch": lion, "schedulefree": schedule_free, "prodigyopt": prodigy,
             "bitsandbytes": eight_bits, "pytorch_optimizer": collection}


def rules_of(library: str) -> dict[str, Rule]:
    """The rules of one of LIBRARIES. Raises ModuleNotFoundError where it is not installed."""
    by = f"{library} {version(library)}"
    return {name: replace(rule, by=by) for name, rule in LIBRARIES[library]().items()}
