"""The checks of the chapter A low-rank update. Imports NumPy and the verdicts."""

from __future__ import annotations

import numpy as np

from lora_edu.checks.verdict import compare, verdict


def best_approximation(approximate) -> bool:
    """Check a function (M, r) → the best matrix of rank at most r.

    The oracle is Eckart and Young's optimality itself: the result must have rank at most r, and
    its error must be the root of the sum of the squared singular values that are left out, taken
    from the eigenvalues of MMᵀ.
    """
    rng = np.random.default_rng(0)
    M, r = rng.normal(size=(6, 9)) @ np.diag(3.0 ** -np.arange(9)), 2
    given = approximate(M, r)
    if given is None:
        print("Not answered yet: the function returned None.")
        return False
    given = np.asarray(given, dtype=float)
    if given.shape != M.shape:
        return verdict([f"The result has shape {given.shape}, it must have {M.shape}."], "")
    problems = []
    rank = np.linalg.matrix_rank(given, tol=1e-9)
    if rank > r:
        problems.append(f"The result has rank {rank}, at most {r} is allowed.")
    least = np.sqrt(np.sort(np.linalg.eigvalsh(M @ M.T))[:-r].sum())
    error = np.linalg.norm(M - given)
    if error > least * (1 + 1e-9):
        problems.append(f"Its error is {error:.3g}, the least possible is {least:.3g}.")
    return verdict(problems, f"rank {r}, and no matrix of that rank has a smaller error.")


def trainable_parameters(count) -> bool:
    """Check a function (shapes, r) → the number of entries of A and B over all matrices.

    shapes: a list of (d, k). The oracle makes the matrices and counts their entries.
    """
    problems = []
    for shapes, r in (([(7, 7)], 3), ([(64, 16), (16, 64), (5, 9)], 4), ([(4096, 1024)] * 3, 8)):
        want = sum(np.zeros((r, k)).size + np.zeros((d, r)).size for d, k in shapes)
        given = count(list(shapes), r)
        problems += [f"For r = {r}: {p}" for p in compare(f"the count for {shapes[0]}, …", given,
                                                          want, "which side is missing?")]
        if problems:
            break
    return verdict(problems, "the count agrees for square, oblong and several matrices.")
