"""Trains the runs of the chapter Rotated digits anew and writes ``data/runs.npz``:

    python -m lora_edu.chapters.rotated_digits.compute

Some twenty minutes of one core. Imports the training (torch, scikit-learn) and the runs' constants.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from lora_edu.chapters.rotated_digits.runs import (
    ALPHAS,
    ATTEMPTS,
    BASES,
    BASES_SEEDS,
    BIAS_RATES,
    BIAS_SEEDS,
    BIASES,
    DATA,
    METHODS,
    PLACES,
    RANKS,
    RATES,
    SEEDS,
    SHARES,
    SHOWN,
    SHOWN_RATE,
    TASKS,
    TRAINED,
)
from lora_edu.chapters.rotated_digits.training import (
    STEPS,
    Part,
    base_for,
    centred,
    passing,
    prepare,
    right,
    silent,
    train,
)
from lora_edu.chapters.shared.scale_rules import SCALE_RULES


def fit(task: str, method: str, lr: float, seed: int, r: int = 8, rule: str = "LoRA") -> list[int]:
    """One run: pictures named rightly of "val", "test" and "old" (with the adapter on)."""
    base, parts = base_for(task)
    model = prepare(base, method, r, ALPHAS[rule], SCALE_RULES[rule], seed)
    train(model, parts["train"], lr, seed=seed)
    return [right(model, parts[which]) for which in ("val", "test", "old")]


def state(model: nn.Module, parts: dict[str, Part]) -> list[int]:
    """Of "test", pictures named rightly; of the first layer on "train", silent and passing."""
    return [right(model, parts["test"]), silent(model, parts["train"]),
            passing(model, parts["train"])]


def path(share: float, trained: str, seed: int) -> list[list[int]]:
    """Inverted digits, a share of the mean taken off: the states at SHOWN."""
    base, parts = centred(*base_for("inverted"), share)
    r = TRAINED[trained]
    model = prepare(base, "first layer" if r else "first W", r or 8, seed=seed)
    seen = []

    def watch(step):
        if step in SHOWN:
            seen.append(state(model, parts))

    train(model, parts["train"], SHOWN_RATE, seed=seed, watch=watch)
    watch(STEPS)
    return seen


def with_biases(layers: tuple[str, ...], lr: float, seed: int) -> int:
    """Inverted digits, LoRA of rank 16 in the first layer and these biases: right of "test"."""
    base, parts = base_for("inverted")
    model = prepare(base, "first layer", 16, seed=seed)
    for name, values in model.named_parameters():
        if name.endswith("bias") and name[0] in layers:
            values.requires_grad_(True)
    return right(train(model, parts["train"], lr, seed=seed), parts["test"])


def attempt(rule: str, lr: float, steps: int, seed: int) -> list[int]:
    """Inverted digits, LoRA of rank 16 in the first layer, trained in another way: its state."""
    base, parts = base_for("inverted")
    model = prepare(base, "first layer", 16, seed=seed)
    return state(train(model, parts["train"], lr, steps, seed, rule=rule), parts)


def on_base(task: str, base_seed: int, split: int, share: float, lr: float, seed: int) -> list[int]:
    """LoRA of rank 16 in the first layer, on another base or split: "val" and the state."""
    base, parts = centred(*base_for(task, base_seed, split), share)
    model = train(prepare(base, "first layer", 16, seed=seed), parts["train"], lr, seed=seed)
    return [right(model, parts["val"]), *state(model, parts)]


def compute() -> dict[str, np.ndarray]:
    """All runs, as counts of pictures; axes in the order of ``runs.py``'s constants."""
    lora = np.zeros((len(TASKS), len(PLACES), len(ALPHAS), len(RANKS), len(RATES), SEEDS, 3), "u2")
    others = np.zeros((len(TASKS), len(METHODS), len(RATES), SEEDS, 3), "u2")
    frozen, sizes = np.zeros((2, len(TASKS), 3), "u2")
    for t, task in enumerate(TASKS):
        base, parts = base_for(task)
        for i, which in enumerate(("val", "test", "old")):
            frozen[t, i], sizes[t, i] = right(base, parts[which]), len(parts[which][1])
        for m, i, seed in tqdm(list(np.ndindex(others.shape[1:-1])), desc=f"{task}, others"):
            others[t, m, i, seed] = fit(task, METHODS[m], RATES[i], seed)
        for p, a, j, i, seed in tqdm(list(np.ndindex(lora.shape[1:-1])), desc=f"{task}, LoRA"):
            if a and RANKS[j] == 8:  # s = 1 under every rule: the same run
                lora[t, p, a, j, i, seed] = lora[t, p, 0, j, i, seed]
                continue
            lora[t, p, a, j, i, seed] = fit(task, PLACES[p], RATES[i], seed, RANKS[j],
                                            list(ALPHAS)[a])
    return {"lora": lora, "others": others, "frozen": frozen, "sizes": sizes, "paths": paths(),
            **checks()}


def paths() -> np.ndarray:
    """All paths: (shares, trained, seeds, steps shown, 2)."""
    return np.array([[[path(share, trained, seed) for seed in range(SEEDS)] for trained in TRAINED]
                     for share in tqdm(SHARES, desc="a share of the mean")], "u4")


def checks() -> dict[str, np.ndarray]:
    """LoRA of rank 16 in the first layer with biases, in other ways, and on other bases."""
    return {
        "biases": np.array([[[with_biases(layers, lr, seed) for seed in range(BIAS_SEEDS)]
                             for lr in BIAS_RATES]
                            for layers in tqdm(BIASES.values(), "biases")], "u2"),
        "attempts": np.array([[attempt(*way, seed) for seed in range(SEEDS)]
                              for way in tqdm(ATTEMPTS, "attempts")], "u4"),
        "bases": np.array([[[[[on_base(task, *base, share, lr, seed) for seed in range(BASES_SEEDS)]
                              for lr in RATES] for share in (0, 1)]
                            for task in ("rotated", "inverted")]
                           for base in tqdm(BASES, "bases")], "u4")}


if __name__ == "__main__":
    torch.set_num_threads(1)
    np.savez_compressed(DATA, **compute())
