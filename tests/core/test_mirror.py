"""Transposing the task exchanges A and B: bit for bit in a fixed order of summation."""

from math import fsum

import numpy as np
import pytest

from lora_edu import SGD, Adam, AdamW, Clipped, Momentum


def in_order(P, Q):
    return sum(np.multiply.outer(P[:, t], Q[t]) for t in range(len(Q)))


def run(A, B, W0, W_star, optimiser, product, s=2.0):
    state, losses = optimiser.init([A, B]), []
    for _ in range(30):
        G = W0 + s * product(B, A) - W_star
        losses.append(fsum((G**2).ravel()) / 2)
        (A, B), state = optimiser.step([A, B], [s * product(B.T, G), s * product(G, A.T)], state)
    return losses, A, B


def mirror_pair(one, other, product):
    """A run and its mirror image, on a 24 × 40 task."""
    rng = np.random.default_rng(0)
    W0, W_star = rng.normal(size=(24, 40)), rng.normal(size=(24, 40))
    start = rng.normal(size=(4, 40)) / 8, np.zeros((24, 4))
    turned = [np.ascontiguousarray(M.T) for M in (*start[::-1], W0, W_star)]
    return run(*start, W0, W_star, one, product), run(*turned, other, product)


RULES = {
    "SGD": (SGD(0.01),) * 2, "momentum": (Momentum(0.003),) * 2,
    "Nesterov with decay": (Momentum(0.003, nesterov=True, weight_decay=0.1),) * 2,
    "Adam": (Adam(0.01),) * 2, "Adam with L2": (Adam(0.01, weight_decay=0.1),) * 2,
    "AdamW": (AdamW(0.02),) * 2,
    "own settings": (Adam(lr=(0.01, 0.04), eps=(1e-8, 1e-3), weight_decay=(0.0, 0.1)),
                     Adam(lr=(0.04, 0.01), eps=(1e-3, 1e-8), weight_decay=(0.1, 0.0))),
}


@pytest.mark.claim("thm-mirror", "thm-mirror-full")
@pytest.mark.parametrize("name", RULES)
def test_the_mirror_image_has_the_same_bits_in_a_fixed_order(name):
    (losses, A, B), (mirrored, A_, B_) = mirror_pair(*RULES[name], in_order)
    assert losses == mirrored and losses[-1] < 0.95 * losses[0]
    assert np.array_equal(A_, B.T) and np.array_equal(B_, A.T)
    agree(*mirror_pair(*RULES[name], np.matmul), tolerance=1e-12)  # in the library's order


def agree(one, other, tolerance):
    (losses, A, B), (mirrored, A_, B_) = one, other
    np.testing.assert_allclose(mirrored, losses, rtol=tolerance)
    np.testing.assert_allclose(A_, B.T, atol=tolerance)
    np.testing.assert_allclose(B_, A.T, atol=tolerance)


@pytest.mark.claim("thm-mirror", "thm-mirror-full")
@pytest.mark.parametrize("name", ["momentum", "own settings", "AdamW", "clipped"])
def test_the_mirror_holds_for_a_new_loss_at_each_step(name):
    """Minibatches of a loss that is not quadratic, Σ log cosh, with s ≠ 1."""
    rng = np.random.default_rng(2)
    W0, A0, B0 = rng.normal(size=(9, 14)), rng.normal(size=(3, 14)), np.zeros((9, 3))
    batches = [(rng.normal(size=(5, 14)), rng.normal(size=(5, 9))) for _ in range(20)]
    one, other = RULES.get(name, (Clipped(Adam(0.05), max_norm=0.5),) * 2)

    def path(A, B, optimiser, turned):
        state, deltas = optimiser.init([A, B]), []
        for X, Y in batches:
            W = (W0.T if turned else W0) + 0.7 * B @ A
            G = np.tanh(X @ (W.T if turned else W).T - Y).T @ X
            G = G.T if turned else G
            (A, B), state = optimiser.step([A, B], [0.7 * B.T @ G, 0.7 * G @ A.T], state)
            deltas.append(0.7 * B @ A)
        return deltas

    here, there = path(A0, B0, one, False), path(B0.T, A0.T, other, True)
    np.testing.assert_allclose([D.T for D in there], here, rtol=1e-9, atol=1e-12)
    assert np.linalg.norm(here[-1] - here[0]) > 0.01


def test_settings_that_are_not_exchanged_break_the_mirror():
    (losses, *_), (mirrored, *_) = mirror_pair(*[Adam(lr=(0.01, 0.04))] * 2, in_order)
    assert abs(mirrored[-1] / losses[-1] - 1) > 1e-3
