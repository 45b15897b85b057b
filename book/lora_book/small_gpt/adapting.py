"""Adapt the small GPT to a text."""

from collections.abc import Callable

import numpy as np
import torch

from lora_book.small_gpt.text import part
from lora_book.small_gpt.training import fit, load_base, loss_on
from lora_edu.nn import inject

ALL = ("q", "k", "v", "out", "up", "down")  # its linear layers but the head
STEPS = 150
BATCH = 16


def adapted(style: str, modules, r: int, alpha: float, lr: float, seed: int, *, rule: str = "lora",
            optimiser: Callable | None = None, thaw: Callable | None = None,
            times: float = 1.0) -> torch.nn.Module:
    """The base, trained on a text with adapters on ``modules``; where there are none, in full.

    optimiser: see :func:`fit`. thaw: model → the parameters that train in full beside the adapters,
    at ``times`` their η.
    """
    rng = np.random.default_rng(seed)
    model = load_base()
    if modules:
        inject(model, modules, r, alpha, rule=rule, rng=rng)
    if thaw:
        optimiser = _in_groups(set(thaw(model)), times)
    fit(model, part(style, "train"), steps=STEPS, lr=lr, rng=rng, batch=BATCH, optimiser=optimiser)
    return model


def _in_groups(thawed: set, times: float) -> Callable:
    """What makes AdamW of the parameters that train, with a rate of their own for some of them."""
    def make(trained):
        groups = [{"params": [p for p in trained if p not in thawed]},
                  {"params": list(thawed), "times": times}]
        return torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=0.0)

    return make


def held_out(model, style: str = "bible") -> float:
    """The loss on the validation part of a text."""
    return loss_on(model, part(style, "validation"))


def is_adapted(name: str) -> bool:
    """Whether a parameter of the plain model is one that ALL adapts."""
    return name.split(".")[-2] in ALL
