"""How the best learning rates of LoRA and of full fine-tuning move with the batch, and the best α
at a fixed rate, on rotated digits. All runs see as many pictures, so larger batches have fewer
steps.

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
ALPHAS = {1 / 32: 2.0 ** np.arange(-3, 6.5), 1 / 128: 2.0 ** np.arange(1, 10.5)}  # at a fixed η
SEEDS = range(5)
FILE = Path(__file__).with_name("batch.npz")


@cache
def losses(tuned: str = "eta") -> np.ndarray:
    """The test losses at the end. tuned: "eta" for (METHODS, BATCHES, RATES, SEEDS), or "alpha" for
    (ALPHAS, METHODS of LoRA, BATCHES, values of α, SEEDS)."""
    with np.load(FILE) as stored:
        return stored[tuned]


def train(r: int, batch: int, lr: float, alpha: float = ALPHA) -> list[float]:
    """The test losses of the runs with these settings, one a seed. r: 0 for full fine-tuning.

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
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        whole = [(np.eye(W.shape[1]), np.zeros(W.shape)) for W in weights]
        starts.append([initial(*W.shape, r, rng=rng) for W in weights] if r else whole)
        order.append(rng.integers(len(X), size=(steps, batch)))
    order = np.array(order)
    s = np.full(len(SEEDS), alpha / r if r else 1.0, dtype=np.float32)
    stack = MLPRuns(weights, biases, starts, s)

    trained = slice(0 if r else len(weights), None)  # of every A and then every B
    optimiser = Adam(lr)
    state = optimiser.init(stack.params[trained])
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(steps):
            optimiser = replace(optimiser, lr=lr * (1 - step / steps))
            seen = order[:, step]
            gradients = stack.gradients(X[seen], data.y_train[seen])
            state = optimiser.update(stack.params[trained], gradients[trained], state)
    return [MLP(stack.merged(run), biases).loss(data.X_test, data.y_test)
            for run in range(len(SEEDS))]


def best(values, losses) -> tuple[np.ndarray, np.ndarray]:
    """The best η or α of those tried, geometric means over the seeds, and the least mean losses.

    values: (n,). losses: (…, n, seeds). Returns two arrays (…).
    """
    logs = np.log(losses)
    each = np.exp(vertex(np.log(values), np.swapaxes(logs, -1, -2)))
    return geometric_mean(each), np.exp(logs.mean(axis=-1).min(axis=-1))
