"""The chapter α is a step size."""

import re

import numpy as np
import pytest
import torch

from lora_edu import OPTIMISERS, SGD, Adam, Adapter, initial, sweep, train
from lora_edu.chapters.shared import word_run as word
from lora_edu.chapters.shared.tasks import task_32
from lora_edu.chapters.step_size import runs
from lora_edu.chapters.step_size.figures import step_size, three_alphas

SCALES = 8.0 ** np.array([-8, -7, -6, -2, -1, 0, 1, 3, 4])


def starts(count):
    return [initial(32, 32, runs.R, rng=np.random.default_rng(seed)) for seed in range(count)]


@pytest.mark.claim("thm-same-set")
@pytest.mark.parametrize("s", (1e-3, 64.0))
@pytest.mark.parametrize("r", (1, 3, 9))
def test_every_scale_reaches_rank_r_and_no_more(r, s):
    """Any M of rank ≤ r is s·BA; and s·BA has rank ≤ r. (9 is more than the sides, 7 × 5.)"""
    rng, n = np.random.default_rng(0), min(r, 5)
    for rank in range(n + 1):
        M = rng.normal(size=(7, rank)) @ rng.normal(size=(rank, 5))
        U, sizes, Vt = np.linalg.svd(M, full_matrices=False)
        A, B = np.zeros((r, 5)), np.zeros((7, r))
        A[:n], B[:, :n] = Vt[:n], U[:, :n] * sizes[:n] / s
        np.testing.assert_allclose(s * B @ A, M, atol=1e-12)
    BA = s * rng.normal(size=(7, r)) @ rng.normal(size=(r, 5))
    assert np.linalg.matrix_rank(BA) <= r


@pytest.mark.claim("thm-first-step", "cor-one-number")
@pytest.mark.parametrize("name", ("SGD", "Momentum", "Nesterov", "Adam"))
@pytest.mark.parametrize("s", (0.125, 1.0, 8.0))
def test_the_first_step_is_torchs(name, s):
    """−ηs²·G·AᵀA and −ηs·sign(GAᵀ)·A, against autograd and torch.optim."""
    task = task_32()
    A0, B0 = initial(32, 32, runs.R, rng=np.random.default_rng(runs.SEED))
    A, B = (torch.nn.Parameter(torch.tensor(start)) for start in (A0, B0))
    error = (torch.tensor(task.W0 - task.W_star) + s * B @ A) @ torch.tensor(task.X).T
    ((error**2).sum() / (2 * len(task.X))).backward()
    optimiser = {"SGD": lambda p: torch.optim.SGD(p, 0.01),
                 "Momentum": lambda p: torch.optim.SGD(p, 0.01, momentum=0.9),
                 "Nesterov": lambda p: torch.optim.SGD(p, 0.01, momentum=0.9, nesterov=True),
                 "Adam": lambda p: torch.optim.Adam(p, 0.01, eps=1e-30)}[name]([A, B])
    optimiser.step()
    G = task.gradient(task.W0)
    said = -0.01 * s * (np.sign(G @ A0.T) if name == "Adam" else s * G @ A0.T) @ A0
    np.testing.assert_allclose((1.9 if name == "Nesterov" else 1) * said,
                               (s * B @ A).detach().numpy(), rtol=1e-9, atol=1e-15)


@pytest.mark.claim("lem-balance")
def test_under_gradient_flow_A_grows_as_much_as_B():
    """The rates at which AAᵀ and BᵀB grow are equal, by autograd; SGD follows up to O(η)."""
    torch.manual_seed(0)
    A, B = (torch.randn(shape, dtype=float, requires_grad=True) for shape in ((3, 6), (5, 3)))
    torch.logsumexp(torch.cos(1.5 * B @ A), 1).sum().backward()
    grown_A, grown_B = -A.grad @ A.T, -B.T @ B.grad
    assert grown_A.norm() > 0.5
    torch.testing.assert_close(grown_A + grown_A.T, grown_B + grown_B.T)
    off, [(A, B)] = [], starts(1)
    for eta in (0.02, 0.002):
        end = train(task_32(), Adapter(A, B, 1.5), SGD(eta), round(2 / eta)).adapter
        off.append(np.linalg.norm(end.A @ end.A.T - A @ A.T - end.B.T @ end.B))
    assert off[0] / off[1] == pytest.approx(10, rel=0.3)


@pytest.fixture(scope="module")
def needed():
    """{optimiser: (scales, 3)}: the η that takes a tenth off the loss, for three draws of A."""
    def enough(rule, start, s, low, high):
        while high / low > 1.0003:
            middle = np.sqrt(low * high)
            loss = train(task_32(), Adapter(*start, s), rule(middle), 50).loss
            low, high = (low, middle) if loss[-1] < 0.9 * loss[0] else (middle, high)
        return high

    return {name: np.array([[enough(rule, start, s, *(bracket / (s + s**power)))
                             for start in starts(3)] for s in SCALES])
            for name, rule, power, bracket in (
                ("SGD", SGD, 2, np.array([1e-4, 1])),
                ("Adam", lambda lr: Adam(lr, eps=1e-30), 0.5, np.array([1e-5, 2e-3])))}


@pytest.mark.claim("obs-trade-bends")
@pytest.mark.parametrize(("name", "ends"), [("SGD", (-1.06, -2.0)), ("Adam", (-0.5, -1.0))])
def test_the_trade_slides_between_its_two_ends(needed, name, ends):
    """The power of α in the η that takes a tenth off the loss."""
    powers = np.diff(np.log(needed[name]), axis=0) / np.diff(np.log(SCALES))[:, None]
    median = np.median(powers, axis=1)
    assert (median[0], median[-1]) == pytest.approx(ends, abs=0.006)
    assert (np.diff(median) < 0.003).all()  # it bends one way only
    assert np.ptp(powers, axis=1).max() == pytest.approx(0.13 if name == "SGD" else 0.06, abs=0.01)


def test_an_eighth_of_alpha_costs_ln_root_8_e_foldings(needed):
    """Under SGD, T·ln(1 + ηsσ₁) of the η that is needed grows by that, at small α."""
    sigma1 = np.linalg.svd(task_32().gradient(task_32().W0), compute_uv=False)[0]
    count = 50 * np.log1p(needed["SGD"][:3] * SCALES[:3, None] * sigma1)
    np.testing.assert_allclose(-np.diff(count, axis=0), np.log(8) / 2, rtol=0.02)


@pytest.mark.claim("obs-valley")
@pytest.mark.parametrize(("name", "rates", "median", "least", "most", "ways"), [
    ("SGD", 2.0 ** np.arange(-7, 3.1, 0.25), -1.0, -1.11, -1.00, (0.54, 2.4)),
    ("Adam", 2.0 ** np.arange(-9, -0.9, 0.25), -0.63, -0.64, -0.57, (0.96, 3.7))])
def test_the_valley_is_flatter_than_the_line(name, rates, median, least, most, ways):
    def way(seed, alpha, lr):  # of A, over its length
        A, B = starts(3)[seed]
        end = train(task_32(), Adapter(A, B, alpha / 8), OPTIMISERS[name](lr), 50).adapter
        return np.linalg.norm(end.A - A) / np.linalg.norm(A)

    loss = sweep(task_32(), r=8, alpha=runs.ALPHAS, lr=rates, seed=range(5), steps=50,
                 optimiser=name).loss[0, :, :, 0, :, -1]
    for step in (2, 1):  # half octaves, as printed, and quarters
        best = loss[:, ::step].argmin(axis=1)
        assert ((best > 0) & (best < len(rates[::step]) - 1)).all()
        slopes = np.polyfit(np.log(runs.ALPHAS), np.log(rates[::step][best]), 1)[0]
        assert np.median(slopes) == pytest.approx(median, abs=0.025)
        assert slopes.min() > -runs.POWER[name]  # flatter than the line of equal first steps
        if step == 2:
            assert (slopes.min(), slopes.max()) == pytest.approx((least, most), abs=0.005)
            found = [way(seed, alpha, rates[::2][at[seed]]) for alpha, at in
                     zip(runs.ALPHAS, best, strict=True) for seed in range(3)]
            assert (min(found), max(found)) == pytest.approx(ways, rel=0.02)


@pytest.mark.claim("obs-far-out")
def test_adams_corner_flies_far_out_and_comes_back():
    task, ends = task_32(), []
    for start in starts(8):
        seen = []
        train(task, Adapter(*start, 64 / runs.R), Adam(0.512), runs.STEPS,
              watch=lambda *now, seen=seen: seen.append(now))
        loss, deltas = [now[2] for now in seen], [now[1].delta() for now in seen]
        assert np.argmax(loss) == 3 and loss[-1] < loss[-5] < loss[10]
        ends.append((loss[3] / loss[0], loss[-1] / loss[0]))
        steps = np.linalg.norm(np.diff(deltas, axis=0), axis=(1, 2))
        assert steps.max() > 3 * steps[0] > 15 * steps[-1]  # the steps in W have no one length
    assert ends[runs.SEED] == pytest.approx((19_600, 17), rel=0.03)
    assert np.min(ends, axis=0) == pytest.approx((17_600, 16), rel=0.01)
    assert np.max(ends, axis=0) == pytest.approx((47_600, 50), rel=0.01)
    assert not np.isfinite(runs.losses("SGD")[-1, -1, -1])


@pytest.mark.parametrize(("position", "said"), [
    (("Adam", 64, 0.512), "rises to 19,576 times its start and ends at 16.6 times its start"),
    (("SGD", 64, 0.512), "the loss runs off"), (("Adam", 8, 0.004), "the loss ends at ")])
def test_the_reading_says_how_far_a_run_flew(position, said):
    assert said in step_size(*position)["layout"]["meta"]["reading"]


def test_three_alphas_write_the_word_at_their_pace():
    first = word.written()[0]
    for i, alpha in enumerate((1, 8, 64)):
        loss = train(word.task(), Adapter(first.A, first.B, alpha / 8), Adam(0.15), 30).loss
        for t in word.STEPS:
            said = three_alphas(t)["layout"]["title"]["text"]
            assert int(re.findall(r"\d+", said)[i + 1]) == round(100 * loss[t] / loss[0])


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_the_plane_is_darker_where_less_loss_is_left(name):
    depth, ends = step_size(name)["data"][0]["z"], runs.losses(name)[..., -1].T
    inside = (ends > 1e-3) & (ends < 1)
    np.testing.assert_allclose(1e-3 ** (depth / 100)[inside], ends[inside], rtol=0.04)
    assert (depth[ends >= 1] == 0).all() and (depth[ends <= 1e-3] == 100).all()
