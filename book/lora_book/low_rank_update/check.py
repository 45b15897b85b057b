"""The check of the chapter A low-rank update."""

from unittest import mock

import numpy as np

from lora_book.shared.verdict import TOL, NotYet, array, ask, check


@check
def best_approximation(approximate) -> str:
    """Check a function (M, r) → the best matrix of rank at most r, without NumPy's SVD.

    The oracle is Eckart and Young's optimality itself: the result must have rank at most r, and
    its error must be the root of the sum of the squared singular values that are left out, taken
    from the eigenvalues of MMᵀ.
    """
    rng = np.random.default_rng(0)
    forbidden = NotYet("Solve the exercise without np.linalg.svd.")
    for (d, k), r in (((6, 9), 2), ((8, 5), 3), ((6, 9), 1)):
        M = (3.0 ** -np.arange(d))[:, None] * rng.normal(size=(d, k))
        with mock.patch.object(np.linalg, "svd", side_effect=forbidden):
            answer = array("The result", ask(approximate, M, r))
        if answer.shape != M.shape:
            raise NotYet(f"The result has shape {answer.shape}, but should have {M.shape}.")
        slack = TOL * np.linalg.norm(M)
        rank = np.linalg.matrix_rank(answer, tol=slack)
        if rank > r:
            raise NotYet(f"With r = {r}, the result has rank {rank}, but at most {r} is allowed.")
        least = np.sqrt(np.sort(np.linalg.eigvalsh(M @ M.T))[:-r].clip(0).sum())
        error = np.linalg.norm(M - answer)
        if error > least + slack:
            raise NotYet(f"With r = {r}, the error is {error:.3g}, "
                         f"but {least:.3g} is possible.")
    return "the rank is at most r, and no matrix of such a rank has a smaller error."
