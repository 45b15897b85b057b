"""How curved the loss is at a start: the largest eigenvalue of the Hessian in A and B.

Imports NumPy, torch and SciPy (which comes with scikit-learn).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh


def top_curvature(loss: Callable, at: list[torch.Tensor], tolerance: float = 1e-4) -> float:
    """The largest eigenvalue of the Hessian of ``loss`` at ``at``, by Lanczos' method.

    loss: list of tensors → a tensor of one number. at: the trained matrices. tolerance: relative,
    of the eigenvalue. Nothing but products of the Hessian with vectors is formed.
    """
    gradient = torch.func.grad(loss)
    size = sum(part.numel() for part in at)

    def product(v: np.ndarray) -> np.ndarray:
        vector = torch.from_numpy(v.ravel()).to(at[0].dtype)
        move = [part.view_as(one) for part, one in
                zip(vector.split([part.numel() for part in at]), at, strict=True)]

        def along(params):  # ⟨∇L, v⟩, whose gradient is the Hessian times v
            return sum((a * b).sum() for a, b in zip(gradient(params), move, strict=True))

        return torch.cat([part.flatten() for part in torch.func.grad(along)(at)]).double().numpy()

    start = np.random.default_rng(0).normal(size=size)  # eigsh would draw one by itself
    operator = LinearOperator((size, size), matvec=product, dtype=np.float64)
    return float(eigsh(operator, k=1, which="LA", v0=start, tol=tolerance,
                       return_eigenvectors=False)[0])
