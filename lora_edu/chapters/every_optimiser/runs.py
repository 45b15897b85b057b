"""One run with α × 16 beside one with α, under anybody's optimiser for PyTorch."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
import transformers
from torch import optim
from transformers.optimization import Adafactor as Unscaled

from lora_edu import initial
from lora_edu.chapters.shared.tasks import task_16
from lora_edu.chapters.shared.two_runs import SCALING, STEPS, R, relative_gap

C = 4.0  # the unit's factor: α × C² in the first run
TORCH = f"torch {torch.__version__.split('+')[0]}"


@dataclass(frozen=True)
class Rule:
    """An optimiser, and how its settings follow when A and B are written c times larger.

    make: (parameters, lr, c) → the optimiser, whose constants have followed by c. power: η follows
    by c to it; None where no power is right. follows: constant → its power. dtype: that of A and B.
    """

    make: Callable
    lr: float
    power: int | None = 1
    follows: dict[str, int] = field(default_factory=dict)
    by: str = TORCH
    dtype: torch.dtype = torch.float64


def with_eps(kind: Callable, lr: float, eps: float = 1e-8, power: int | None = 1) -> Rule:
    """A rule whose only constant is an ε that stands beside a gradient."""
    return Rule(lambda p, eta, c: kind(p, lr=eta, eps=eps / c), lr, power, {"ε": -1})


DECAY = {"ε": -1, "decay": -1}
RULES = {
    "SGD": Rule(lambda p, lr, c: optim.SGD(p, lr), 0.02, 2),
    "SGD with momentum": Rule(lambda p, lr, c: optim.SGD(p, lr, momentum=0.9), 0.002, 2),
    "Adam": with_eps(optim.Adam, 0.01),
    "AdamW": Rule(lambda p, lr, c: optim.AdamW(p, lr, eps=1e-8 / c, weight_decay=0.1 / c), 0.01, 1,
                  DECAY),
    "NAdam": with_eps(optim.NAdam, 0.01),
    "Adamax": with_eps(optim.Adamax, 0.01),
    "RMSprop": with_eps(optim.RMSprop, 0.001),
    "Adagrad": with_eps(optim.Adagrad, 0.01, eps=1e-10),
    "Rprop": Rule(lambda p, lr, c: optim.Rprop(p, lr, step_sizes=(1e-6 * c, 50 * c)), 0.001, 1,
                  {"limits": 1}),
    "Muon": Rule(lambda p, lr, c: optim.Muon(p, lr, 0.1 / c, eps=1e-7 / c), 0.01, 1, DECAY),
    "Muon, AdamW’s rms": Rule(
        lambda p, lr, c: optim.Muon(p, lr, 0.1 / c, eps=1e-7 / c, adjust_lr_fn="match_rms_adamw"),
        0.01, 1, DECAY),
    "Adafactor": Rule(lambda p, lr, c: optim.Adafactor(p, lr, eps=(None, 1e-3 * c)), 0.01, 0,
                      {"ε₂": 1}),
    "Adafactor, unscaled": Rule(
        lambda p, lr, c: Unscaled(p, lr, scale_parameter=False, relative_step=False), 0.01,
        by=f"transformers {transformers.__version__}"),
    "RAdam": with_eps(optim.RAdam, 0.01, power=None),
    "Adadelta": Rule(lambda p, lr, c: optim.Adadelta(p, lr), 1.0, None),
}


def path(rule: Rule, scale: float, start: float = 1.0, lr: float = 1.0, c: float = 1.0) -> tuple:
    """(losses (STEPS + 1,), ΔW (STEPS + 1, d, k)). start, lr: factors of A's start and of η."""
    task = task_16()
    A0, B0 = initial(*task_16().shape, R, rng=np.random.default_rng(1))
    A, B = (torch.nn.Parameter(torch.tensor(M, dtype=rule.dtype)) for M in (start * A0, B0))
    optimiser = rule.make([A, B], lr * rule.lr, c)
    if hasattr(optimiser, "train"):  # schedule-free rules have two points
        optimiser.train()
    losses = []
    deltas = []
    for _ in range(STEPS + 1):
        a = A.detach().double().numpy()
        b = B.detach().double().numpy()
        deltas.append(scale * (b @ a))
        loss, G = task.loss_and_gradient(task.W0 + deltas[-1])
        losses.append(loss)
        A.grad, B.grad = (torch.tensor(g, dtype=rule.dtype)
                          for g in (scale * (b.T @ G), scale * (G @ a.T)))
        optimiser.step()
    return np.array(losses), np.array(deltas)


def compare(rule: Rule) -> dict:
    """A run with α × 16 beside three partners with α: nothing follows, η and A's start do, all do.

    Returns:
        The rule's ``by``, ``power`` and ``follows``; ``stride``, the factor that α × 16 alone has
        on the first move of W; for each partner the largest relative gap between the updates
        (``gaps``); and every second of the ``losses`` of the four runs. Where no power is right, η
        follows by the best of 0, 1 and 2.
    """
    large, deltas = path(rule, C * C * SCALING)
    alone = path(rule, SCALING)
    best = None
    for power in (0, 1, 2) if rule.power is None else (rule.power,):
        partners = [alone, *(path(rule, SCALING, C, C**power, c) for c in (1.0, C))]
        gaps = [float(relative_gap(deltas, other).max()) for _, other in partners]
        if best is None or gaps[-1] < best[0][-1]:
            best = gaps, [large, *(losses for losses, _ in partners)]
    first = next(t for t in range(STEPS) if deltas[t].any())  # some rules begin by looking
    return {"by": rule.by, "power": rule.power, "follows": rule.follows, "gaps": best[0],
            "stride": float(np.linalg.norm(deltas[first]) / np.linalg.norm(alone[1][first])),
            "losses": [losses[::2].round(4).tolist() for losses in best[1]]}

