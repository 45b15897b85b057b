"""One run with α × 16 beside one with α, under anybody's optimiser for PyTorch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

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


SYMBOLS = {"eps": "ε", "eps1": "ε₁", "eps2": "ε₂", "matrix_eps": "ε", "weight_decay": "decay",
           "limit": "limits", "d0": "d₀"}


@dataclass(frozen=True)
class Rule:
    """An optimiser, and how its settings follow when A and B are written c times larger.

    kind: (parameters, lr=…, …) → the optimiser. power: η follows by c to it; None where no power is
    right. constants: keyword of kind → (value, the power by which it follows). dtype: of A and B.
    """

    kind: Callable
    lr: float
    power: int | None = 1
    constants: dict[str, tuple[float, int]] = field(default_factory=dict)
    by: str = TORCH
    dtype: torch.dtype = torch.float64

    def make(self, parameters: list, lr: float, c: float):
        """The optimiser, whose constants have followed by c."""
        return self.kind(parameters, lr=lr, **{
            name: value * c**power for name, (value, power) in self.constants.items()})

    @property
    def follows(self) -> dict[str, int]:
        """Constant → its power."""
        return {SYMBOLS[name]: power for name, (_, power) in self.constants.items()}


def rprop(parameters, lr: float, limit: float):
    """Rprop with torch's limits of its steps, in units of the smaller one."""
    return optim.Rprop(parameters, lr, step_sizes=(limit, 5e7 * limit))


def adafactor(parameters, lr: float, eps2: float):
    return optim.Adafactor(parameters, lr, eps=(None, eps2))


EPS = {"eps": (1e-8, -1)}
DECAY = {"weight_decay": (0.1, -1)}
MUONS = {"eps": (1e-7, -1)} | DECAY
RULES = {
    "SGD": Rule(optim.SGD, 0.02, 2),
    "SGD with momentum": Rule(partial(optim.SGD, momentum=0.9), 0.002, 2),
    "Adam": Rule(optim.Adam, 0.01, 1, EPS),
    "AdamW": Rule(optim.AdamW, 0.01, 1, EPS | DECAY),
    "NAdam": Rule(optim.NAdam, 0.01, 1, EPS),
    "Adamax": Rule(optim.Adamax, 0.01, 1, EPS),
    "RMSprop": Rule(optim.RMSprop, 0.001, 1, EPS),
    "Adagrad": Rule(optim.Adagrad, 0.01, 1, {"eps": (1e-10, -1)}),
    "Rprop": Rule(rprop, 0.001, 1, {"limit": (1e-6, 1)}),
    "Muon": Rule(optim.Muon, 0.01, 1, MUONS),
    "Muon, AdamW’s rms": Rule(partial(optim.Muon, adjust_lr_fn="match_rms_adamw"), 0.01, 1, MUONS),
    "Adafactor": Rule(adafactor, 0.01, 0, {"eps2": (1e-3, 1)}),
    "Adafactor, unscaled": Rule(
        partial(Unscaled, scale_parameter=False, relative_step=False), 0.01,
        by=f"transformers {transformers.__version__}"),
    "RAdam": Rule(optim.RAdam, 0.01, None, EPS),
    "Adadelta": Rule(optim.Adadelta, 1.0, None),
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

