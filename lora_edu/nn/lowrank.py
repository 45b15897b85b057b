"""One adapter in torch: A, B and the numbers that go with them."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import torch
from torch import nn

from lora_edu import _check
from lora_edu.adapter import scaling
from lora_edu.init import initial

Draws = np.random.Generator | torch.Generator | None
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
OF_PEFT = {  # PEFT's name of a setting: what it is called here
    "target_modules": "targets", "exclude_modules": "exclude", "lora_alpha": "alpha",
    "use_rslora": 'rule="rslora"', "lora_dropout": "dropout", "init_lora_weights": "start",
    "adapter_name": "name", "peft_config": "targets", "config": "targets"}


class Settings(TypedDict, total=False):
    """What an adapter has besides r and alpha; each is explained in :class:`LowRank`."""

    rule: str
    start: str | None
    distribution: str | float | None
    dropout: float
    dtype: torch.dtype | None


class LowRank(nn.Module):
    """The trained matrices ``lora_A`` (r, k) and ``lora_B`` (d, r) of an update ΔW = s·B·A.

    d, k: the shape of ΔW. r, alpha, rule: see :func:`lora_edu.scaling`, which gives ``scaling``.
    start, distribution: see :func:`lora_edu.initial`, which draws A and B (in float64).
    rng: a ``numpy.random.Generator``, from which A and B are drawn; or a ``torch.Generator``, or
    None for torch's own (``torch.manual_seed``), from which the seed of such a one is drawn.
    matrices: (A, B), tensors of the right shapes, in place of a draw.
    dropout: the share of the layer's inputs that is zeroed on their way to A, while training.
    dtype, device: of A and B.

    Raises TypeError or ValueError as ``scaling`` and ``initial`` do, for a dropout outside [0, 1),
    for a dtype that is not float16, bfloat16, float32 or float64, and for a draw that is too large
    for it.

    >>> adapter = LowRank(d=4, k=6, r=2, alpha=8)
    >>> adapter.lora_A.shape, adapter.lora_B.shape, adapter.scaling
    (torch.Size([2, 6]), torch.Size([4, 2]), 4.0)
    >>> bool(adapter.delta().any())  # B starts at zero
    False
    """

    def __init__(self, d: int, k: int, r: int, alpha: float, *, rng: Draws = None,
                 rule: str = "lora", start: str = "A random, B zero",
                 distribution: str | float = "kaiming_uniform", dropout: float = 0.0,
                 dtype: torch.dtype = torch.float32, device: torch.device | str | None = None,
                 matrices: tuple[torch.Tensor, torch.Tensor] | None = None):
        super().__init__()
        scaling(r, alpha, rule)  # raises
        self.r, self.alpha, self.rule = int(r), float(alpha), rule
        self.dropout = _check.number("dropout", dropout, minimum=0.0, below=1.0)
        if dtype not in DTYPES:
            raise TypeError(f"dtype must be a floating torch.dtype, one of {DTYPES}, got {dtype!r}")
        if matrices is None:
            drawn = initial(d, k, r, start, distribution, rng=_generator(rng))
            matrices = tuple(torch.from_numpy(matrix).to(dtype) for matrix in drawn)
            if not all(matrix.isfinite().all() for matrix in matrices):
                raise ValueError(f"distribution must give numbers that {dtype} can hold, "
                                 f"got {distribution!r}")
        A, B = matrices
        self.lora_A = nn.Parameter(A.to(device, dtype))  # (r, k)
        self.lora_B = nn.Parameter(B.to(device, dtype))  # (d, r)

    @property
    def scaling(self) -> float:
        """s: it follows from r, alpha and rule, which are saved, and cannot be set itself."""
        return scaling(self.r, self.alpha, self.rule)

    def delta(self) -> torch.Tensor:
        """ΔW = s·B·A, shape (d, k), in float32 or wider."""
        wide = torch.promote_types(self.lora_A.dtype, torch.float32)
        return self.scaling * (self.lora_B.to(wide) @ self.lora_A.to(wide))

    def extra_repr(self) -> str:
        """What torch prints of it."""
        return (f"r={self.r}, alpha={self.alpha:g}, rule={self.rule!r}, scaling={self.scaling:g}, "
                f"dropout={self.dropout:g}")


def check_known(settings: dict) -> None:
    """Raise TypeError for a setting that there is none of; for PEFT's, say what to write."""
    unknown = [key for key in settings if key not in Settings.__annotations__]
    if unknown and all(key in OF_PEFT for key in unknown):
        here = ", ".join(f"{key} is called {OF_PEFT[key]}" for key in unknown)
        raise TypeError(f"here {here}; or give inject all in PEFT's names: inject(model, "
                        "AdapterConfig(r=…, lora_alpha=…, target_modules=…))")
    if unknown:
        raise TypeError(f"{', '.join(unknown)}: there is no such setting, only "
                        f"{', '.join(Settings.__annotations__)}")


def _generator(rng: Draws) -> np.random.Generator:
    """A NumPy generator, with a seed from torch's where none is given."""
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is not None and not isinstance(rng, torch.Generator):
        raise TypeError("rng must be a numpy.random.Generator, a torch.Generator, or None for "
                        f"torch's own, got {rng!r}")
    device = "cpu" if rng is None else rng.device
    seed = torch.randint(2**63 - 1, (), generator=rng, device=device)
    return np.random.default_rng(seed.item())
