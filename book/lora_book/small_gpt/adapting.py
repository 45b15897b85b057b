"""Adapt the small GPT to a text."""

from collections.abc import Callable

import numpy as np
import torch

from lora_book.small_gpt.text import part
from lora_book.small_gpt.training import fit, load_base
from lora_edu.nn import inject

STEPS = 150
BATCH = 16


def adapted(style: str, modules, r: int, alpha: float, lr: float, seed: int, *, rule: str = "lora",
            prepare: Callable | None = None, optimiser: Callable | None = None) -> torch.nn.Module:
    """The base, trained on a text with adapters on ``modules``; where there are none, in full.

    prepare: called with the model before it is trained. optimiser: see :func:`fit`.
    """
    rng = np.random.default_rng(seed)
    model = load_base()
    if modules:
        inject(model, modules, r, alpha, rule=rule, rng=rng)
    if prepare:
        prepare(model)
    fit(model, part(style, "train"), steps=STEPS, lr=lr, rng=rng, batch=BATCH, optimiser=optimiser)
    return model
