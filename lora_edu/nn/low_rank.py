"""One adapter: A and B, and the scaling s."""

import numpy as np
import torch
from torch import nn

from lora_edu import checks
from lora_edu.adapter import scaling
from lora_edu.init import initial

Draws = np.random.Generator | torch.Generator | int | None
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


class LowRank(nn.Module):
    """The trained matrices ``lora_A`` (r, k) and ``lora_B`` (d, r) of an update ΔW = s·B·A.

    ``scaling`` is s, computed once, from r, alpha and rule.

    Args:
        d, k: The shape of ΔW.
        r, alpha, rule: The rank, α and how s follows from them, see :func:`lora_edu.scaling`.
        rng: A ``numpy.random.Generator``, from which A and B are drawn, or the seed of a new one;
            or a ``torch.Generator``, or None for torch's own (``torch.manual_seed``), which then
            seeds a NumPy generator.
        start, distribution: See :func:`lora_edu.initial`, which draws A and B (in float64).
        dropout: The share of the layer's inputs that is zeroed on their way to A, while training.
        dtype, device: Of A and B; a floating dtype.
        matrices: (A, B), tensors of the right shapes, in place of a draw.

    Raises:
        TypeError, ValueError: As ``scaling`` and ``initial`` do, for another dtype, for a dropout
            outside [0, 1), and for matrices of other shapes or not finite.

    Example:
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
        self.scaling = scaling(r, alpha, rule)  # raises for a bad r, alpha or rule
        self.r = int(r)
        self.alpha = float(alpha)
        self.rule = rule
        self.dropout = checks.number("dropout", dropout, minimum=0.0, below=1.0)
        if dtype not in DTYPES:
            raise TypeError(f"dtype must be a floating torch.dtype, one of {DTYPES}, got {dtype!r}")
        if matrices is None:
            drawn = initial(d, k, r, start, distribution, rng=_generator(rng))
            matrices = tuple(torch.from_numpy(matrix).to(dtype) for matrix in drawn)
        if not (isinstance(matrices, (tuple, list)) and len(matrices) == 2
                and all(isinstance(matrix, torch.Tensor) for matrix in matrices)):
            raise TypeError(f"matrices must be two tensors, A and B, got {matrices!r:.100}")
        A, B = matrices
        if (A.shape, B.shape) != ((r, k), (d, r)):
            raise ValueError(f"matrices must have shapes ({r}, {k}) and ({d}, {r}), got "
                             f"{tuple(A.shape)} and {tuple(B.shape)}")
        check_finite("A in matrices", A.to(dtype))
        check_finite("B in matrices", B.to(dtype))
        self.lora_A = nn.Parameter(A.to(device, dtype))  # (r, k)
        self.lora_B = nn.Parameter(B.to(device, dtype))  # (d, r)

    def delta(self) -> torch.Tensor:
        """ΔW = s·B·A, shape (d, k), in float32 or wider."""
        wide = torch.promote_types(self.lora_A.dtype, torch.float32)
        return self.scaling * (self.lora_B.to(wide) @ self.lora_A.to(wide))

    def extra_repr(self) -> str:
        """What torch prints of it."""
        return (f"r={self.r}, alpha={self.alpha:g}, rule={self.rule!r}, scaling={self.scaling:g}, "
                f"dropout={self.dropout:g}")


def check_finite(place: str, tensor: torch.Tensor) -> None:
    """Raise ValueError for numbers that are not finite."""
    if not tensor.isfinite().all():
        raise ValueError(f"{place} must be finite, got {int((~tensor.isfinite()).sum())} "
                         f"non-finite entries of {tensor.numel()}")


def seeded(rng: Draws) -> np.random.Generator | torch.Generator | None:
    """``rng``, but in place of a seed the NumPy generator that begins with it."""
    if rng is None or isinstance(rng, torch.Generator):
        return rng
    return checks.generator("rng", rng, others="a torch.Generator, ")


def _generator(rng: Draws) -> np.random.Generator:
    """A NumPy generator, with a seed from torch's where none is given."""
    rng = seeded(rng)
    if isinstance(rng, np.random.Generator):
        return rng
    device = "cpu" if rng is None else rng.device
    seed = torch.randint(2**63 - 1, (), generator=rng, device=device)
    return np.random.default_rng(seed.item())
