"""The chapter Forward and backward by hand, on the lines that it prints."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lora_book.by_hand import runs
from lora_book.workshop.file import books

LORA = books("lora.py")


def arrays(n, d, k, r):
    """X, W0, A and B of normal numbers."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in ((n, k), (d, k), (r, k), (d, r))]


@pytest.mark.claim("thm-backward")
@pytest.mark.parametrize(("n", "d", "k", "r"), [(20, 5, 6, 2), (7, 6, 3, 9)])
def test_the_printed_backward_pass_is_torchs(n, d, k, r):
    s = 1.7
    X, W0, A, B = arrays(n, d, k, r)
    tX, tW0, tA, tB = (torch.tensor(M, requires_grad=True) for M in (X, W0, A, B))
    tU = tX @ tA.T
    tH = tX @ tW0.T + s * tU @ tB.T
    for tensor in (tU, tH):
        tensor.retain_grad()
    torch.logsumexp(tH, 1).sum().backward()
    H, U = LORA.forward(X, W0, A, B, s)
    D = tH.grad.numpy()
    G = tW0.grad.numpy()
    grad_A, grad_B, grad_X = LORA.backward(D, X, U, W0, A, B, s)
    for mine, theirs in ((H, tH.detach()), (s * D @ B, tU.grad), (D.T @ X, G), (grad_X, tX.grad),
                         (grad_A, tA.grad), (s * B.T @ G, tA.grad),
                         (grad_B, tB.grad), (s * G @ A.T, tB.grad)):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.claim("thm-two-thirds")
@pytest.mark.parametrize(("d", "r", "n"), [(8, 1, 3), (12, 4, 5), (6, 6, 2)])
def test_the_multiplications_of_a_step(d, r, n):
    X, W0, A, B = map(torch.tensor, arrays(n, d, d, r))
    U = X @ A.T

    def count(step):
        """Those of its matrix products, by torch's counter."""
        with FlopCounterMode(display=False) as flops:
            step()
        return flops.get_total_flops() / 2

    product = count(lambda: X @ W0.T)  # each of full fine-tuning's three
    forward = count(lambda: LORA.forward(X, W0, A, B, 1.0))
    backward = count(lambda: LORA.backward(X, X, U, W0, A, B, 1.0))
    lowest = forward + count(lambda: (X.T @ U, (X @ B).T @ X))  # no gradient of the input
    assert (forward + backward) / (3 * product) == pytest.approx(2 / 3 + 2 * r / d, rel=1e-12)
    assert lowest / (2 * product) == pytest.approx(1 / 2 + 5 * r / (2 * d), rel=1e-12)


def test_both_gradients_are_mixtures_of_the_big_one():
    G, grad_B, grad_A = runs.word_gradients(3)
    ranks = [np.linalg.matrix_rank(M) for M in (G, np.vstack([G, grad_A]), np.hstack([G, grad_B]))]
    assert ranks == [10] * 3
