"""The runs of the chapter Rotated digits: every task, place, rule, rank, learning rate and seed.

``python -m lora_edu.chapters.rotated_digits.runs`` trains them and writes ``runs.npz``, from
which figures.py draws (some twenty minutes of one core). Imports torch, the digits, ``nn`` and
that module's constants; scikit-learn when the digits are loaded.
"""

from __future__ import annotations

import copy
import math
from functools import cache

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from lora_edu import _check
from lora_edu.chapters.rotated_digits.figures import (
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
    RULES,
    SEEDS,
    SHARES,
    SHOWN,
    SHOWN_RATE,
    TASKS,
    TRAINED,
)
from lora_edu.chapters.shared.digits import CLASSES, Digits, load, rotate
from lora_edu.nn import inject

BATCH, STEPS, BASE_STEPS, BASE_LR = 64, 200, 1500, 1e-3
LAYERS = {"first layer": ["0"], "all layers": ["0", "2", "4"]}

Part = tuple[torch.Tensor, torch.Tensor]  # pictures (n, 64) and labels (n,)


def part(digits: Digits, which: str, change=None, classes=range(CLASSES)) -> Part:
    """The pictures of one part ("train", "val", "test") that show ``classes``, changed."""
    X, y = getattr(digits, f"X_{which}"), getattr(digits, f"y_{which}")
    shown = np.isin(y, classes)
    X = X[shown] if change is None else change(X[shown])
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y[shown])


def make_model(seed: int = 0) -> nn.Sequential:
    """64-128-128-10 with ReLU, as torch draws it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(),
                             nn.Linear(128, CLASSES))


def train(model: nn.Module, data: Part, lr: float, steps: int = STEPS, seed: int = 0,
          watch=lambda step: None, rule: str = "Adam") -> nn.Module:
    """Batches of 64 drawn with ``seed``; trains what is not frozen. Returns the model.

    watch: called with the number of steps done, before each step. rule: "Adam", "SGD" (with
    momentum 0.9), or "Adam, warm-up" (linear over a fifth of the steps, then a cosine to 0).
    """
    x, y = data
    trained = [p for p in model.parameters() if p.requires_grad]
    if rule == "SGD":
        optimiser = torch.optim.SGD(trained, lr=lr, momentum=0.9)
    else:
        optimiser = torch.optim.Adam(trained, lr=lr, fused=True)
    draw = torch.Generator().manual_seed(seed)
    for step, batch in enumerate(torch.randint(len(x), (steps, BATCH), generator=draw)):
        watch(step)
        if rule == "Adam, warm-up":
            rise, fall = 5 * (step + 1) / steps, (1 + math.cos(math.pi * step / steps)) / 2
            optimiser.param_groups[0]["lr"] = lr * min(1, rise) * fall
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimiser.step()
    return model


def prepare(base: nn.Module, method: str, r: int = 8, alpha: float = 8, rule: str = "lora",
            seed: int = 0) -> nn.Module:
    """A copy of ``base`` in which only what the method trains is not frozen.

    method: "head", "full", "first W", "first layer" or "all layers" (the last two: LoRA there).
    """
    _check.choice("method", method, (*METHODS, *PLACES))
    model = copy.deepcopy(base).requires_grad_(method == "full")
    if method == "head":
        model[4].requires_grad_(True)
    elif method == "first W":
        model[0].weight.requires_grad_(True)
    elif method in LAYERS:
        inject(model, LAYERS[method], r, alpha, rule=rule, rng=np.random.default_rng(seed))
    return model


@torch.no_grad()
def right(model: nn.Module, data: Part) -> int:
    """How many pictures the model names rightly."""
    return int((model(data[0]).argmax(dim=1) == data[1]).sum())


@torch.no_grad()
def silent(model: nn.Module, data: Part) -> int:
    """How many units of the first layer are 0 for every picture."""
    return int((model[0](data[0]) <= 0).all(dim=0).sum())


@torch.no_grad()
def passing(model: nn.Module, data: Part) -> int:
    """How many pairs (unit of the first layer, picture) the ReLU lets pass."""
    return int((model[0](data[0]) > 0).sum())


def centred(base: nn.Module, parts: dict[str, Part], share: float = 1.0
            ) -> tuple[nn.Module, dict[str, Part]]:
    """A share of the mean training picture taken off the inputs, made good in the first bias.

    So the model computes what it computed, up to rounding: only the origin of its inputs moves.
    """
    mean = share * parts["train"][0].mean(dim=0)
    base = copy.deepcopy(base)
    with torch.no_grad():
        base[0].bias += base[0].weight @ mean
    return base, {which: (x - mean, y) for which, (x, y) in parts.items()}


@cache
def base_for(task: str, seed: int = 0, split: int = 0) -> tuple[nn.Module, dict[str, Part]]:
    """The pretrained model and its parts: "train", "val", "test" of the task, and "old".

    seed: of the base's start and batches. split: the seed of the split of the pictures.
    """
    if _check.choice("task", task, TASKS) == "inverted, centred":
        return centred(*base_for("inverted", seed, split))
    digits, new, old = load(seed=split), range(CLASSES), range(CLASSES)
    if task == "new classes":
        new, old = range(5, CLASSES), range(5)
    change = {"rotated": lambda X: rotate(X, 90), "inverted": lambda X: 1 - X}.get(task)
    parts = {which: part(digits, which, change, new) for which in ("train", "val", "test")}
    parts["old"] = part(digits, "test", classes=old)
    upright = part(digits, "train", classes=old)
    return train(make_model(seed), upright, BASE_LR, BASE_STEPS, seed), parts


def fit(task: str, method: str, lr: float, seed: int, r: int = 8, rule: str = "LoRA") -> list[int]:
    """One run: pictures named rightly of "val", "test" and "old" (with the adapter on)."""
    base, parts = base_for(task)
    model = prepare(base, method, r, ALPHAS[rule], RULES[rule], seed)
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
    """All runs, as counts of pictures; axes in the order of rotated_digits.py's constants."""
    lora = np.zeros((len(TASKS), len(PLACES), len(RULES), len(RANKS), len(RATES), SEEDS, 3), "u2")
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
                                            list(RULES)[a])
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
