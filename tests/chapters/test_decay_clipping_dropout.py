"""What weight decay, clipping and dropout do to a LoRA, in The invariance in full."""

from itertools import product

import numpy as np
import pytest
import torch

from lora_edu import Adam, AdamW, Clipped, train
from lora_edu.chapters.decay_clipping_dropout import figures, runs
from lora_edu.chapters.shared import word_run as word
from lora_edu.explore.words import number
from tests.chapters.figure_words import reading
from tests.chapters.oracles import span

START = word.written()[0]
WANTED = word.task().W_star
RNG = np.random.default_rng(0)


@pytest.mark.claim("thm-nuclear")
@pytest.mark.parametrize("s", (0.25, 1, 8))
def test_l2_on_a_and_b_is_at_least_its_price_on_delta_w(s):
    for _ in range(20):
        B = RNG.normal(size=(5, 3))
        A = RNG.normal(size=(3, 7)) * RNG.uniform(0.1, 10)
        price = np.linalg.norm(s * B @ A, "nuc") / s
        assert (np.vdot(A, A) + np.vdot(B, B)) / 2 > price
        U, sigma, Vt = np.linalg.svd(B @ A)
        root = np.diag(np.sqrt(sigma[:3]))
        B = U[:, :3] @ root
        A = root @ Vt[:3]
        assert (np.vdot(A, A) + np.vdot(B, B)) / 2 == pytest.approx(price)


@pytest.mark.claim("thm-decay-share")
def test_decay_alone_multiplies_ba_by_the_square_of_its_factors():
    rates = np.linspace(0.001, 0.1, 40)
    decay = 0.3
    A, B = (torch.nn.Parameter(torch.from_numpy(RNG.normal(size=(3, 3)))) for _ in "AB")
    before = (B @ A).detach()
    optimiser = torch.optim.AdamW([A, B], weight_decay=decay)
    for rate in rates:
        A.grad = torch.zeros_like(A)
        B.grad = torch.zeros_like(B)
        optimiser.param_groups[0]["lr"] = rate
        optimiser.step()
    share = ((B @ A) / before).detach().numpy()
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


@pytest.mark.claim("obs-bad-batch")
@pytest.mark.parametrize("seed", range(2, 7))
def test_one_bad_batch_hurts_adam_long_and_clipped_adam_briefly(seed):
    free, one, hundredth = (runs.with_a_bad_batch("Adam", limit, seed)[1]
                            for limit in (None, 1, 0.01))
    for losses, low, high, last in ((free, 0.62, 0.715, 29), (one, 0.11, 0.135, 4)):
        before = losses[runs.BAD]
        later = losses[runs.BAD + 1:]
        assert 0.08 < before < 0.095 and low < later.max() < high
        assert last - 4 < (later < before).argmax() + 1 <= last
    assert np.abs(one - hundredth).max() < 0.002
    free, one = (runs.with_a_bad_batch("SGD", limit, seed)[1][-1] for limit in (None, 1))
    assert 0.385 < free < 0.495 and one > 0.975


def test_the_explorers_curves_are_torchs():
    A, B = (torch.tensor(M, requires_grad=True) for M in (START.A, START.B))
    noise = np.random.default_rng(2).normal(size=WANTED.shape)
    optimiser = torch.optim.Adam([A, B], 0.15)
    norms = []
    losses = []
    for step in range(60):
        optimiser.zero_grad()
        error = B @ A - torch.tensor(WANTED)
        losses.append(error.square().sum().item())
        if step == 15:
            G = 50 * error.detach().norm() / np.linalg.norm(noise) * torch.tensor(noise)
        else:
            G = error.detach()
        error.backward(G)
        norms.append(torch.nn.utils.clip_grad_norm_([A, B], 10.0).item())
        optimiser.step()
    shares = 100 * np.array(losses) / losses[0]
    figure = figures.bad_batch(10, "Adam")
    assert figure["data"][0]["y"] == pytest.approx(norms)
    assert figure["data"][4]["y"] == pytest.approx(shares)
    words = reading(figure)
    assert f"{sum(norm > 10 for norm in norms)} of 60" in words
    low, high = map(number, span(shares[16:]))
    assert f"peaks at {high} % and comes down to {low} %" in words


@pytest.mark.claim("thm-dropout-ridge")
@pytest.mark.parametrize("p", (0.1, 0.5))
def test_dropouts_mean_loss_is_the_loss_and_a_ridge(p):
    """Over all masks of four inputs, each with its chance."""
    x = RNG.normal(size=4)
    e = RNG.normal(size=3)
    delta = RNG.normal(size=(3, 4))
    mean = 0.0
    for dropped in product((True, False), repeat=4):
        chance = np.prod(np.where(dropped, p, 1 - p))
        mask = np.where(dropped, 0, 1 / (1 - p))
        mean += chance * np.sum((e + delta @ x - delta @ (mask * x)) ** 2) / 2
    ridge = p / (2 * (1 - p)) * np.sum(x**2 * np.sum(delta**2, axis=0))
    assert mean == pytest.approx(np.sum(e**2) / 2 + ridge)
