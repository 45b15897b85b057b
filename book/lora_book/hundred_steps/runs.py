"""The first hundred steps: the singular values of ΔW on the way."""

from functools import cache

import numpy as np

from lora_book.shared import word_run
from lora_book.shared.path import adapters_of
from lora_book.shared.tasks import task_32
from lora_edu import Adapter, initial, optimiser

OPTIMISERS = ("SGD", "Momentum", "Adam")
SPECTRUM_STEPS = 60
SPECTRUM_RATES = dict(zip(OPTIMISERS, (0.1, 0.02, 0.01), strict=True))
WORD_RATES = {"SGD": 0.06, "Adam": 0.15}  # of the runs that write the word LoRA


@cache
def spectrum_path(optimiser_name: str, r: int) -> np.ndarray:
    """Singular values of ΔW at steps 0 … SPECTRUM_STEPS, (steps + 1, r), from the paper's start,
    s = 2, at the optimiser's SPECTRUM_RATES."""
    A, B = initial(*task_32().shape, r, rng=np.random.default_rng(1))
    path = adapters_of(task_32(), Adapter(A, B, 2.0), optimiser(
        optimiser_name, lr=SPECTRUM_RATES[optimiser_name]), SPECTRUM_STEPS)
    return np.array([singular_values(adapter.delta(), r) for adapter in path])


def word_by(lora, optimiser_name: str, t: int) -> Adapter:
    """The adapter that writes the word, at step t, as a text of lora.py trains it from the same
    start.

    Raises:
        ValueError: where its numbers are none.
    """
    task = word_run.task()
    first = word_run.written()[0]
    rule = {"SGD": lora.sgd, "Adam": lora.adam}[optimiser_name]
    A, B, _ = lora.train(task.X.copy(), task.X @ task.W_star.T, task.W0.copy(), first.A.copy(),
                         first.B.copy(), first.scaling, WORD_RATES[optimiser_name], t, rule)
    return Adapter(A, B, first.scaling)


def singular_values(matrix: np.ndarray, count: int) -> np.ndarray:
    """The largest singular values, (count,), in falling order."""
    return np.linalg.svd(matrix, compute_uv=False)[:count]
