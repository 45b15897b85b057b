"""LoRA at many ranks beside what it tends to.

Every run here is of the shared 32 × 32 regression, from a normal A of spread σ = 1/√k and B = 0.
"""

from functools import cache

import numpy as np

from lora_book.beside_full.runs_ratio import whole_paths
from lora_book.shared.path import adapters_of
from lora_book.shared.tasks import task_32
from lora_edu import SGD, Adam, Adapter, initial

RANKS = (4, 16, 32, 64, 256, 1024, 4096)
SEEDS = (0, 1, 2)
STEPS = (1, 2, 5, 10, 30)  # where the runs are looked at
ALPHA = 4.0
SIGMA = 32**-0.5
SGD_RATE = 0.2  # of LoRA with α/√r
ADAM_RATES = (0.0005, 0.002, 0.008)  # of LoRA with α/r
# Of full fine-tuning under Adam; (rates, 1, 1), so that all are run at once.
FULL_RATES = np.geomspace(1e-5, 0.1, 81)[:, None, None]


def full(optimiser, steps: int = max(STEPS)) -> np.ndarray:
    """W − W0 at every step, (steps + 1, …, d, k), where W itself is trained; see whole_paths."""
    return np.array([D.copy() for D in whole_paths(task_32(), optimiser, steps)])


def without_factors(A0: np.ndarray, s: float, lr: float, steps: int = max(STEPS)) -> np.ndarray:
    """ΔW at every step of a LoRA run of SGD from B = 0, (steps + 1, d, k), without A and B.

    What is kept is ΔW, M = s²AᵀA and N = s²BBᵀ, so that a step costs the same at every rank. A
    step is A − η·s·BᵀG and B − η·s·GAᵀ, multiplied out; P, Q and q are those of the theorem
    thm-three-matrices. A0: the start of A, (r, k).
    """
    task = task_32()
    q = lr * s**2
    D = np.zeros(task.shape)
    M = s**2 * A0.T @ A0
    N = np.zeros((len(D), len(D)))
    path = [D]
    for _ in range(steps):
        G = task.gradient(task.W0 + D)
        P = D.T @ G
        Q = D @ G.T
        new_D = D - lr * (G @ M + N @ G) + lr * q * G @ P
        new_M = M - q * (P + P.T) + lr * q * G.T @ N @ G
        new_N = N - q * (Q + Q.T) + lr * q * G @ M @ G.T
        D = new_D
        M = new_M
        N = new_N
        path.append(D)
    return np.array(path)


def adam_path(A: np.ndarray, s: float, lr: float, steps: int = max(STEPS)) -> np.ndarray:
    """ΔW at every step of LoRA under Adam from B = 0, (steps + 1, d, k). A: its start, (r, k)."""
    first = Adapter(A, np.zeros((len(task_32().W0), len(A))), s)
    path = adapters_of(task_32(), first, Adam(lr, eps=1e-30), steps)
    return np.array([adapter.delta() for adapter in path])


def start(r: int, seed: int) -> np.ndarray:
    """A, (r, k), normal with spread SIGMA."""
    return initial(*task_32().shape, r, distribution=SIGMA, rng=np.random.default_rng(seed))[0]


def relative_distance(path: np.ndarray, other: np.ndarray) -> np.ndarray:
    """‖ΔW − ΔW′‖ / ‖ΔW′‖ at each of STEPS, (…, steps): paths with their steps first."""
    path = path[list(STEPS)]
    other = other[list(STEPS)]
    gap = np.linalg.norm(path - other, axis=(-2, -1)) / np.linalg.norm(other, axis=(-2, -1))
    return np.moveaxis(gap, 0, -1)


@cache
def sgd_gaps() -> np.ndarray:
    """How far SGD with α/√r is from full fine-tuning at ηα²σ², (ranks, seeds, steps)."""
    limit = full(SGD(SGD_RATE * (ALPHA * SIGMA)**2))

    def gap(r, seed):
        path = without_factors(start(r, seed), ALPHA / r**0.5, SGD_RATE)
        return relative_distance(path, limit)

    return np.array([[gap(r, seed) for seed in SEEDS] for r in RANKS])


@cache
def adam_gaps(lr: float) -> np.ndarray:
    """How far Adam on A and B with α/r is from full fine-tuning, (ranks, seeds, steps).

    That is to the nearest of FULL_RATES, chosen anew for each of STEPS, in parts of LoRA's ‖ΔW‖.
    """
    whole = full(Adam(FULL_RATES, eps=1e-30)).swapaxes(0, 1)  # rates, steps + 1, d, k

    def gap(r, seed):
        path = adam_path(start(r, seed), ALPHA / r, lr)
        return np.min([relative_distance(other, path) for other in whole], axis=0)

    return np.array([[gap(r, seed) for seed in SEEDS] for r in RANKS])
