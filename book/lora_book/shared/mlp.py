"""A small classifier with an adapter on every layer, and many of its runs trained at once. The
network is x → relu(W1·x + b1) → relu(W2·h + b2) → W3·h + b3 with the softmax's cross entropy as its
loss. Pretraining moves W and b; adapting freezes them and trains A and B of all three layers."""

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np

from lora_edu import initial, optim
from lora_edu.stacked_runs import times_shared

SIZES = (64, 128, 128, 10)
BATCH = 64
CHUNK = 10  # runs a stack: few enough to stay in the cache


@dataclass(frozen=True, eq=False)
class MLP:
    """weights: matrices (d, k), one a layer, each k the d of the layer before. biases: (d,)."""

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]

    def features(self, X: np.ndarray) -> list[np.ndarray]:
        """What each layer receives, and the logits last: (n, 64), (n, 128), (n, 128), (n, 10)."""
        inputs = [X]
        for W, b in zip(self.weights, self.biases, strict=True):
            Z = inputs[-1] @ W.T + b
            inputs.append(np.maximum(Z, 0) if len(inputs) < len(self.weights) else Z)
        return inputs

    def loss(self, X: np.ndarray, y: np.ndarray) -> float:
        """The mean cross entropy. X: (n, 64). y: (n,), whole numbers from 0 to 9."""
        loss, _ = cross_entropy(self.features(X)[-1], y)
        return float(loss)

    def accuracy(self, X: np.ndarray, y: np.ndarray) -> float:
        """The share of pictures whose largest logit is the right one."""
        return float((self.features(X)[-1].argmax(axis=1) == y).mean())


def pretrain(X: np.ndarray, y: np.ndarray, *, steps: int = 400) -> MLP:
    """Train weights and biases from He's start with Adam, batches of 64. X: (n, 64). y: (n,)."""
    rng = np.random.default_rng(0)
    params = [rng.normal(0.0, math.sqrt(2 / k), (d, k)) for k, d in itertools.pairwise(SIZES)]
    params += [np.zeros(d) for d in SIZES[1:]]
    layers = len(SIZES) - 1
    adam = optim.Adam(3e-3)
    state = adam.init(params)
    for batch in _batches(len(X), steps, BATCH, rng):
        model = MLP(tuple(params[:layers]), tuple(params[layers:]))
        H = model.features(X[batch])
        _, D = cross_entropy(H[-1], y[batch])  # (64, d): ∂L/∂Z of the layer
        grads: list = [None] * len(params)
        for i in reversed(range(layers)):
            grads[i] = D.T @ H[i]
            grads[layers + i] = D.sum(axis=0)
            D = (D @ model.weights[i]) * (H[i] > 0)
        params, state = adam.step(params, grads, state)
    return MLP(tuple(params[:layers]), tuple(params[layers:]))


def falling(step: int, steps: int) -> float:
    """A schedule: the share of η at a step, which falls linearly from 1 to 0."""
    return 1 - step / steps


def constant(step: int, steps: int) -> float:
    """The schedule of one η for all steps."""
    return 1.0


def adapt(model: MLP, X: np.ndarray, y: np.ndarray, *, r: int, s, lr, seed, steps: int = 100,
          batch: int = BATCH, schedule=falling, optimiser="Adam", dtype=np.float64) -> list[MLP]:
    """Train adapters of rank r on all layers; one run for each (s, lr, seed).

    Args:
        X, y: (n, 64) and (n,).
        r: The rank; 0 trains all of W, as W + B·A with A the identity, which stays (and s = 1).
        s, lr, seed: Sequences of equal length. A run's seed draws its A (PEFT's start, B = 0) and
            then its batches; a pair of seeds draws them apart.
        schedule: Function (step, steps) → the share of η at that step.
        optimiser: A name of ``optim.OPTIMISERS``, with its own defaults, or what makes one of lr.
        dtype: Of all numbers.

    Returns:
        The merged models. Weights of a run that diverges are not finite.
    """
    make = optim.OPTIMISERS.get(optimiser, optimiser)
    draws = {one: _draw(model, r, len(X), steps, batch, one) for one in set(seed)}
    X = X.astype(dtype)
    weights = tuple(W.astype(dtype) for W in model.weights)
    biases = tuple(b.astype(dtype) for b in model.biases)
    model = MLP(weights, biases)

    runs = list(zip(s, lr, seed, strict=True))
    ends = []
    for i in range(0, len(runs), CHUNK):
        ends += _train(model, X, y, runs[i:i + CHUNK], draws, schedule, make, in_full=r == 0)
    return ends


def _train(model: MLP, X, y, runs: list, draws: dict, schedule, make, in_full: bool
           ) -> list[MLP]:
    """One stack of runs (s, lr, seed), trained and merged.

    draws: what _draw returns for each seed. make: an optimiser class. in_full: train all of W.
    """
    s, lr, seeds = zip(*runs, strict=True)
    starts, batches = zip(*(draws[seed] for seed in seeds), strict=True)
    stack = MLPRuns(model.weights, model.biases, starts, np.array(s, dtype=X.dtype))
    batches = np.array(batches)  # (R, steps, 64)
    rates = np.array(lr, dtype=X.dtype)[:, None, None]
    optimiser = make(lr=rates)
    steps = batches.shape[1]
    # The parameters are every A and then every B. In full A is the identity and stays.
    trained = slice(len(model.weights) if in_full else 0, None)
    state = optimiser.init(stack.params[trained])
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(steps):
            grads = stack.gradients(X[batches[:, t]], y[batches[:, t]])
            optimiser = replace(optimiser, lr=rates * X.dtype.type(schedule(t, steps)))
            state = optimiser.update(stack.params[trained], grads[trained], state)
        return [MLP(stack.merged(i), model.biases) for i in range(len(runs))]


class MLPRuns:
    """R runs of one rank on one frozen network. A[i], (R, r, k), and Bt[i] = Bᵀ, (R, r, d), belong
    to layer i.

    No weight of shape (d, k) is formed for a run: a layer's output is H·Wᵀ + s·(H·Aᵀ)·Bᵀ, and with
    D = ∂L/∂Z

        ∇B = s·Dᵀ·(H·Aᵀ),   ∇A = s·(D·B)ᵀ·H,   ∂L/∂H = D·W + s·(D·B)·A.
    """

    def __init__(self, weights: tuple, biases: tuple, starts: list, s: np.ndarray):
        """weights, biases: of the frozen layers. starts: a run's list of (A, B). s: (R,)."""
        self.weights = weights
        self.biases = biases
        self.s = s[:, None, None]
        layers = list(zip(*starts, strict=True))  # of each layer every run's (A, B)
        self.A = [np.array([A for A, _ in runs], dtype=s.dtype) for runs in layers]
        self.Bt = [np.array([B.T for _, B in runs], dtype=s.dtype) for runs in layers]

    @property
    def params(self) -> list[np.ndarray]:
        """Every A, then every B, a view of its Bt: what an optimiser updates."""
        return [*self.A, *(Bt.transpose(0, 2, 1) for Bt in self.Bt)]

    def gradients(self, X: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
        """The gradients of ``params``. X: (R, n, k). y: (R, n)."""
        H = [X]
        low = []
        last = len(self.A) - 1
        for i, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            low.append(self.s * (H[i] @ self.A[i].transpose(0, 2, 1)))  # (R, n, r)
            Z = times_shared(H[i], W.T)
            Z += low[i] @ self.Bt[i]
            Z += b  # (R, n, d)
            H.append(np.maximum(Z, 0, out=Z) if i < last else Z)
        _, D = cross_entropy(H[-1], y)  # (R, n, d)
        grad_A = []
        grad_Bt = []
        for i in range(last, -1, -1):
            grad_Bt.append(low[i].transpose(0, 2, 1) @ D)
            E = self.s * (D @ self.Bt[i].transpose(0, 2, 1))  # (R, n, r)
            grad_A.append(E.transpose(0, 2, 1) @ H[i])
            if i:
                D = times_shared(D, self.weights[i])
                D += E @ self.A[i]
                D *= H[i] > 0
        return [*reversed(grad_A), *(grad.transpose(0, 2, 1) for grad in reversed(grad_Bt))]

    def merged(self, run: int) -> tuple[np.ndarray, ...]:
        """The weights of one run, W + s·B·A."""
        s = float(self.s[run, 0, 0])
        return tuple(W + s * Bt[run].T @ A[run]
                     for W, A, Bt in zip(self.weights, self.A, self.Bt, strict=True))


def cross_entropy(Z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(mean loss, its gradient ∂/∂Z) of logits Z (…, n, classes) and classes y (…, n)."""
    Z = Z - Z.max(axis=-1, keepdims=True)
    P = np.exp(Z)
    total = P.sum(axis=-1, keepdims=True)
    right = y[..., None]
    loss = np.log(total) - np.take_along_axis(Z, right, axis=-1)
    P /= total
    np.put_along_axis(P, right, np.take_along_axis(P, right, axis=-1) - 1, axis=-1)
    return loss.mean(axis=(-2, -1)), P / Z.shape[-2]


def _draw(model: MLP, r: int, n: int, steps: int, batch: int, seed: int | tuple[int, int]
          ) -> tuple[list, np.ndarray]:
    """A run's starts (A, B), one a layer, and its batches."""
    of_A, of_batches = seed if isinstance(seed, tuple) else (seed, None)
    rng = np.random.default_rng(of_A)
    starts = [initial(*W.shape, r, rng=rng) if r else (np.eye(W.shape[1]), np.zeros(W.shape))
              for W in model.weights]
    if of_batches is not None:
        rng = np.random.default_rng(of_batches)
    return starts, _batches(n, steps, batch, rng)


def _batches(n: int, steps: int, batch: int, rng: np.random.Generator) -> np.ndarray:
    """Which of n pictures each step sees, (steps, batch), drawn with replacement."""
    return rng.integers(n, size=(steps, batch))
