"""One adapter in torch: A, B and the numbers that go with them.

Imports torch and the NumPy core.
"""

from __future__ import annotations

import torch
from torch import nn

from lora_edu import _check
from lora_edu.adapter import scaling
from lora_edu.init import initial


class LowRank(nn.Module):
    """The trained matrices ``lora_A`` (r, k) and ``lora_B`` (d, r) of an update ΔW = s·B·A.

    d, k: the shape of ΔW. r, alpha, rule: see :func:`lora_edu.scaling`, which gives ``scaling``.
    start, distribution, rng: see :func:`lora_edu.initial`, which draws A and B (in float64).
    matrices: (A, B), tensors of the right shapes, in place of a draw; rng is then not needed.
    dropout: the share of the layer's inputs that is zeroed on their way to A, while training.
    dtype, device: of A and B.

    Raises TypeError or ValueError as ``scaling`` and ``initial`` do, and for a dropout outside
    [0, 1) or a dtype that is not floating.
    """

    def __init__(self, d: int, k: int, r: int, alpha: float, *, rng=None, rule: str = "lora",
                 start: str = "A random, B zero", distribution: str | float = "kaiming_uniform",
                 dropout: float = 0.0, dtype: torch.dtype = torch.float32, device=None,
                 matrices: tuple[torch.Tensor, torch.Tensor] | None = None):
        super().__init__()
        self.scaling = scaling(r, alpha, rule)
        self.r, self.alpha, self.rule = int(r), float(alpha), rule
        self.dropout = _check.number("dropout", dropout, minimum=0.0, below=1.0)
        if not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
            raise TypeError(f"dtype must be a floating torch.dtype, got {dtype!r}")
        A, B = matrices or map(torch.from_numpy, initial(d, k, r, start, distribution, rng=rng))
        self.lora_A = nn.Parameter(A.to(device, dtype))  # (r, k)
        self.lora_B = nn.Parameter(B.to(device, dtype))  # (d, r)

    def delta(self) -> torch.Tensor:
        """ΔW = s·B·A, shape (d, k), in float32 or wider."""
        wide = torch.promote_types(self.lora_A.dtype, torch.float32)
        return self.scaling * (self.lora_B.to(wide) @ self.lora_A.to(wide))

    def extra_repr(self) -> str:
        return (f"r={self.r}, alpha={self.alpha:g}, rule={self.rule!r}, scaling={self.scaling:g}, "
                f"dropout={self.dropout:g}")
