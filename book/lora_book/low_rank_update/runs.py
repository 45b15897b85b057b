"""A matrix as the sum of outer products."""

import numpy as np


def terms(M: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """M, (d, k), as a sum of outer products, the largest first (Eckart & Young 1936).

    Returns:
        B, (d, m), and A, (m, k), with m = min(d, k) and BA = M. Column and row of a term are
        equally long, the root of its singular value, and the row's sum is not negative.
    """
    U, sigma, Vt = np.linalg.svd(M, full_matrices=False)
    sign = np.where(Vt.sum(axis=1) < 0, -1, 1)  # of column and row, so BA has it twice
    factor = sign * np.sqrt(sigma)
    return U * factor, factor[:, None] * Vt
