"""The chapter α is a step size."""

import numpy as np
import pytest
import torch

from lora_edu import SGD, Adam, Adapter, Clipped, Momentum, Regression, initial, sweep, train
from lora_edu.chapters.shared.problem import problem
from lora_edu.chapters.step_size import runs
from lora_edu.chapters.step_size.figures import step_size, three_alphas, two_slopes

torch.set_num_threads(1)


SCALES = 8.0 ** np.array([-8, -7, -6, -2, -1, 0, 1, 3, 4])


@pytest.mark.claim("thm-same-set")
@pytest.mark.parametrize("s", (1e-3, 0.5, 64.0))
@pytest.mark.parametrize("r", (1, 3, 9))
def test_every_scale_reaches_the_matrices_of_rank_r_and_no_others(r, s):
    """Any M of rank ≤ r is s·BA; and s·BA has rank ≤ r. (9 is more than the sides, 7 × 5.)"""
    rng = np.random.default_rng(0)
    for rank in range(min(r, 5) + 1):
        M = rng.normal(size=(7, rank)) @ rng.normal(size=(rank, 5))
        U, sizes, Vt = np.linalg.svd(M, full_matrices=False)
        A, B = np.zeros((r, 5)), np.zeros((7, r))
        n = min(r, 5)
        A[:n], B[:, :n] = Vt[:n], U[:, :n] * sizes[:n] / s
        np.testing.assert_allclose(s * B @ A, M, atol=1e-12)
    for _ in range(20):
        BA = s * rng.normal(size=(7, r)) @ rng.normal(size=(r, 5))
        assert np.linalg.matrix_rank(BA) <= r


@pytest.mark.claim("thm-first-step")
@pytest.mark.parametrize("name", ("SGD", "Momentum", "Nesterov", "Adam"))
@pytest.mark.parametrize("s", (0.125, 1.0, 8.0))
def test_the_first_step_is_torchs(name, s):
    """−ηs²·G·AᵀA and −ηs·sign(GAᵀ)·A, against autograd and torch.optim."""
    task = problem()
    A0, B0 = initial(32, 32, runs.R, rng=np.random.default_rng(runs.SEED))
    A, B = (torch.nn.Parameter(torch.tensor(start)) for start in (A0, B0))
    W = torch.tensor(task.W0) + s * B @ A
    error = (W - torch.tensor(task.W_star)) @ torch.tensor(task.X).T
    loss = (error**2).sum() / (2 * len(task.X))
    loss.backward()
    rule = {"SGD": lambda p: torch.optim.SGD(p, 0.01),
            "Momentum": lambda p: torch.optim.SGD(p, 0.01, momentum=0.9),
            "Nesterov": lambda p: torch.optim.SGD(p, 0.01, momentum=0.9, nesterov=True),
            "Adam": lambda p: torch.optim.Adam(p, 0.01, eps=1e-30)}[name]([A, B])
    rule.step()
    said = runs.first_step("Adam" if name == "Adam" else "SGD", s, 0.01)
    np.testing.assert_allclose((1.9 if name == "Nesterov" else 1) * said,
                               (s * B @ A).detach().numpy(), rtol=1e-9, atol=1e-15)


@pytest.mark.claim("thm-first-step")
@pytest.mark.parametrize(("rule", "power"), [
    (SGD(0.003), 2), (Momentum(0.003), 2), (Momentum(0.003, nesterov=True), 2),
    (Adam(0.003, eps=1e-30), 1), (Clipped(SGD(0.003), 1e-3, eps=0.0), 1)])
def test_the_first_step_goes_with_s_to_this_power(rule, power):
    A, B = initial(32, 32, 8, rng=np.random.default_rng(0))
    sizes = [train(problem(), Adapter(A, B, s), rule, 1).delta_norm[1] for s in (1, 3)]
    assert sizes[1] / sizes[0] == pytest.approx(3**power, rel=1e-9)


def test_clipping_leaves_one_power_of_s_and_its_limit():
    """The solution of the exercise: ΔW₁ = −ηκs·GAᵀA/‖GAᵀ‖."""
    task, kappa, s = problem(), 0.01, 2.0
    A, B = initial(32, 32, 8, rng=np.random.default_rng(0))
    G = task.gradient(task.W0)
    end = train(task, Adapter(A, B, s), Clipped(SGD(0.1), kappa, eps=0.0), 1).adapter
    said = -0.1 * kappa * s * G @ A.T @ A / np.linalg.norm(G @ A.T)
    np.testing.assert_allclose(end.delta(), said, rtol=1e-9, atol=1e-15)


@pytest.mark.claim("lem-balance")
def test_under_gradient_flow_A_grows_as_much_as_B():
    """By a Runge–Kutta solver on a problem of its own; SGD follows up to O(η)."""
    rng = np.random.default_rng(0)
    X, W0, target = (rng.normal(size=shape) for shape in ((30, 6), (5, 6), (5, 6)))
    task, s = Regression(W0, target, X), 1.5

    def flow(A, B):
        G = task.gradient(W0 + s * B @ A)
        return -s * B.T @ G, -s * G @ A.T

    for start in ("A random, B zero", "both random"):
        A, B = A0, B0 = initial(5, 6, 3, start, rng=rng)
        first, h = A @ A.T - B.T @ B, 0.005
        for _ in range(600):
            k1 = flow(A, B)
            k2 = flow(A + h / 2 * k1[0], B + h / 2 * k1[1])
            k3 = flow(A + h / 2 * k2[0], B + h / 2 * k2[1])
            k4 = flow(A + h * k3[0], B + h * k3[1])
            A, B = (P + h / 6 * (a + 2 * b + 2 * c + d) for P, a, b, c, d in
                    zip((A, B), k1, k2, k3, k4, strict=True))
        assert np.linalg.norm(B - B0) > 0.5  # and something happened
        np.testing.assert_allclose(A @ A.T - B.T @ B, first, atol=1e-8)
        if start == "A random, B zero":
            assert np.sum(B**2) == pytest.approx(np.sum(A**2) - np.sum(A0**2), rel=1e-6)
    A, B = initial(5, 6, 3, rng=rng)
    off = []
    for eta in (0.02, 0.002):
        end = train(task, Adapter(A, B, s), SGD(eta), round(2 / eta)).adapter
        off.append(np.linalg.norm(end.A @ end.A.T - A @ A.T - end.B.T @ end.B))
    assert off[0] / off[1] == pytest.approx(10, rel=0.3)


@pytest.fixture(scope="module")
def needed():
    """{optimiser: (scales, 3)}: the η that takes a tenth off the loss, for three draws of A."""
    def enough(rule, start, s, low, high):
        while high / low > 1.0003:
            middle = np.sqrt(low * high)
            loss = train(problem(), Adapter(*start, s), rule(middle), 50).loss
            low, high = (low, middle) if loss[-1] < 0.9 * loss[0] else (middle, high)
        return high

    starts = [initial(32, 32, 8, rng=np.random.default_rng(seed)) for seed in range(3)]
    return {name: np.array([[enough(rule, start, s, *(bracket / (s + s**power)))
                             for start in starts] for s in SCALES])
            for name, rule, power, bracket in (
                ("SGD", SGD, 2, np.array([1e-4, 1])),
                ("Adam", lambda lr: Adam(lr, eps=1e-30), 0.5, np.array([1e-5, 2e-3])))}


@pytest.mark.claim("obs-trade-bends")
@pytest.mark.parametrize(("name", "ends"), [("SGD", (-1.06, -2.0)), ("Adam", (-0.5, -1.0))])
def test_the_trade_slides_between_its_two_ends(needed, name, ends):
    """The power of α in the η that takes a tenth off the loss."""
    powers = np.diff(np.log(needed[name]), axis=0) / np.diff(np.log(SCALES))[:, None]
    median = np.median(powers, axis=1)
    assert median[0] == pytest.approx(ends[0], abs=0.006)
    assert median[-1] == pytest.approx(ends[1], abs=0.005)
    assert (np.diff(median) < 0.003).all()  # it bends one way only
    assert np.ptp(powers, axis=1).max() == pytest.approx(0.13 if name == "SGD" else 0.06, abs=0.01)


def test_a_forgotten_start_costs_the_same_e_foldings_for_each_eighth_of_alpha(needed):
    """Under SGD, T·ln(1 + ηsσ₁) of the η that is needed grows by ln √8 when α is divided by 8."""
    sigma1 = np.linalg.svd(problem().gradient(problem().W0), compute_uv=False)[0]
    count = 50 * np.log1p(needed["SGD"][:3] * SCALES[:3, None] * sigma1)
    np.testing.assert_allclose(-np.diff(count, axis=0), np.log(8) / 2, rtol=0.02)


@pytest.mark.claim("obs-valley")
@pytest.mark.parametrize(("name", "rates", "median", "least", "most"), [
    ("SGD", 2.0 ** np.arange(-7, 3.1, 0.25), -1.0, -1.11, -1.00),
    ("Adam", 2.0 ** np.arange(-9, -0.9, 0.25), -0.63, -0.64, -0.57)])
def test_the_valley_is_flatter_than_the_line(name, rates, median, least, most):
    loss = sweep(problem(), r=8, alpha=runs.ALPHAS, lr=rates, seed=range(5), steps=50,
                 optimiser=name).loss[0, :, :, 0, :, -1]
    for step in (2, 1):  # half octaves, as printed, and quarters
        best = loss[:, ::step].argmin(axis=1)
        assert ((best > 0) & (best < len(rates[::step]) - 1)).all()
        slopes = np.polyfit(np.log(runs.ALPHAS), np.log(rates[::step][best]), 1)[0]
        assert np.median(slopes) == pytest.approx(median, abs=0.025)
        assert slopes.min() > -runs.POWER[name]  # flatter than the line of equal first steps
        if step == 2:
            assert (slopes.min(), slopes.max()) == pytest.approx((least, most), abs=0.005)


@pytest.mark.claim("obs-far-out")
def test_adams_corner_flies_far_out_and_comes_back_and_sgds_does_not():
    """By a loop of its own. The old answer spoke of a distance of about one step's length."""
    task, ends = problem(), []
    for seed in range(8):
        A, B = initial(32, 32, runs.R, rng=np.random.default_rng(seed))
        s, rule, losses, deltas = 64 / runs.R, Adam(0.512), [], []
        state = rule.init([A, B])
        for _ in range(runs.STEPS + 1):
            deltas.append(s * B @ A)
            loss, G = task.loss_and_gradient(task.W0 + deltas[-1])
            losses.append(loss)
            (A, B), state = rule.step([A, B], [s * B.T @ G, s * G @ A.T], state)
        times = np.array(losses) / losses[0]
        assert times.argmax() == 3 and times[-1] < times[-5] < times[10]
        ends.append((times.max(), times[-1]))
        steps = np.linalg.norm(np.diff(deltas, axis=0), axis=(1, 2))
        assert steps.max() > 3 * steps[0] > 15 * steps[-1]  # the steps in W have no one length
    assert ends[runs.SEED] == pytest.approx((19_600, 17), rel=0.03)
    assert np.min(ends, axis=0) == pytest.approx((17_600, 16), rel=0.01)
    assert np.max(ends, axis=0) == pytest.approx((47_600, 50), rel=0.01)
    assert not np.isfinite(runs.losses("SGD")[-1, -1, -1])


def test_the_reading_says_how_far_a_run_flew():
    def said(**position):
        return step_size(**position)["layout"]["meta"]["reading"]
    assert "the loss rises to 19,576 times its start and ends at 16.6 of its start" in said(
        optimiser="Adam", alpha=64, lr=0.512)
    assert said(optimiser="SGD", alpha=64, lr=0.512).endswith("the loss runs off")
    assert "rises" not in said(optimiser="Adam", alpha=8, lr=0.004)


@pytest.mark.claim("thm-first-step")
@pytest.mark.parametrize(("name", "slope"), [("SGD", 2), ("Adam", 1)])
def test_the_slope_is_the_power_of_the_scale(name, slope):
    figure = two_slopes()
    line = next(trace for trace in figure["data"] if trace["name"] == f"‖ΔW₁‖, {name}")
    np.testing.assert_allclose(np.diff(np.log(line["y"])) / np.diff(np.log(line["x"])), slope)
    assert f"by {2**slope} under {name}" in figure["layout"]["meta"]["reading"]


def test_the_opening_picture_shows_the_planes_own_runs():
    figure = three_alphas((2, 8, 32), 0.004)
    for t, alpha in zip(figure["data"], (2, 8, 32), strict=True):
        A, B = initial(32, 32, 8, rng=np.random.default_rng(runs.SEED))
        run = train(problem(), Adapter(A, B, alpha / 8), Adam(0.004), 50)
        np.testing.assert_allclose(t["y"], run.loss / run.loss[0], rtol=1e-4)
