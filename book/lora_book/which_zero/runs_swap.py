"""The swap, twice: on a word and on the word turned on its side, and on tasks whose inputs fill few
directions."""

from functools import cache

import numpy as np

from lora_book.shared.word import word
from lora_book.shared.word_run import LR, SIGMA, STEPS, R
from lora_edu import STARTS, Adam, Regression, sweep

SIDE = 64
DIRECTIONS = (4, 8, 16, 32, 64)
N_TASKS = 12
RATES = np.geomspace(0.003, 0.5, 16).round(4)


def in_order(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left @ right, (n, m), added up outer product by outer product.

    A turned product then adds the same numbers in the same order, and has the same bits. With
    ``@`` the order is up to the library.
    """
    return sum(np.multiply.outer(left[:, i], right[i]) for i in range(len(right)))


def learn(A: np.ndarray, B: np.ndarray, wanted: np.ndarray, optimiser) -> list[tuple]:
    """(A, B) at the start and after each of thirty steps on L = ‖BA − wanted‖²/2.

    A, B, wanted: (r, k), (d, r) and (d, k). optimiser: an optimiser of ``lora_edu``.
    """
    state = optimiser.init([A, B])
    pairs = [(A, B)]
    for _ in range(STEPS[-1]):  # STEPS are those that are shown
        G = in_order(B, A) - wanted
        (A, B), state = optimiser.step([A, B], [in_order(B.T, G), in_order(G, A.T)], state)
        pairs.append((A, B))
    return pairs


@cache
def both() -> tuple[list[tuple], list[tuple]]:
    """The run from A random and B zero, and that from (Bᵀ, Aᵀ) on the turned word.

    Each is trained by itself, as :func:`learn` does.
    """
    wanted = word()
    d, k = wanted.shape
    optimiser = Adam(LR)
    A = np.random.default_rng(1).normal(0, SIGMA, (R, k))
    B = np.zeros((d, R))
    return learn(A, B, wanted, optimiser), learn(B.T, A.T, wanted.T, optimiser)


@cache
def narrow_task(m: int, seed: int, d: int = SIDE, k: int = SIDE) -> Regression:
    """A d × k task of rank 4 whose inputs fill m of the k directions, all alike."""
    rng = np.random.default_rng(seed)
    S = rng.normal(size=(d, 4)) @ rng.normal(size=(4, k))
    # (m, k): orthogonal inputs, each as long as a white one is in the mean.
    X = np.sqrt(k) * np.linalg.qr(rng.normal(size=(k, m)))[0].T
    return Regression(np.zeros((d, k)), S / np.linalg.norm(S), X)


@cache
def losses_left(steps: int) -> np.ndarray:
    """The loss that A random and B random leave on :func:`narrow_task`, as a share of its start.

    After steps of Adam, with r = 4 and σ = 1/8 for both, at each start's own best of RATES:
    (DIRECTIONS, N_TASKS, 2).
    """
    left = np.empty((len(DIRECTIONS), N_TASKS, 2))
    for i, seed in np.ndindex(left.shape[:2]):
        draw = 100 + seed  # other numbers than the task's
        runs = sweep(narrow_task(DIRECTIONS[i], seed), r=4, alpha=4, lr=RATES, start=STARTS[:2],
                     seed=draw, distribution=SIDE**-0.5, steps=steps)
        loss = runs.select(r=4, alpha=4, seed=draw).loss  # (rates, starts, steps + 1)
        left[i, seed] = (loss[..., -1] / loss[..., 0]).min(axis=0)
    return left
