"""LoRA in sixty lines, to be read beside section 4.1 of the paper: python -m lora_edu.sixty"""

import numpy as np


class LoRA:
    """h = W0 x + (alpha / r) B A x: W0 (d, k) is frozen, A (r, k) and B (d, r) are trained."""

    def __init__(self, W0, r, alpha, rng):
        d, k = W0.shape
        self.W0, self.scaling = W0, alpha / r
        self.A = rng.normal(0, 1 / np.sqrt(k), (r, k))  # random, so that B has a gradient
        self.B = np.zeros((d, r))  # zero, so that training begins with the model as it was

    def forward(self, X):  # X: (n, k), a batch in rows
        self.X, self.U = X, X @ self.A.T  # U: (n, r)
        return X @ self.W0.T + self.scaling * self.U @ self.B.T  # (n, d)

    def backward(self, D):  # D: (n, d), the gradient of the loss with respect to the output
        grad_A = self.scaling * (D @ self.B).T @ self.X  # (r, k): zero as long as B is
        grad_B = self.scaling * D.T @ self.U  # (d, r): contains A, which is not zero
        return grad_A, grad_B

    def merge(self):  # one matrix again, as large as W0
        return self.W0 + self.scaling * self.B @ self.A


class Adam:
    """Its first steps are about lr long, whatever the gradient's size (Kingma and Ba 2015)."""

    def __init__(self, lr, betas=(0.9, 0.999), eps=1e-8):
        self.lr, self.betas, self.eps, self.t, self.state = lr, betas, eps, 0, {}

    def step(self, params, grads):
        self.t += 1
        for i, (p, g) in enumerate(zip(params, grads, strict=True)):
            m, v = self.state.get(i, (0.0, 0.0))
            m = self.betas[0] * m + (1 - self.betas[0]) * g  # the mean of the gradients
            v = self.betas[1] * v + (1 - self.betas[1]) * g**2  # and of their squares
            self.state[i] = m, v
            m_hat, v_hat = m / (1 - self.betas[0]**self.t), v / (1 - self.betas[1]**self.t)
            p -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)


def train(layer, X, Y, steps, lr):
    """Fit the layer to Y with Adam; the loss before each step, half the mean squared distance."""
    adam, losses = Adam(lr), []
    for _ in range(steps):
        miss = layer.forward(X) - Y  # (n, d)
        losses.append((miss**2).sum() / (2 * len(X)))
        adam.step([layer.A, layer.B], layer.backward(miss / len(X)))
    return losses


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    W0, X = rng.normal(size=(32, 64)), rng.normal(size=(256, 64))
    Y = X @ (W0 + rng.normal(size=(32, 4)) @ rng.normal(size=(4, 64)) / 8).T  # W0, and rank 4
    losses = train(LoRA(W0, r=4, alpha=4, rng=rng), X, Y, steps=300, lr=0.01)
    print(f"the loss falls from {losses[0]:.2f} to {losses[-1]:.4f}")
