"""A wide layer between narrow ends: how the best learning rate moves with the width. The layer's
weight is n × n. It sees m inputs of n numbers each, and p readouts look at its outputs, so a run
costs n and not n²: widths of thousands are in reach. Transposing the weight exchanges inputs and
readouts; with p = m their law is the same, and so the task has no preference for A or for B."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from lora_edu import Adam, parallel, stacked_runs
from lora_edu.chapters.shared.fits import vertex

WIDTHS = (64, 128, 256, 512, 1024, 2048)
ENDS, R, STEPS, SEEDS = 8, 4, 32, 10
RATES = tuple(float(f"{digits}e{decade}") for decade in (-4, -3, -2, -1)
              for digits in (1, 1.5, 2.2, 3.3, 4.7, 6.8) if digits * 10.0**decade < 0.4)
MATRICES = ("A random", "B random")
SPREADS = ("1/√n", "1/√r")  # standard deviations


@dataclass(frozen=True, eq=False)
class WideLayer:
    """L(W) = ‖P·W·Xᵀ − T‖² / (2m): m inputs, p readouts, and the change that they ask for.

    X: (m, n), inputs, one a row. P: (p, n), readouts, one a row. target: T, (p, m).
    W0 is zero: the loss sees only W − W0. So G = Pᵀ·(P·W·Xᵀ − T)·X/m.
    """

    X: np.ndarray
    P: np.ndarray
    target: np.ndarray

    @property
    def W0(self) -> np.ndarray:
        """The frozen weight, (n, n)."""
        return np.zeros((self.P.shape[1], self.X.shape[1]))

    def loss_and_gradient(self, W) -> tuple[float, np.ndarray]:
        """(L, G) at ``W`` (n, n)."""
        error = self.P @ W @ self.X.T - self.target  # (p, m)
        return (error**2).sum() / (2 * len(self.X)), self.P.T @ (error @ self.X) / len(self.X)


def draw(n: int, seed: int, ends: int = ENDS, r: int = R) -> tuple[WideLayer, np.ndarray]:
    """A task with ``ends`` inputs and readouts, and the random matrix Z, (r, n), of spread 1.

    Inputs and targets are N(0, 1), readouts N(0, 1/n).
    """
    rng = np.random.default_rng(seed)
    X, P = rng.normal(size=(ends, n)), rng.normal(size=(ends, n)) / np.sqrt(n)
    return WideLayer(X, P, rng.normal(size=(ends, ends))), rng.normal(size=(r, n))


def pair(random: str, spread: str, Z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(A, B), shapes (r, n) and (n, r): one of them zero, the other made of ``Z`` (r, n).

    random, spread: names of :data:`MATRICES` and :data:`SPREADS`.
    """
    r, n = Z.shape
    Z = Z * {SPREADS[0]: n**-0.5, SPREADS[1]: r**-0.5}[spread]
    return (Z, np.zeros((n, r))) if random == MATRICES[0] else (np.zeros((r, n)), Z.T)


class WideRuns:
    """Runs of one wide layer; ``reach`` collects rms(A·x) at each step, (R,) each.

    ``pairs``: the last A, (R, r, n), and Bt = Bᵀ, (R, r, n).
    """

    def __init__(self, s, layer: WideLayer):
        self.s, self.layer, self.reach, self.pairs = s[:, None, None], layer, [], None

    def measure(self, A, Bt) -> tuple:
        """As ``stacked_runs.RegressionRuns``; nothing of shape (n, n) is formed."""
        self.pairs = A, Bt
        X, P, T, s = self.layer.X, self.layer.P, self.layer.target, self.s
        m = len(X)
        AX, BP = A @ X.T, Bt @ P.T  # (R, r, m), (R, r, p)
        change = s * (BP.transpose(0, 2, 1) @ AX)  # (R, p, m): P·ΔW·Xᵀ
        error = change - T
        self.reach.append(np.sqrt((AX**2).mean(axis=(1, 2))))
        gram = (Bt @ Bt.transpose(0, 2, 1)) * (A @ A.transpose(0, 2, 1))
        return ((s / m * (BP @ error) @ X, s / m * (AX @ error.transpose(0, 2, 1)) @ P),
                ((error**2).sum(axis=(1, 2)) / (2 * m), s[:, 0, 0]**2 * gram.sum(axis=(1, 2)),
                 (change * T).sum(axis=(1, 2)) / m))


def train_rates(layer: WideLayer, A, B, rates, steps: int = STEPS,
                ratio: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Adam from (A, B), s = 1, at every rate: (loss, rms(A·x)), (rates, steps + 1) each.

    rates: A's learning rates; B's are ``ratio`` times as large. A run that stops being finite is
    inf from there on.
    """
    chunk = max(1, 2**21 // (5 * 8 * (A.size + B.size)))  # stays in the cache
    losses, reaches = [], []
    for i in range(0, len(rates), chunk):
        runs, loss = _train(layer, A, B, rates[i:i + chunk], steps, ratio)
        losses.append(loss)
        reaches.append(np.where(np.isfinite(loss), np.array(runs.reach).T, np.inf))
    return np.concatenate(losses), np.concatenate(reaches)


def last(layer: WideLayer, A, B, lr: float, steps: int = STEPS) -> tuple[np.ndarray, np.ndarray]:
    """(A, B) after so many steps of Adam at one rate, s = 1."""
    A, Bt = _train(layer, A, B, [lr], steps)[0].pairs
    return A[0], Bt[0].T


def _train(layer, A, B, rates, steps, ratio=1.0) -> tuple[WideRuns, np.ndarray]:
    """The runs when they have ended, and their losses, (rates, steps + 1)."""
    count, lr = len(rates), np.array(rates)[:, None, None]
    runs = WideRuns(np.ones(count), layer)
    start = np.repeat(A[None], count, 0), np.repeat(B.T[None], count, 0)
    return runs, stacked_runs.train_runs(runs, *start, Adam((lr, ratio * lr)), steps)[:, 0]


@dataclass(frozen=True, eq=False)
class Study:
    """All runs: ``loss`` as a share of its start, and ``reach`` = rms(A·x).

    Both (widths, matrices, spreads, seeds, rates, steps + 1), in the order of the constants.
    """

    loss: np.ndarray
    reach: np.ndarray


@cache
def study(widths: tuple[int, ...] = WIDTHS, seeds: int = SEEDS) -> Study:
    """Train every width, matrix, spread, seed and rate; some seconds the first time."""
    shape = (len(widths), len(MATRICES), len(SPREADS), seeds)
    loss, reach = np.empty((2, *shape, len(RATES), STEPS + 1))

    def trained(index):
        width, random, spread, seed = index
        layer, Z = draw(widths[width], seed)
        with parallel.one_blas_thread():
            return train_rates(layer, *pair(MATRICES[random], SPREADS[spread], Z), RATES)

    for index, (losses, reaches) in parallel.outcomes(trained, np.ndindex(shape)):
        loss[index], reach[index] = losses / losses[:1, :1], reaches
    return Study(loss, reach)


def best_rates(loss: np.ndarray) -> np.ndarray:
    """The rate of least loss for each curve (…, rates), by a parabola in log η and log loss."""
    return np.exp(vertex(np.log(RATES), np.log(np.clip(loss, 1e-12, 1e6))))


@cache
def after(steps: int) -> dict[str, np.ndarray]:
    """What the study says after so many steps.

    ``curve``: median loss as a share of its start, (widths, matrices, spreads, rates). ``best``:
    the best rate of each task; ``least`` and ``reach``: loss and rms(A·x) at the best rate of the
    grid; (widths, matrices, spreads, seeds) each.
    """
    loss, reach = study().loss[..., steps], study().reach[..., steps]
    at = loss.argmin(axis=-1)[..., None]
    return {"curve": np.median(loss, axis=3), "best": best_rates(loss),
            "least": np.take_along_axis(loss, at, -1)[..., 0],
            "reach": np.take_along_axis(reach, at, -1)[..., 0]}
