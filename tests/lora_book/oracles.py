"""What several tests of the chapters measure with."""

from types import SimpleNamespace

import numpy as np

from lora_edu import Regression


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


def minibatches(task, size):
    """A regression as a problem whose every call has other ``size`` of its inputs."""
    rng = np.random.default_rng(0)

    def loss_and_gradient(W):
        X = task.X[rng.integers(len(task.X), size=size)]
        return Regression(task.W0, task.W_star, X).loss_and_gradient(W)

    return SimpleNamespace(W0=task.W0, loss_and_gradient=loss_and_gradient)
