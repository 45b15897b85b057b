"""How the best learning rates of LoRA and of full fine-tuning move with the batch, on rotated
digits. All runs see as many pictures, so larger batches have fewer steps.

The losses are stored in ``batch.npz``, which ``make_data.py`` makes.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from lora_edu import Adam, initial
from lora_edu.chapters.shared import digits
from lora_edu.chapters.shared.fits import geometric_mean, vertex
from lora_edu.chapters.shared.mlp import MLP, MLPRuns

BATCHES = (4, 16, 64, 256)
PICTURES = 6400
METHODS = {"in full": 0, "r = 1": 1, "r = 8": 8, "r = 64": 64}  # ranks
ALPHA = 8
ANGLE = 45
RATES = 2.0 ** np.arange(-9, -2.5)
SEEDS = range(5)
FILE = Path(__file__).with_name("batch.npz")


@cache
def losses() -> np.ndarray:
    """The test losses at the end, (METHODS, BATCHES, RATES, SEEDS)."""
    with np.load(FILE) as stored:
        return stored["losses"]


def train(r: int, batch: int, rates, seeds) -> list[float]:
    """The test losses of runs with these rates and seeds. r: 0 for full fine-tuning.

    η falls linearly to 0. A layer that trains in full is W + B·A with A the identity, which stays.
    """
    from lora_edu.chapters.first_r import make_data  # only here: it needs tqdm, the page does not

    data = digits.load(ANGLE)
    X = data.X_train.astype(np.float32)
    model = make_data.model()
    weights, biases = (tuple(part.astype(np.float32) for part in parts)
                       for parts in (model.weights, model.biases))
    steps = PICTURES // batch

    starts = []
    order = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        whole = [(np.eye(W.shape[1]), np.zeros(W.shape)) for W in weights]
        starts.append([initial(*W.shape, r, rng=rng) for W in weights] if r else whole)
        order.append(rng.integers(len(X), size=(steps, batch)))
    order = np.array(order)
    s = np.full(len(seeds), ALPHA / r if r else 1.0, dtype=np.float32)
    stack = MLPRuns(weights, biases, starts, s)

    of_B = np.array(rates, dtype=np.float32)[:, None, None]
    of_A = of_B if r else 0 * of_B
    peaks = [of_A] * len(weights) + [of_B] * len(weights)
    optimiser = Adam(tuple(peaks))
    state = optimiser.init(stack.params)
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(steps):
            left = np.float32(1 - step / steps)
            optimiser = replace(optimiser, lr=tuple(peak * left for peak in peaks))
            seen = order[:, step]
            gradients = stack.gradients(X[seen], data.y_train[seen])
            state = optimiser.update(stack.params, gradients, state)
    return [MLP(stack.merged(run), biases).loss(data.X_test, data.y_test)
            for run in range(len(seeds))]


def best() -> tuple[np.ndarray, np.ndarray]:
    """The best η, geometric means over the seeds, and the least mean losses, (METHODS, BATCHES)."""
    logs = np.log(losses())
    rates = np.exp(vertex(np.log(RATES), np.swapaxes(logs, -1, -2)))
    return geometric_mean(rates), np.exp(logs.mean(axis=-1).min(axis=-1))
