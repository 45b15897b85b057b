"""A wide layer between narrow ends: how the best learning rate moves with the width. The layer's
weight is n × n. It sees m inputs of n numbers each, and p readouts look at its outputs, so a run
costs n and not n²: widths of thousands are in reach. Transposing the weight exchanges inputs and
readouts; with p = m their law is the same, and so the task has no preference for A or for B."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from lora_book.shared.fits import best_rate
from lora_edu import Adam, stacked_runs

WIDTHS = (64, 128, 256, 512, 1024, 2048)
N_ENDS = 8  # inputs of the layer, and as many readouts
R = 4
STEPS = 32
N_SEEDS = 10
KEPT = (1, 2, 4, 8, 16, 32)  # steps after which the losses are stored
LOST = 1e30  # what is stored of a loss that is larger, or not finite
FILE = Path(__file__).parent / "data" / "wide.npz"
RATES = tuple(float(f"{digits}e{decade}") for decade in (-4, -3, -2, -1)
              for digits in (1, 1.5, 2.2, 3.3, 4.7, 6.8) if digits * 10.0**decade < 0.4)
MATRICES = ("A random", "B random")
SPREADS = ("1/√n", "1/√r")  # standard deviations


@dataclass(frozen=True, eq=False)
class WideLayer:
    """L(W) = ‖P·W·Xᵀ − T‖² / (2m): m inputs, p readouts, and the change that they ask for.

    The frozen weight is zero, for the loss sees only how W changes.

    Attributes:
        X: Inputs, one a row, (m, n).
        P: Readouts, one a row, (p, n).
        target: T, (p, m).
    """

    X: np.ndarray
    P: np.ndarray
    target: np.ndarray

    @property
    def W0(self) -> np.ndarray:
        """The frozen weight, (n, n)."""
        return np.zeros((self.P.shape[1], self.X.shape[1]))

    def loss_and_gradient(self, W) -> tuple[float, np.ndarray]:
        """(L, G) at ``W`` (n, n), with G = Pᵀ·(P·W·Xᵀ − T)·X/m."""
        error = self.P @ W @ self.X.T - self.target  # (p, m)
        return (error**2).sum() / (2 * len(self.X)), self.P.T @ (error @ self.X) / len(self.X)


def draw_task(n: int, seed: int) -> tuple[WideLayer, np.ndarray]:
    """A layer n wide with N_ENDS inputs and readouts, and a random matrix Z, (R, n), N(0, 1).

    Its inputs and targets are N(0, 1) and its readouts N(0, 1/n).
    """
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N_ENDS, n))
    P = rng.normal(size=(N_ENDS, n)) / np.sqrt(n)
    return WideLayer(X, P, rng.normal(size=(N_ENDS, N_ENDS))), rng.normal(size=(R, n))


def start_pair(random: str, spread: str, Z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A start (A, B), shapes (r, n) and (n, r): one matrix zero, the other made of ``Z``.

    random: a name of :data:`MATRICES`. spread: a name of :data:`SPREADS`. Z: (r, n), N(0, 1).
    """
    r, n = Z.shape
    Z = Z * {SPREADS[0]: n**-0.5, SPREADS[1]: r**-0.5}[spread]
    return (Z, np.zeros((n, r))) if random == MATRICES[0] else (np.zeros((r, n)), Z.T)


class _WideRuns:
    """For ``stacked_runs.train_runs``: R runs of one layer, s = 1, without an (n, n) matrix.

    ``pairs`` is the last A and Bᵀ, (R, r, n) each.
    """

    def __init__(self, layer: WideLayer):
        self.layer = layer
        self.pairs = None

    def measure(self, A, Bt) -> tuple:
        self.pairs = A, Bt
        X = self.layer.X
        P = self.layer.P
        m = len(self.layer.X)
        AX = A @ X.T  # (R, r, m)
        BP = Bt @ P.T  # (R, r, p)
        error = BP.transpose(0, 2, 1) @ AX - self.layer.target  # (R, p, m)
        loss = (error**2).sum(axis=(1, 2)) / (2 * m)
        return (((BP @ error) @ X / m, (AX @ error.transpose(0, 2, 1)) @ P / m),
                (loss, 0 * loss, 0 * loss))  # nobody asks for ‖ΔW‖ and the useful part


def train_rates(layer: WideLayer, A, B, rates, steps: int = STEPS) -> np.ndarray:
    """The loss under Adam and s = 1 at every rate, (rates, steps + 1).

    It is inf from where a run stops being finite.
    """
    chunk = stacked_runs.runs_per_stack(A.size + B.size)
    return np.concatenate([_train(layer, A, B, rates[i:i + chunk], steps)[1]
                           for i in range(0, len(rates), chunk)])


def trained_pair(layer: WideLayer, A, B, lr: float,
                 steps: int = STEPS) -> tuple[np.ndarray, np.ndarray]:
    """(A, B) after so many steps of Adam at one rate, s = 1; as :func:`train_rates`."""
    A, Bt = _train(layer, A, B, [lr], steps)[0].pairs
    return A[0], Bt[0].T


def _train(layer, A, B, rates, steps) -> tuple[_WideRuns, np.ndarray]:
    runs = _WideRuns(layer)
    lr = np.array(rates)[:, None, None]
    start = np.repeat(A[None], len(rates), 0), np.repeat(B.T[None], len(rates), 0)
    return runs, stacked_runs.train_runs(runs, *start, Adam(lr), steps)[:, 0]


@cache
def stored() -> np.ndarray:
    """The losses that ``make_data.py`` has stored, each as a share of its start, after each of
    KEPT's steps: (widths, matrices, spreads, seeds, rates, KEPT)."""
    with np.load(FILE) as data:
        return data["loss"].astype(float)


def left(steps: int) -> np.ndarray:
    """The share of the loss left after so many steps, one of KEPT: (widths, matrices, spreads,
    seeds, rates)."""
    return stored()[..., KEPT.index(steps)]


def best_rates(loss: np.ndarray) -> np.ndarray:
    """The rate of least loss for each curve (…, rates), by a parabola in log η and log loss."""
    return best_rate(RATES, np.clip(loss, 1e-12, 1e6))


@cache
def after(steps: int) -> dict[str, np.ndarray]:
    """What the study says after so many steps, one of KEPT.

    ``best``: the best rate of each task. ``least``: the loss at the best rate of the grid.
    (widths, matrices, spreads, seeds) each.
    """
    loss = left(steps)
    return {"best": best_rates(loss), "least": loss.min(axis=-1)}
