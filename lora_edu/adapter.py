"""The adapter itself: ΔW = s·B·A, its forward pass, its gradients, and merging.

Notation is the paper's (Hu et al. 2021, section 4.1): ``W0`` is the frozen weight, shape
(d, k) = (out, in); ``A`` is (r, k); ``B`` is (d, r); ``s`` the scaling.
"""

import math
from dataclasses import dataclass

import numpy as np

from lora_edu import checks

RULES = {
    "lora": lambda r, alpha: alpha / r,  # Hu et al. 2021, section 4.1
    "rslora": lambda r, alpha: alpha / math.sqrt(r),  # Kalajdzievski 2023, equation 4
    "none": lambda r, alpha: alpha,
}


def scaling(r: int, alpha: float, rule: str = "lora") -> float:
    """The factor ``s`` in front of B·A.

    Args:
        r: The rank, at least 1. It may exceed min(d, k), but is then no longer low.
        alpha: A number above 0.
        rule: ``"lora"`` (α/r), ``"rslora"`` (α/√r) or ``"none"`` (α).

    Example:
        >>> scaling(8, 16), scaling(4, 16, "rslora"), scaling(8, 16, "none")
        (2.0, 8.0, 16.0)
    """
    checks.choice("rule", rule, RULES)
    r = checks.integer("r", r, minimum=1)
    alpha = checks.number("alpha", alpha, above=0.0)
    s = float(RULES[rule](r, alpha))
    if s == 0.0:
        raise ValueError(f"alpha must be large enough for a scaling above 0 at r = {r}, "
                         f"got {alpha!r}")
    return s


@dataclass(frozen=True, eq=False, repr=False)
class Adapter(checks.ReadOnly):
    """A low-rank update ΔW = scaling · B · A of a frozen matrix.

    A and B are read-only copies, so the values that were checked cannot change later.

    Args:
        A: (r, k).
        B: (d, r).
        scaling: A positive number, see :func:`scaling`.

    Example:
        >>> adapter = Adapter(A=[[1.0, 2.0]], B=[[3.0], [0.0]], scaling=0.5)
        >>> adapter
        <Adapter of a (2, 2) matrix: r = 1, scaling = 0.5>
        >>> adapter.delta()
        array([[1.5, 3. ],
               [0. , 0. ]])
    """

    A: np.ndarray
    B: np.ndarray
    scaling: float

    def __post_init__(self):
        A = checks.matrix("A", self.A)
        if A.shape[0] == 0:
            raise ValueError(f"A must have at least one row (r ≥ 1), got shape {A.shape}")
        B = checks.matrix("B", self.B, (None, A.shape[0]))
        object.__setattr__(self, "A", checks.read_only(A))
        object.__setattr__(self, "B", checks.read_only(B))
        object.__setattr__(self, "scaling", checks.number("scaling", self.scaling, above=0.0))

    def __repr__(self) -> str:
        return f"<Adapter of a {self.shape} matrix: r = {self.r}, scaling = {self.scaling:g}>"

    @property
    def r(self) -> int:
        """The rank, as many as A has rows and B has columns."""
        return self.A.shape[0]

    @property
    def shape(self) -> tuple[int, int]:
        """(d, k), the shape of ΔW and of the weight it belongs to."""
        return self.B.shape[0], self.A.shape[1]

    def delta(self) -> np.ndarray:
        """ΔW = s·B·A, shape (d, k)."""
        return self.scaling * (self.B @ self.A)

    def merge(self, W0) -> np.ndarray:
        """W0 + ΔW, shape (d, k); ``W0`` is not modified."""
        return checks.matrix("W0", W0, self.shape) + self.delta()

    def forward(self, X, W0) -> np.ndarray:
        """H = X·W0ᵀ + s·(X·Aᵀ)·Bᵀ, shape (n, d), without ever forming ΔW: equation 3 of the paper.

        X (n, k) has one example a row; W0 is (d, k).
        """
        X = checks.matrix("X", X, (None, self.shape[1]))
        W0 = checks.matrix("W0", W0, self.shape)
        return X @ W0.T + self.scaling * (X @ self.A.T @ self.B.T)  # (n, d)

    def gradients(self, G) -> tuple[np.ndarray, np.ndarray]:
        """(∇A, ∇B) = (s·Bᵀ·G, s·G·Aᵀ) from G = ∂L/∂W (d, k), shapes (r, k) and (d, r).

        Each gradient is multiplied by the *other* matrix, so a zero matrix makes the gradient of
        the other one zero, not its own.
        """
        G = checks.matrix("G", G, self.shape)
        return self.scaling * (self.B.T @ G), self.scaling * (G @ self.A.T)
