"""Trains the map of the chapter The first r you try anew, in about five minutes of one core:

    python -m lora_book.first_r.make_data
"""

from functools import cache

import numpy as np
from tqdm import tqdm

from lora_book.shared import digits, mlp
from lora_book.shared.digits_map import FILE, LOST, SEEDS, TASKS, keys


@cache
def model():
    """The MLP that the map adapts: pretrained on upright digits."""
    upright = digits.load()
    return mlp.pretrain(upright.X_train, upright.y_train)


def train(task: str, r: int, s: float, rates=None, seeds=SEEDS, optimiser=None) -> np.ndarray:
    """Train what :func:`losses` reads, for the given rates and seeds.

    Defaults of rates and optimiser are the task's.
    """
    part = TASKS[task]
    rates = part.rates if rates is None else rates
    data = digits.load(part.angle)
    scale, lr, seed = zip(*((s, lr, seed) for lr in rates for seed in seeds), strict=True)
    ends = mlp.adapt(model(), data.X_train, data.y_train, r=r, s=scale, lr=lr, seed=seed,
                     schedule=mlp.falling if part.decay else mlp.constant,
                     optimiser=optimiser or part.optimiser, dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        losses = np.array([end.loss(data.X_train, data.y_train) for end in ends], dtype=float)
    losses = np.where(np.isfinite(losses), np.minimum(losses, LOST), LOST)
    return losses.reshape(len(rates), len(seeds))


def test_losses(r: int, s: float, lr: float, seeds, **settings) -> list[float]:
    """The losses on the test pictures, turned by 45°, of a run for each seed.

    settings: others of :func:`mlp.adapt`.
    """
    data = digits.load(45)
    count = len(seeds)
    ends = mlp.adapt(model(), data.X_train, data.y_train, r=r, s=[s] * count, lr=[lr] * count,
                     seed=seeds, dtype=np.float32, **settings)
    return [end.loss(data.X_test, data.y_test) for end in ends]


def main() -> None:
    """Train the whole map and write it, as float16: three digits are enough."""
    saved = {}
    for i, task in enumerate(TASKS):
        losses = [train(task, r, s) for r, s in tqdm(keys(task), desc=task)]
        saved[f"task{i}"] = np.array(losses, dtype=np.float16)
        np.savez_compressed(FILE, **saved)


if __name__ == "__main__":
    main()
