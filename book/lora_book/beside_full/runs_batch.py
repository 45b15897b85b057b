"""How the best learning rates of LoRA and of full fine-tuning move with the batch, and the best α
at a fixed rate, on rotated digits. All runs see as many pictures, so larger batches have fewer
steps.

The losses are stored in ``batch.npz``, which ``make_data.py`` makes.
"""

from functools import cache
from pathlib import Path

import numpy as np

from lora_book.shared.fits import geometric_mean, vertex

BATCHES = (4, 16, 64, 256)
PICTURES = 6400
METHODS = {"full fine-tuning": 0, "r = 1": 1, "r = 8": 8, "r = 64": 64}  # ranks
ALPHA = 8
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

    η falls linearly to 0.
    """
    # only here: it needs tqdm, the page does not
    from lora_book.first_r.make_data import test_losses

    return test_losses(r, alpha / r if r else 1.0, lr, SEEDS, steps=PICTURES // batch, batch=batch)


def best(values, losses) -> tuple[np.ndarray, np.ndarray]:
    """The best η or α of those tried, geometric means over the seeds, and the least mean losses.

    values: (n,). losses: (…, n, seeds). Returns two arrays (…).
    """
    logs = np.log(losses)
    each = np.exp(vertex(np.log(values), np.swapaxes(logs, -1, -2)))
    return geometric_mean(each), np.exp(logs.mean(axis=-1).min(axis=-1))
