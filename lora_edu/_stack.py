"""Many runs of one regression at once: the arithmetic behind ``training.sweep``.

Imports NumPy only. The runs of a stack share the problem and the rank r; they differ in start,
scaling and learning rate. With C = XᵀX/n and S = W_star − W0 the gradient with respect to W is

    G = (s·B·A − S)·C.

For small r nothing of shape (d, k) is formed for a run: ∇A = s·(s·BᵀB·AC − BᵀSC) and
∇B = s·(s·B·(AC·Aᵀ) − SC·Aᵀ), where AC, BᵀSC and SC·Aᵀ are three products for the whole stack and
the rest is r × r. For large r, G itself takes fewer multiplications.
"""

from __future__ import annotations

import numpy as np

RECORDED = ("loss", "delta_norm", "grad_A_norm", "grad_B_norm", "useful")


class Runs:
    """R runs. All parameters lie in one flat array, so that an optimiser passes over it once.

    A, (R, r, k), and Bt = Bᵀ, (R, r, d), are views of its two parts; ``grads`` has the same form.
    A problem's own class adds ``gradients``: fill ``grads``; return (loss, ‖ΔW‖², −⟨ΔW, G0⟩),
    each (R,).
    """

    def __init__(self, A: np.ndarray, Bt: np.ndarray, s: np.ndarray):
        """A: (R, r, k). Bt: (R, r, d). s: (R,)."""
        self.params = np.concatenate([A.ravel(), Bt.ravel()])
        self.grads, self.work = np.empty_like(self.params), np.empty_like(self.params)
        self.shapes = A.shape, Bt.shape
        self.A, self.Bt = self.split(self.params)
        self.grad_A, self.grad_B = self.split(self.grads)
        self.s = s[:, None, None]

    def split(self, flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The two parts of a flat array as (R, r, k) and (R, r, d) views."""
        size = int(np.prod(self.shapes[0]))
        return flat[:size].reshape(self.shapes[0]), flat[size:].reshape(self.shapes[1])

    def record(self) -> np.ndarray:
        """Fill ``grads``; return the five recorded quantities, (R, 5), in the order of RECORDED."""
        loss, square, useful = self.gradients()
        return np.stack([np.maximum(loss, 0.0), np.sqrt(np.maximum(square, 0.0)),
                         np.sqrt(_inner(self.grad_A, self.grad_A)),
                         np.sqrt(_inner(self.grad_B, self.grad_B)), useful], axis=1)

    def scale_work(self, factor: np.ndarray) -> None:
        """Multiply ``work`` by one number a run, ``factor`` (R,)."""
        if (factor == factor[0]).all():
            self.work *= factor[0]
        else:
            for part in self.split(self.work):
                part *= factor[:, None, None]


class Stack(Runs):
    """Runs of one regression."""

    def __init__(self, A: np.ndarray, Bt: np.ndarray, s: np.ndarray, covariance: np.ndarray,
                 shift: np.ndarray):
        """A: (R, r, k). Bt: (R, r, d). s: (R,). covariance: (k, k). shift = W_star − W0: (d, k)."""
        super().__init__(A, Bt, s)
        r, k, d = A.shape[1], A.shape[2], Bt.shape[2]
        self.covariance, self.shift = covariance, shift
        self.target = shift @ covariance  # (d, k): −G at W0
        self.start_loss = 0.5 * np.vdot(shift, self.target)
        factored = r * (k * k + 2 * d * k) + 4 * r * r * (d + k)
        direct = d * k * k + 3 * d * r * k
        self.gradients = self._factored if factored < direct else self._direct

    def _factored(self) -> tuple:
        """Fill ``grads``; return (loss, ‖ΔW‖², −⟨ΔW, G0⟩), each (R,)."""
        A, Bt, s = self.A, self.Bt, self.s[:, 0, 0]
        AC = shared(A, self.covariance)  # (R, r, k)
        BS = shared(Bt, self.target)  # (R, r, k)
        BB = Bt @ Bt.transpose(0, 2, 1)  # (R, r, r), symmetric
        ACA = AC @ A.transpose(0, 2, 1)  # (R, r, r), symmetric
        useful = s * _inner(BS, A)
        np.matmul(self.s * BB, AC, out=self.grad_A)
        np.matmul(self.s * ACA, Bt, out=self.grad_B)
        self.grad_A -= BS
        self.grad_B -= shared(A, self.target.T)
        self.grad_A *= self.s
        self.grad_B *= self.s
        loss = 0.5 * s**2 * _inner(BB, ACA) - useful + self.start_loss
        return loss, s**2 * _inner(BB, A @ A.transpose(0, 2, 1)), useful

    def _direct(self) -> tuple:
        """The same by way of ΔW and G, (R, d, k) each."""
        delta = self.Bt.transpose(0, 2, 1) @ self.A
        delta *= self.s
        square, useful = _inner(delta, delta), _flat(delta) @ self.target.ravel()
        delta -= self.shift
        G = shared(delta, self.covariance)
        loss = 0.5 * _inner(delta, G)
        G *= self.s
        np.matmul(self.Bt, G, out=self.grad_A)
        np.matmul(self.A, G.transpose(0, 2, 1), out=self.grad_B)
        return loss, square, useful


def sgd(stack: Stack, lr: np.ndarray, weight_decay: float = 0.0):
    """A function that makes one SGD step on ``stack`` in place. lr: (R,)."""
    def step():
        _add_decay(stack, weight_decay)
        np.copyto(stack.work, stack.grads)
        stack.scale_work(lr)
        stack.params -= stack.work
    return step


def momentum(stack: Stack, lr: np.ndarray, momentum: float = 0.9, nesterov: bool = False,
             weight_decay: float = 0.0):
    """As :func:`sgd`, with a velocity."""
    velocity = np.zeros_like(stack.params)

    def step():
        _add_decay(stack, weight_decay)
        np.multiply(velocity, momentum, out=velocity)
        np.add(velocity, stack.grads, out=velocity)
        if nesterov:
            np.multiply(velocity, momentum, out=stack.work)
            stack.work += stack.grads
        else:
            np.copyto(stack.work, velocity)
        stack.scale_work(lr)
        stack.params -= stack.work
    return step


def adam(stack: Stack, lr: np.ndarray, betas: tuple[float, float] = (0.9, 0.999),
         eps: float = 1e-8, weight_decay: float = 0.0, decoupled: bool = False):
    """As :func:`sgd`, for Adam and AdamW.

    The moments are kept without their factors (1 − β), which saves passes over the arrays; they
    are put back as one number a step.
    """
    first, second = np.zeros_like(stack.params), np.zeros_like(stack.params)
    beta1, beta2 = betas
    power1 = power2 = 1.0

    def step():
        nonlocal power1, power2
        power1, power2 = power1 * beta1, power2 * beta2
        if decoupled:
            np.multiply(stack.params, weight_decay, out=stack.work)
            stack.scale_work(lr)
            stack.params -= stack.work
        else:
            _add_decay(stack, weight_decay)
        np.multiply(first, beta1, out=first)
        np.add(first, stack.grads, out=first)
        np.multiply(second, beta2, out=second)
        np.multiply(stack.grads, stack.grads, out=stack.work)
        np.add(second, stack.work, out=second)
        root = np.sqrt((1 - beta2) / (1 - power2))
        np.sqrt(second, out=stack.work)
        stack.work += eps / root
        np.divide(first, stack.work, out=stack.work)
        stack.scale_work(lr * ((1 - beta1) / (1 - power1) / root))
        stack.params -= stack.work
    return step


def adamw(stack: Stack, lr: np.ndarray, weight_decay: float = 1e-2, **settings):
    """As :func:`adam`, with decoupled weight decay."""
    return adam(stack, lr, weight_decay=weight_decay, decoupled=True, **settings)


STEPPERS = {"SGD": sgd, "Momentum": momentum, "Adam": adam, "AdamW": adamw}


def train_stack(stack: Stack, step, steps: int) -> np.ndarray:
    """Run the stack; (R, 5, steps + 1). A run that is no longer finite is inf from there on."""
    records = np.empty((steps + 1, len(stack.s), len(RECORDED)))
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(steps + 1):
            records[t] = stack.record()
            if t < steps:
                step()
    lost = np.logical_or.accumulate(~np.isfinite(records).all(axis=2), axis=0)  # (steps + 1, R)
    records[lost] = np.inf
    return records.transpose(1, 2, 0)


def _add_decay(stack: Stack, weight_decay: float) -> None:
    if weight_decay:
        np.multiply(stack.params, weight_decay, out=stack.work)
        stack.grads += stack.work


def shared(stacked: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """``stacked`` (R, m, k) times one (k, n), as a single product."""
    runs, rows, _ = stacked.shape
    return (stacked.reshape(runs * rows, -1) @ matrix).reshape(runs, rows, -1)


def _flat(stacked: np.ndarray) -> np.ndarray:
    """(R, m, n) as (R, m·n)."""
    return stacked.reshape(len(stacked), -1)


def _inner(P: np.ndarray, Q: np.ndarray) -> np.ndarray:
    """⟨P, Q⟩ for each run, (R,)."""
    return (_flat(P)[:, None, :] @ _flat(Q)[:, :, None])[:, 0, 0]
