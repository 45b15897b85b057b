"""Norms, biases or the head of the small GPT, trained in full along with its adapters.

The losses are stored in ``data/norms.npz``, which ``make_data.py`` makes.
"""

from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lora_book.small_gpt.adapting import ALL, adapted, held_out
from lora_edu.nn import lora_layers

FILE = Path(__file__).with_name("data") / "norms.npz"
ALPHA = 8
SEEDS = (0, 1, 2)
TIMES = (1 / 16, 1 / 4, 1, 4)  # η of what trains in full, as a multiple of the adapters'
RATE = 0.016  # the adapters' best η, in the chapter's own search
EXTRAS = ("norms", "biases", "norms and biases", "head")
RANKS = (8, 9)  # one rank more is more numbers than norms and biases together


@cache
def losses() -> dict[str, np.ndarray]:
    """Validation losses: "extra" (EXTRAS, TIMES, SEEDS) at r = 8, "alone" (RANKS, SEEDS), and
    "base", the frozen model's."""
    with np.load(FILE) as stored:
        return dict(stored)


def thaw(model, extra: str) -> list[nn.Parameter]:
    """Make norms, biases or the head trainable, and return their parameters.

    The small GPT's linear layers have no biases, so each one gets a bias of zeros.
    """
    thawed = []
    if "norms" in extra:
        norms = [module for module in model.modules() if isinstance(module, nn.LayerNorm)]
        thawed += [p for norm in norms for p in norm.parameters()]
    if "biases" in extra:
        for layer in lora_layers(model).values():
            layer.base_layer.bias = nn.Parameter(torch.zeros(layer.out_features))
            thawed.append(layer.base_layer.bias)
    if extra == "head":
        thawed += model.head.parameters()
    return [p.requires_grad_() for p in thawed]


def train(extra: str, times: float, seed: int) -> float:
    """The validation loss with adapters at their η and an extra at a multiple of it."""
    return held_out(adapted("bible", ALL, RANKS[0], ALPHA, RATE, seed,
                            thaw=partial(thaw, extra=extra), times=times))


def train_alone(r: int, seed: int) -> float:
    return held_out(adapted("bible", ALL, r, ALPHA, RATE, seed))
