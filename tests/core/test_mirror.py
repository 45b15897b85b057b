"""Transposing the task exchanges A and B: bit for bit in a fixed order of summation."""

from math import fsum

import numpy as np
import pytest

from lora_edu import SGD, Adam, AdamW, Momentum


def in_order(P, Q):
    return sum(np.multiply.outer(P[:, t], Q[t]) for t in range(len(Q)))


def run(A, B, W0, W_star, optimiser, product, s=2.0):
    state = optimiser.init([A, B])
    losses = []
    for t in range(30):  # another loss at each step
        G = W0 + s * product(B, A) - (1 + np.cos(t)) * W_star
        losses.append(fsum((G**2).ravel()) / 2)
        (A, B), state = optimiser.step([A, B], [s * product(B.T, G), s * product(G, A.T)], state)
    return losses, A, B


def mirror_pair(one, other, product):
    """A run and its mirror image, on a 24 × 40 task."""
    rng = np.random.default_rng(0)
    W0, W_star = rng.normal(size=(2, 24, 40))
    A = rng.normal(size=(4, 40)) / 8
    B = np.zeros((24, 4))
    turned = [np.ascontiguousarray(M.T) for M in (B, A, W0, W_star)]
    losses, A, B = run(A, B, W0, W_star, one, product)
    turned_losses, turned_A, turned_B = run(*turned, other, product)
    return (losses, turned_losses), (A, turned_B.T), (B, turned_A.T)


RULES = {
    "SGD": SGD(0.01), "momentum": Momentum(0.003),
    "Nesterov with decay": Momentum(0.003, nesterov=True, weight_decay=0.1),
    "Adam": Adam(0.01), "Adam with L2": Adam(0.01, weight_decay=0.1), "AdamW": AdamW(0.02),
    "own settings": Adam(lr=(0.01, 0.04), eps=(1e-8, 1e-3), weight_decay=(0.0, 0.1)),
}
EXCHANGED = {"own settings": Adam(lr=(0.04, 0.01), eps=(1e-3, 1e-8), weight_decay=(0.1, 0.0))}


@pytest.mark.claim("thm-mirror", "thm-mirror-full")
@pytest.mark.parametrize("name", RULES)
def test_the_mirror_image_has_the_same_bits_in_a_fixed_order(name):
    rules = RULES[name], (RULES | EXCHANGED)[name]
    pairs = mirror_pair(*rules, in_order)
    assert np.abs(pairs[-1]).max() > 0.01  # B has moved
    for pair in pairs:
        np.testing.assert_array_equal(*pair)
    for pair in mirror_pair(*rules, np.matmul):  # in the library's own order of summation
        np.testing.assert_allclose(*pair, rtol=1e-12, atol=1e-12)
