"""What several tests of the chapters measure with."""

import numpy as np


def span(values) -> tuple[float, float]:
    """The least and the largest."""
    return np.min(values), np.max(values)


def apart(path, other) -> float:
    """Their distance, over the length of the second."""
    return np.linalg.norm(path - other) / np.linalg.norm(other)


def of_rank(M, r):
    """The nearest matrix of rank r."""
    U, sigma, Vt = np.linalg.svd(M, full_matrices=False)
    return (U[:, :r] * sigma[:r]) @ Vt[:r]


def adam_step(memory, gradients, t, lr, eps) -> list:
    """Adam's steps at the time t = 1, 2, …; memory: [mean, mean square] of each gradient."""
    steps = []
    for moments, gradient in zip(memory, gradients, strict=True):
        moments[0] = 0.9 * moments[0] + 0.1 * gradient
        moments[1] = 0.999 * moments[1] + 0.001 * gradient**2
        mean = moments[0] / (1 - 0.9**t)
        square = moments[1] / (1 - 0.999**t)
        steps.append(-lr * mean / (np.sqrt(square) + eps))
    return steps
