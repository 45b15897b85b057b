"""Optimisers of libraries that nothing else here needs:

    pip install -c constraints.txt -e ".[optimisers]"
"""

from dataclasses import replace
from functools import partial
from importlib.metadata import version

import torch

from lora_edu.chapters.every_optimiser.runs import DECAY, EPS, Rule


def lion() -> dict[str, Rule]:
    from lion_pytorch import Lion

    return {"Lion": Rule(Lion, 0.001, 1, DECAY)}


def schedule_free() -> dict[str, Rule]:
    from schedulefree import AdamWScheduleFree

    return {"schedule-free AdamW": Rule(AdamWScheduleFree, 0.01, 1, EPS | DECAY)}


def prodigy() -> dict[str, Rule]:
    from prodigyopt import Prodigy

    return {"Prodigy": Rule(Prodigy, 1.0, 0, {"d0": (1e-6, 1)} | EPS)}


def eight_bits() -> dict[str, Rule]:
    from bitsandbytes.optim import Adam8bit

    return {"Adam in 8 bits": Rule(partial(Adam8bit, min_8bit_size=1), 0.01, 1, EPS,
                                   dtype=torch.float32)}


def collection() -> dict[str, Rule]:
    import pytorch_optimizer as po

    return {
        "SignSGD": Rule(partial(po.SignSGD, momentum=0.0), 0.001),
        "Tiger": Rule(po.Tiger, 0.001, 1, DECAY),
        "AdaBelief": Rule(po.AdaBelief, 0.01, 1, {"eps": (1e-16, -2)}),
        "Adan": Rule(po.Adan, 0.01, 1, EPS),
        "ADOPT": Rule(po.ADOPT, 0.01, 1, {"eps": (1e-6, -1)}),
        "CAME": Rule(po.CAME, 0.001, 1, {"eps1": (1e-30, -2)}),
        "Shampoo": Rule(po.Shampoo, 0.01, 1, {"matrix_eps": (1e-6, -2)}),
        "SOAP": Rule(po.SOAP, 0.01, 1, EPS | DECAY),
        "LARS": Rule(po.LARS, 0.01, None),
        "LAMB": Rule(po.Lamb, 0.001, None, {"eps": (1e-6, -1)}),
        "MARS": Rule(po.MARS, 0.01, None, EPS)}


LIBRARIES = {"lion-pytorch": lion, "schedulefree": schedule_free, "prodigyopt": prodigy,
             "bitsandbytes": eight_bits, "pytorch_optimizer": collection}


def rules_of(library: str) -> dict[str, Rule]:
    """The rules of one of LIBRARIES. Raises ModuleNotFoundError where it is not installed."""
    by = f"{library} {version(library)}"
    return {name: replace(rule, by=by) for name, rule in LIBRARIES[library]().items()}
