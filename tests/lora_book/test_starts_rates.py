"""Starts and traps: the curvature at a start, and the learning rate that it wants."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch.autograd.functional import hessian

from lora_book.shared.fits import geometric_mean
from lora_book.starts import COMPARED_STARTS, make_data, rates, tasks
from lora_book.starts.figures import own_rate
from lora_edu.explore.words import number
from tests.lora_book.figure_words import reading
from tests.lora_book.oracles import span
from tests.lora_book.test_low_rank_update import alternating

D, K, RANK, S = 4, 5, 2, 1.5


def tiny(kind, seed=0, lengths=(1, 1)):
    """(A loss of a weight, the weight, A, B), in float64. lengths: factors on A and B."""
    rng = np.random.default_rng(seed)
    W, x, y, A, B = (torch.tensor(rng.normal(size=shape)) for shape in (
        (D, K), (7, K), (7, D), (RANK, K), (D, RANK)))

    def loss(W):
        Z = x @ W.T
        if kind == "regression":
            return ((Z - y)**2).sum() / (2 * len(x))
        return (torch.logsumexp(Z, dim=1) - Z[:, 0]).mean()

    return loss, W, lengths[0] * A, lengths[1] * B


def of_pair(loss, W, A, B):
    """The loss of [A, B] beside a base from which s·BA of the start has been taken."""
    return lambda pair: loss(W + S * (pair[1] @ pair[0] - B @ A))


def whole_hessian(loss, at):
    """Row by row, in the order of what is trained."""
    sizes = [one.numel() for one in at]
    return hessian(lambda v: loss([part.view_as(one) for part, one in zip(
        v.split(sizes), at, strict=True)]), torch.cat([one.flatten() for one in at])).numpy()


@pytest.mark.claim("thm-start-curvature")
@pytest.mark.parametrize("kind", ["regression", "classes"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("lengths", [(1, 1), (0, 1), (1, 0), (0.1, 3)])
def test_the_form_and_its_bounds(kind, seed, lengths):
    loss, W, A, B = tiny(kind, seed, lengths)
    H = hessian(loss, W).reshape(D * K, D * K).numpy()
    dense = whole_hessian(of_pair(loss, W, A, B), [A, B])
    G, A, B = (part.numpy() for part in (torch.func.grad(loss)(W), A, B))
    rng = np.random.default_rng(seed)
    dA = rng.normal(size=A.shape)
    dB = rng.normal(size=B.shape)
    change = (B @ dA + dB @ A).ravel()
    v = np.concatenate([dA.ravel(), dB.ravel()])
    q = S**2 * change @ H @ change + 2 * S * np.vdot(G, dB @ dA)
    assert q == pytest.approx(v @ dense @ v)

    h = np.linalg.norm(H, 2)
    least, *_, largest = np.linalg.eigvalsh(dense)
    a, b, g = (np.linalg.norm(part, 2) for part in (A, B, G))
    of_each = [np.linalg.eigvalsh(dense[part, part])[-1]
           for part in (slice(A.size), slice(A.size, None))]
    rounding = 1e-9 * max(1, largest)
    assert max(S * g, *of_each) - rounding < largest < S**2 * h * (a**2 + b**2) + S * g + rounding
    assert least > -S * g - rounding
    if kind == "regression":
        C = H[:K, :K]
        known = S**2 * b**2 * np.linalg.norm(C, 2), S**2 * np.linalg.norm(A @ C @ A.T, 2)
        np.testing.assert_allclose(of_each, known, atol=1e-9)


@pytest.mark.claim("cor-moved-reach")
@pytest.mark.parametrize("seed", range(3))
def test_what_a_moved_base_can_reach(seed):
    """The nearest layer by alternating least squares; and a change that is reached."""
    rng = np.random.default_rng(seed)
    change, A0, B0 = (rng.normal(size=shape) for shape in ((6, 5), (2, 5), (6, 2)))
    left = change + S * B0 @ A0
    best = min(np.linalg.norm(left - alternating(left, 2, rng, rounds=500)) for _ in range(5))
    assert best == pytest.approx(np.linalg.norm(np.linalg.svd(left)[1][2:]), rel=1e-6)
    along = B0 @ rng.normal(size=(2, 5))  # of B0's columns: reached
    assert np.linalg.matrix_rank(along + S * B0 @ A0, tol=1e-9) <= 2


# --- the starts on the task

MOVED = {"PiSSA", "MiLoRA", "OLoRA", "CorDA", "LoRA-GA"}


@pytest.mark.claim("obs-own-rate")
@pytest.mark.parametrize("name", COMPARED_STARTS)
def test_the_starts_are_what_they_are_called(name):
    start = tasks.draw_start(name, 0)
    W = tasks.draw_task(0).W0
    assert start.A.shape == (8, W.shape[1])
    changed = torch.linalg.norm(start.base + 2 * start.B @ start.A - W) / torch.linalg.norm(W)
    assert changed > 0.01 if name in ("both random", "both small") else changed < 2e-6
    if name != "LoRA-GA":  # whose gradient has rank 4 here, so that its B is rounding
        moved = torch.linalg.norm(start.base - W) > 1e-3
        assert moved == (name in MOVED or "subtracted" in name)
    if name == "MiLoRA":  # the least eight directions are gone
        assert torch.linalg.svdvals(start.base)[-8] < 1e-5
    if name.startswith("A zero"):
        width = (3 * (8 if "wide" in name else W.shape[0]))**-0.5
        assert not start.A.any() and start.B.std().item() == pytest.approx(width, rel=0.1)


# --- the stored results

@pytest.mark.claim("obs-own-rate")
def test_the_stored_curvature_is_found_again():
    stored = rates.stored()["curvature"][COMPARED_STARTS.index("EVA"), 4]
    assert make_data.curvature("EVA", 4) == pytest.approx(stored, rel=1e-5)  # by Lanczos


@pytest.mark.claim("obs-own-rate", "obs-small-start")
@pytest.mark.parametrize(("start", "optimiser"), [("both small", "Adam"), ("PiSSA", "SGD")])
def test_the_stored_losses_are_found_again(start, optimiser):
    ends, curves = (rates.stored()[f"{optimiser} {kind}"][COMPARED_STARTS.index(start)]
                    for kind in ("ends", "curves"))
    at = ends[0].argmin() - np.array([4, 2])  # not at the cliff
    losses = make_data.losses(optimiser, start, 0, rates=rates.RATES[optimiser][at])
    np.testing.assert_allclose(losses[:, -1], ends[0, at], rtol=0.02)
    np.testing.assert_allclose(losses, curves[at], rtol=0.03)


def by_start(values):
    return dict(zip(COMPARED_STARTS, values, strict=True))


def under_adam():
    """The mean loss of each start at each rate, (starts, rates)."""
    return geometric_mean(rates.stored()["Adam ends"].swapaxes(1, 2))


def at_the_defaults(optimiser):
    """The place of the rate that is best for the default start."""
    return geometric_mean(rates.stored()[f"{optimiser} ends"][0].T).argmin()


@pytest.mark.claim("obs-own-rate")
def test_under_sgd_two_over_the_curvature_is_near_the_best_rate():
    curvature = geometric_mean(rates.stored()["curvature"])
    best = geometric_mean(rates.best("SGD"))
    assert span(curvature) == pytest.approx((5, 4900), rel=0.1)
    assert span(best * curvature / 2) == pytest.approx((0.4, 1.8), abs=0.05)
    ends = rates.stored()["SGD ends"]  # starts, seeds, rates
    lost = by_start((ends[:, :, at_the_defaults("SGD")] == rates.LOST).any(axis=1))
    assert sum(lost.values()) == 10 and lost["PiSSA"] and lost["OLoRA"]
    runs = ends.reshape(-1, ends.shape[-1])
    assert np.mean([run[run.argmin() + 1] >= rates.LOST for run in runs]) > 0.5
    shown = reading(own_rate("PiSSA", "SGD"))
    assert (f"PiSSA: λ is {number(by_start(curvature)['PiSSA'])}, and the best η is "
            f"{number(by_start(best)['PiSSA'])}") in shown


@pytest.mark.claim("obs-own-rate")
@pytest.mark.parametrize(("optimiser", "statistic", "p"), [
    ("SGD", -0.97, 2e-9), ("Adam", -0.41, 0.12)])
def test_the_best_rates_are_ordered_by_the_curvature_under_sgd_alone(optimiser, statistic, p):
    pair = rates.stored()["curvature"], rates.best(optimiser)
    means = [geometric_mean(values) for values in pair]
    rank = spearmanr(*np.log(means).round(6))  # ties but for noise
    assert (rank.statistic, rank.pvalue) == pytest.approx((statistic, p), abs=0.006)


@pytest.mark.claim("obs-own-rate")
def test_with_adam_most_do_well_at_the_defaults_rate():
    at = at_the_defaults("Adam")
    assert (rates.stored()["Adam ends"][:, :, at] < rates.LOST).all()
    loss = under_adam()
    price = by_start(loss[:, at] / loss.min(axis=1))
    assert {start: value for start, value in price.items() if value > 1.02} == pytest.approx(
        {"A zero, wide": 1.7, "both random": 3.8}, abs=0.06)
    least = by_start(loss.min(axis=1) / loss[0].min())
    far = {start for start, value in least.items() if value > 20_000}
    assert far == {"PiSSA", "OLoRA", "CorDA", "both random, subtracted"}


@pytest.mark.claim("obs-own-rate")
def test_where_adam_wants_more_than_the_default():
    best = by_start(geometric_mean(rates.best("Adam")))
    assert best["both random"] / best["default"] == pytest.approx(2.4, abs=0.05)


@pytest.mark.claim("obs-own-rate")
@pytest.mark.parametrize("optimiser", rates.RATES)
def test_a_start_that_moves_the_base_wants_less(optimiser):
    best = by_start(geometric_mean(rates.best(optimiser)))
    moves_the_base = ("PiSSA", "OLoRA", "CorDA", "LoRA-GA", "MiLoRA")
    assert max(best[start] for start in moves_the_base) < best["default"]


@pytest.mark.claim("obs-small-start")
def test_a_small_start():
    least = by_start(under_adam().min(axis=1))
    assert least["both small"] == pytest.approx(least["default"], rel=0.1)
    assert least["both small, subtracted"] == pytest.approx(400 * least["both small"], rel=0.1)
    assert least["default"] < least["both random"] < 0.01 * least["both random, subtracted"]
    first = by_start(rates.stored()["Adam curves"][:, 0, 0])
    assert first["both small"] / first["default"] == pytest.approx(1.04, abs=0.01)
