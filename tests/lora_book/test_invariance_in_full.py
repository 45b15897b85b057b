"""What weight decay, clipping and dropout do to a LoRA, in The invariance in full."""

from itertools import product

import numpy as np
import pytest
import torch

from lora_book.shared import word_run as word
from lora_edu import Adam, AdamW, Clipped, train

START = word.written()[0]
RNG = np.random.default_rng(0)


@pytest.mark.claim("thm-nuclear")
@pytest.mark.parametrize("size", (0.1, 1, 10))
def test_l2_on_a_and_b_is_at_least_its_price_on_delta_w(size):
    s = 0.25
    B = RNG.normal(size=(5, 3))
    A = size * RNG.normal(size=(3, 7))
    U, sigma, Vt = np.linalg.svd(s * B @ A, full_matrices=False)
    price = sigma.sum() / s
    root = np.sqrt(sigma / s)
    assert (np.vdot(A, A) + np.vdot(B, B)) / 2 > price
    equal_B = (U * root)[:, :3]
    equal_A = (root[:, None] * Vt)[:3]
    np.testing.assert_allclose(equal_B @ equal_A, B @ A)
    assert (np.vdot(equal_A, equal_A) + np.vdot(equal_B, equal_B)) / 2 == pytest.approx(price)


@pytest.mark.claim("thm-decay-share")
def test_decay_alone_multiplies_ba_by_the_square_of_its_factors():
    rates = np.linspace(0.001, 0.1, 40)
    decay = 0.3
    matrices = torch.tensor(RNG.normal(size=(2, 3, 3)), requires_grad=True)
    before = matrices.detach().prod(0)  # entry by entry, as all entries shrink alike
    matrices.grad = torch.zeros_like(matrices)
    optimiser = torch.optim.AdamW([matrices], weight_decay=decay)
    for rate in rates:
        optimiser.param_groups[0]["lr"] = rate
        optimiser.step()
    share = (matrices.detach().prod(0) / before).numpy()
    bound = np.exp(-2 * decay * rates.sum())
    assert share == pytest.approx(np.prod((1 - rates * decay) ** 2))
    assert bound ** (1 / (1 - decay * rates.max())) < share.min() and share.max() < bound


@pytest.mark.claim("obs-decay-taken-back")
@pytest.mark.parametrize(("eta", "steps", "alone", "least", "most"), [
    (5e-5, 3_000, 0.3, 0.135, 0.145), (2e-4, 10_000, 3.9, 0, 0.01)])
def test_the_run_loses_less_to_decay_than_decay_alone_would_take(eta, steps, alone, least, most):
    free, decayed = (train(word.task(), START, AdamW(eta, weight_decay=decay),
                           steps).adapter.delta() for decay in (0, 0.01))
    change = np.linalg.norm(decayed - free) / np.linalg.norm(free)
    assert 100 * (1 - (1 - 0.01 * eta) ** (2 * steps)) == pytest.approx(alone, abs=0.05)
    assert least < 100 * change < most


@pytest.mark.claim("thm-clip-limit")
@pytest.mark.parametrize("rule", [Adam(0.1, eps=1e-300), AdamW(0.1, eps=1e-300, weight_decay=0.3)])
def test_two_limits_that_always_act_make_one_run(rule):
    one, tiny, high = (train(word.task(), START, Clipped(rule, limit), 12)
                       for limit in (1.0, 2.0**-20, 16.0))
    assert np.hypot(one.grad_A_norm, one.grad_B_norm).min() > 1
    assert np.array_equal(one.adapter.delta(), tiny.adapter.delta())
    assert np.abs(one.adapter.delta() - high.adapter.delta()).max() > 0.01


@pytest.mark.claim("thm-dropout-ridge")
def test_dropouts_mean_loss_is_the_loss_and_a_ridge(p=0.1):
    """Over all masks of four inputs, each with its chance."""
    x = RNG.normal(size=4)
    error = RNG.normal(size=3)
    delta = RNG.normal(size=(3, 4))
    dropped = np.array(list(product((True, False), repeat=4)))
    chances = np.prod(np.where(dropped, p, 1 - p), axis=1)
    masks = np.where(dropped, 0, 1 / (1 - p))
    losses = np.sum((error + delta @ x - (masks * x) @ delta.T) ** 2, axis=1) / 2
    ridge = p / (2 * (1 - p)) * np.sum((x * delta) ** 2)
    assert np.vdot(chances, losses) == pytest.approx(np.vdot(error, error) / 2 + ridge)
