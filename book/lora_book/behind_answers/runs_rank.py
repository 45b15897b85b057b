"""How many directions does a trained update of the small GPT use, and what do the others do?

The results are stored in ``data/rank.npz``, which ``make_data.py`` makes.
"""

from copy import deepcopy
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch

from lora_book.small_gpt.adapting import ALL, adapted, held_out, is_adapted
from lora_book.small_gpt.training import load_base
from lora_edu.nn import merge_and_unload

FILE = Path(__file__).with_name("data") / "rank.npz"
ALPHA = 8
SEEDS = (0, 1, 2)
RATES = (0.004, 0.008, 0.016, 0.032, 0.064)
SETTINGS = {"AdamW, r = 1": ("AdamW", 1), "AdamW, r = 8": ("AdamW", 8),
            "AdamW, r = 32": ("AdamW", 32), "Muon, r = 8": ("Muon", 8)}
OPTIMISERS = {"AdamW": None, "Muon": partial(torch.optim.Muon, weight_decay=0.0)}
CHANGES = ("none", "cut to 1", "cut to 2", "cut to 4", "cut to 8", "σ₁ lowered to σ₂")


@cache
def results() -> tuple[np.ndarray, np.ndarray]:
    """Validation losses (SETTINGS, RATES, SEEDS, CHANGES), and the stable ranks of the updates,
    (SETTINGS, RATES, SEEDS, 24), in the order of the model's matrices. NaN where nothing was run.
    """
    with np.load(FILE) as stored:
        return stored["losses"], stored["stable_ranks"]


def rates_of(setting: str) -> tuple[float, ...]:
    """The rates that were tried with a setting."""
    first = 0 if setting == "AdamW, r = 1" else 1
    return RATES[first:first + 4]


def changed(S: torch.Tensor, change: str) -> torch.Tensor:
    """Singular values, the largest first, after one of CHANGES."""
    kept = S.clone()
    if change.startswith("cut"):
        kept[int(change.split()[-1]):] = 0
    elif change != "none":
        kept[0] = kept[1]
    return kept


def measured(setting: str, lr: float, seed: int) -> tuple[list[float], list[float]]:
    """One run's losses after each of CHANGES, and ‖ΔW‖²/σ₁² of each adapted matrix."""
    name, r = SETTINGS[setting]
    model = adapted("bible", ALL, r, ALPHA, lr, seed, optimiser=OPTIMISERS[name])
    merge_and_unload(model)
    parts = updates(model)
    losses = [held_out(rebuilt(model, parts, change)) for change in CHANGES]
    return losses, [(S.square().sum() / S[0]**2).item() for _, S, _ in parts.values()]


@torch.no_grad()
def updates(model) -> dict[str, tuple]:
    """U, S and Vᵀ of the change of each adapted matrix."""
    frozen = dict(load_base().named_parameters())
    return {name: torch.linalg.svd(W - frozen[name], full_matrices=False)
            for name, W in model.named_parameters() if is_adapted(name)}


@torch.no_grad()
def rebuilt(model, parts: dict[str, tuple], change: str):
    """A copy of a model whose updates have changed singular values."""
    other = deepcopy(model)
    frozen = dict(load_base().named_parameters())
    for name, W in other.named_parameters():
        if name in parts:
            U, S, Vh = parts[name]
            W.copy_(frozen[name] + U * changed(S, change) @ Vh)
    return other
