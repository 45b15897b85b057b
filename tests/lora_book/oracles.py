"""What several tests of the chapters measure with."""

from types import SimpleNamespace

import numpy as np
import torch

from lora_book.first_r import make_data
from lora_book.shared import digits
from lora_edu import Regression, initial


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


def digits_by_torch(r, batch, rates, seed, alpha=8):
    """The test loss of one run of the digits at 45° by torch's modules and Adam, a rate for each
    step, and how far each A moved in lengths of its start. r: 0 for full fine-tuning."""
    model = make_data.model()
    data = digits.load(45)
    rng = np.random.default_rng(seed)
    pairs = [initial(*W.shape, r, rng=rng) if r else (np.eye(1), W) for W in model.weights]
    A, B = ([torch.tensor(part, requires_grad=True) for part in parts]
            for parts in zip(*pairs, strict=True))

    def loss_on(X, y):
        X = torch.tensor(X)
        for i, (W, b) in enumerate(zip(model.weights, model.biases, strict=True)):
            weight = torch.tensor(W) + alpha / r * B[i] @ A[i] if r else B[i]
            X = torch.nn.functional.linear(X if i == 0 else X.relu(), weight, torch.tensor(b))
        return torch.nn.functional.cross_entropy(X, torch.tensor(y))

    optimiser = torch.optim.Adam([*A, *B] if r else B)
    batches = rng.integers(len(data.X_train), size=(len(rates), batch))
    for rate, pictures in zip(rates, batches, strict=True):
        optimiser.param_groups[0]["lr"] = rate
        optimiser.zero_grad()
        loss_on(data.X_train[pictures], data.y_train[pictures]).backward()
        optimiser.step()
    moves = [apart(end.detach().numpy(), start)
             for end, (start, _) in zip(A, pairs, strict=True)]
    return loss_on(data.X_test, data.y_test).item(), moves
