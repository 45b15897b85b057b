"""One run with α × 16 beside one with α, under anybody's optimiser for PyTorch.

Those of libraries that nothing else needs: pip install -c constraints.txt -e "./book[optimisers]"
"""

from dataclasses import dataclass, field
from importlib.metadata import version
from pkgutil import resolve_name

import numpy as np
import torch

from lora_book.shared.tasks import task_16
from lora_book.shared.two_runs import SCALING, STEPS, R, relative_gap
from lora_edu import initial

C = 4.0  # the unit's factor: α × C² in the first run


@dataclass(frozen=True)
class Rule:
    """An optimiser, and how its settings follow when A and B are written c times larger.

    class_path: where it is, library first. power: η follows by c to it; None where no power is
    right. constants: symbol → (keyword, value, the power by which it follows). fixed: what else it
    is given. dtype: of A and B.
    """

    class_path: str
    lr: float
    power: int | None = 1
    constants: dict[str, tuple] = field(default_factory=dict)
    fixed: dict = field(default_factory=dict)
    dtype: torch.dtype = torch.float64

    def make(self, parameters: list, lr: float, c: float):
        """The optimiser, whose constants have followed by c.

        Raises:
            ModuleNotFoundError: Where its library is not installed.
        """
        settings = {keyword: _times(value, c**power)
                    for keyword, value, power in self.constants.values()}
        return resolve_name(self.class_path)(parameters, lr=lr, **self.fixed, **settings)

    @property
    def library(self) -> str:
        return self.class_path.partition(".")[0]


def _times(value, factor: float):
    """A constant, or each of several (None stays), times the factor."""
    if isinstance(value, tuple):
        return tuple(None if part is None else part * factor for part in value)
    return value * factor


EPS = {"ε": ("eps", 1e-8, -1)}
DECAY = {"decay": ("weight_decay", 0.1, -1)}
MUON = {"ε": ("eps", 1e-7, -1)} | DECAY
RULES = {
    "SGD": Rule("torch.optim.SGD", 0.02, 2),
    "SGD with momentum": Rule("torch.optim.SGD", 0.002, 2, fixed={"momentum": 0.9}),
    "Adam": Rule("torch.optim.Adam", 0.01, 1, EPS),
    "AdamW": Rule("torch.optim.AdamW", 0.01, 1, EPS | DECAY),
    "NAdam": Rule("torch.optim.NAdam", 0.01, 1, EPS),
    "Adamax": Rule("torch.optim.Adamax", 0.01, 1, EPS),
    "RMSprop": Rule("torch.optim.RMSprop", 0.001, 1, EPS),
    "Adagrad": Rule("torch.optim.Adagrad", 0.01, 1, {"ε": ("eps", 1e-10, -1)}),
    "Rprop": Rule("torch.optim.Rprop", 0.001, 1, {"limits": ("step_sizes", (1e-6, 50), 1)}),
    "Muon": Rule("torch.optim.Muon", 0.01, 1, MUON),
    "Muon, AdamW’s rms": Rule("torch.optim.Muon", 0.01, 1, MUON,
                              {"adjust_lr_fn": "match_rms_adamw"}),
    "Adafactor": Rule("torch.optim.Adafactor", 0.01, 0, {"ε₂": ("eps", (None, 1e-3), 1)}),
    "Adafactor, unscaled": Rule("transformers.optimization.Adafactor", 0.01,
                                fixed={"scale_parameter": False, "relative_step": False}),
    "RAdam": Rule("torch.optim.RAdam", 0.01, None, EPS),
    "Adadelta": Rule("torch.optim.Adadelta", 1.0, None),
    "Lion": Rule("lion_pytorch.Lion", 0.001, 1, DECAY),
    "schedule-free AdamW": Rule("schedulefree.AdamWScheduleFree", 0.01, 1, EPS | DECAY),
    "Prodigy": Rule("prodigyopt.Prodigy", 1.0, 0, {"d₀": ("d0", 1e-6, 1)} | EPS),
    "Adam in 8 bits": Rule("bitsandbytes.optim.Adam8bit", 0.01, 1, EPS, {"min_8bit_size": 1},
                           torch.float32),
    "SignSGD": Rule("pytorch_optimizer.SignSGD", 0.001, fixed={"momentum": 0.0}),
    "Tiger": Rule("pytorch_optimizer.Tiger", 0.001, 1, DECAY),
    "AdaBelief": Rule("pytorch_optimizer.AdaBelief", 0.01, 1, {"ε": ("eps", 1e-16, -2)}),
    "Adan": Rule("pytorch_optimizer.Adan", 0.01, 1, EPS),
    "ADOPT": Rule("pytorch_optimizer.ADOPT", 0.01, 1, {"ε": ("eps", 1e-6, -1)}),
    "CAME": Rule("pytorch_optimizer.CAME", 0.001, 1, {"ε₁": ("eps1", 1e-30, -2)}),
    "Shampoo": Rule("pytorch_optimizer.Shampoo", 0.01, 1, {"ε": ("matrix_eps", 1e-6, -2)}),
    "SOAP": Rule("pytorch_optimizer.SOAP", 0.01, 1, EPS | DECAY),
    "LARS": Rule("pytorch_optimizer.LARS", 0.01, None),
    "LAMB": Rule("pytorch_optimizer.Lamb", 0.001, None, {"ε": ("eps", 1e-6, -1)}),
    "MARS": Rule("pytorch_optimizer.MARS", 0.01, None, EPS),
}


def path(rule: Rule, scale: float, start: float = 1.0, lr: float = 1.0, c: float = 1.0
         ) -> np.ndarray:
    """ΔW at every step, (STEPS + 1, d, k).

    scale: s. start, lr: factors of A's start and of η. c: what the rule's constants follow by.
    """
    regression = task_16()
    A0, B0 = initial(*regression.shape, R, rng=np.random.default_rng(1))
    A = torch.nn.Parameter(torch.tensor(start * A0, dtype=rule.dtype))
    B = torch.nn.Parameter(torch.tensor(B0, dtype=rule.dtype))
    optimiser = rule.make([A, B], lr * rule.lr, c)
    if hasattr(optimiser, "train"):  # schedule-free rules have two points
        optimiser.train()
    deltas = []
    for _ in range(STEPS + 1):
        a = A.detach().double().numpy()
        b = B.detach().double().numpy()
        deltas.append(scale * (b @ a))
        G = regression.gradient(regression.W0 + deltas[-1])
        A.grad = torch.tensor(scale * (b.T @ G), dtype=rule.dtype)
        B.grad = torch.tensor(scale * (G @ a.T), dtype=rule.dtype)
        optimiser.step()
    return np.array(deltas)


def compare(rule: Rule) -> dict:
    """A run with α × 16 beside three partners with α: nothing follows, η and A's start do, all do.

    Returns:
        ``by``, the library; the rule's ``power``; ``follows``, symbol → power; and for each partner
        the largest relative gap between the updates (``gaps``). Where no power is right, η follows
        by the best of 0, 1 and 2.
    """
    large = path(rule, C**2 * SCALING)
    alone = path(rule, SCALING)

    def gaps(power: int) -> list[float]:
        """Where η follows by that power."""
        partners = [alone,
                    path(rule, SCALING, start=C, lr=C**power),
                    path(rule, SCALING, start=C, lr=C**power, c=C)]
        return [float(relative_gap(large, partner).max()) for partner in partners]

    powers = (0, 1, 2) if rule.power is None else (rule.power,)
    best = min(map(gaps, powers), key=lambda of_power: of_power[-1])  # least where all follow
    release, _, _ = version(rule.library).partition("+")  # of torch 2.13.0+cpu: 2.13.0
    return {"by": f"{rule.library} {release}", "power": rule.power,
            "follows": {symbol: power for symbol, (*_, power) in rule.constants.items()},
            "gaps": best}
