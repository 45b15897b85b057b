"""The tasks of the chapter Rotated digits, and how a model is adapted to them."""

import copy
from functools import cache

import numpy as np
import torch
from torch import nn

from lora_book.shared.digits import CLASSES, Digits, load, rotate
from lora_edu.nn import inject

BATCH = 64
STEPS = 200
BASE_STEPS = 1500
BASE_LR = 1e-3
LAYERS = {"first layer": ["0"], "all layers": ["0", "2", "4"]}

Part = tuple[torch.Tensor, torch.Tensor]  # pictures (n, 64) and labels (n,)


def part(digits: Digits, which: str, change=None, classes=range(CLASSES)) -> Part:
    """The pictures of one part ("train", "val", "test") that show ``classes``, changed."""
    X = getattr(digits, f"X_{which}")
    y = getattr(digits, f"y_{which}")
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
          watch=lambda step: None) -> nn.Module:
    """Batches of 64 drawn with ``seed``; Adam trains what is not frozen. Returns the model.

    Args:
        watch: Called with the number of steps done, before each step.
    """
    x, y = data
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=lr, fused=True)
    draw = torch.Generator().manual_seed(seed)
    for step, batch in enumerate(torch.randint(len(x), (steps, BATCH), generator=draw)):
        watch(step)
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimiser.step()
    return model


def prepare(base: nn.Module, method: str, r: int = 8, seed: int = 0) -> nn.Module:
    """A copy of ``base`` in which only what the method trains is not frozen.

    Args:
        method: "head", "full", "first W", "first layer" or "all layers" (the last two: LoRA there).
    """
    model = copy.deepcopy(base).requires_grad_(method == "full")
    if method == "head":
        model[4].requires_grad_(True)
    elif method == "first W":
        model[0].weight.requires_grad_(True)
    elif method in LAYERS:
        inject(model, LAYERS[method], r, alpha=8, rng=np.random.default_rng(seed))
    return model


@torch.no_grad()
def right(model: nn.Module, data: Part) -> int:
    """How many pictures the model classifies correctly."""
    return int((model(data[0]).argmax(dim=1) == data[1]).sum())


@torch.no_grad()
def silent(model: nn.Module, data: Part) -> int:
    """How many units of the first layer are 0 for every picture."""
    return int((model[0](data[0]) <= 0).all(dim=0).sum())


def centred(base: nn.Module, parts: dict[str, Part], share: float = 1.0
            ) -> tuple[nn.Module, dict[str, Part]]:
    """Subtract a share of the mean training picture from the inputs, and correct the first bias.

    The model computes what it computed before, up to rounding: only the origin of its inputs moves.
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
    if task == "inverted, centred":
        return centred(*base_for("inverted", seed, split))
    digits = load(seed=split)
    new = range(CLASSES)
    old = range(CLASSES)
    if task == "new classes":
        new = range(5, CLASSES)
        old = range(5)
    change = {"rotated": lambda X: rotate(X, 90), "inverted": lambda X: 1 - X}.get(task)
    parts = {which: part(digits, which, change, new) for which in ("train", "val", "test")}
    parts["old"] = part(digits, "test", classes=old)
    upright = part(digits, "train", classes=old)
    return train(make_model(seed), upright, BASE_LR, BASE_STEPS, seed), parts
