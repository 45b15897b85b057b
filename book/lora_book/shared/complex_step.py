"""Gradients by the complex step, for the checks of exercises."""

import numpy as np

STEP = 1e-20  # nothing is subtracted, so no step is too small


def gradients(loss, matrices: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """{"∇A": …} for matrices {"A": …}. loss: a function of the matrices by name, also complex."""
    result = {}
    for name, matrix in matrices.items():
        gradient = np.empty_like(matrix)
        for index in np.ndindex(matrix.shape):
            moved = matrix.astype(complex)
            moved[index] += STEP * 1j
            gradient[index] = loss(**matrices | {name: moved}).imag / STEP
        result[f"∇{name}"] = gradient
    return result
