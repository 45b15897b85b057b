"""The chapter Why divide by r: growth with the rank, and the best learning rate."""

import itertools
import math

import numpy as np
import pytest
import torch

from lora_edu import SGD, Adam, Adapter, Regression, initial, train
from lora_edu.chapters.divide_by_r import runs_growth, runs_rate
from lora_edu.chapters.divide_by_r.figures import best_rate, two_sums
from lora_edu.chapters.divide_by_r.figures import growth as growth_figure
from lora_edu.chapters.first_r import runs as first_r
from lora_edu.chapters.shared.fits import exponent
from lora_edu.chapters.shared.scale_rules import SCALE_RULES
from lora_edu.explore.words import signed

D, K, S, ETA, SIGMA = 32, 24, 0.7, 1e-3, 0.1


def rule(name):
    return SGD(ETA) if name == "SGD" else Adam(ETA, eps=1e-30)


def half_zero():
    """A regression whose gradient has zero rows: half of the outputs are right already."""
    rng = np.random.default_rng(3)
    W0, shift = rng.normal(size=(D, K)), rng.normal(size=(D, K))
    shift[::2] = 0
    return Regression(W0, W0 + shift, rng.normal(size=(200, K)) / np.arange(1, K + 1) ** 0.5)


def steps(task, name, r, draws, s=S):
    """ΔW after one step through ``train``, for so many starts."""
    d, k = task.W0.shape
    for seed in range(draws):
        A, B = initial(d, k, r, distribution=SIGMA, rng=np.random.default_rng(seed))
        yield train(task, Adapter(A, B, s), rule(name), 1).adapter.delta()


def growth(name, G, r, sigma=SIGMA, k=K, s=S):
    """The theorem's useful part and norm squared."""
    lengths = np.linalg.norm(G, axis=1)
    if name == "SGD":
        square = np.sum(lengths**2)
        return (ETA * s**2 * sigma**2 * r * square,
                ETA**2 * s**4 * sigma**4 * r * (r + k + 1) * square)
    return (ETA * s * sigma * math.sqrt(2 / math.pi) * r * lengths.sum(),
            ETA**2 * s**2 * sigma**2 * np.sum(lengths > 0) * (r * k + r * (r - 1) * 2 / math.pi))


@pytest.mark.claim("lem-two-moments")
def test_the_two_moments_of_a_normal_vector():
    """Gauss-Hermite quadrature with five nodes a dimension: exact for polynomials of degree 9."""
    sigma, C = 0.7, np.array([[2.0, -1.0, 0.5], [-1.0, 1.0, 3.0], [0.5, 3.0, -4.0]])
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    weights = weights / weights.sum()
    first, second = np.zeros((3, 3)), np.zeros((3, 3))
    for i in itertools.product(range(5), repeat=3):
        a, weight = sigma * nodes[list(i)], weights[list(i)].prod()
        first += weight * np.outer(a, a) @ C @ np.outer(a, a)
        second += weight * (a @ a) * np.outer(a, a)
    np.testing.assert_allclose(first, sigma**4 * (2 * C + np.trace(C) * np.eye(3)), atol=1e-12)
    np.testing.assert_allclose(second, sigma**4 * 5 * np.eye(3), atol=1e-12)


@pytest.mark.claim("thm-growth")
@pytest.mark.parametrize("r", (1, 8, 32))
@pytest.mark.parametrize("name", ("SGD", "Adam"))
def test_the_first_step_formulas(name, r):
    """Against the average over 400 normal starts, through train; half of G's rows are zero."""
    task = half_zero()
    G = task.gradient(task.W0)
    assert np.sum(np.linalg.norm(G, axis=1) > 0) == D / 2
    found = np.array([(-np.vdot(delta, G), np.vdot(delta, delta))
                      for delta in steps(task, name, r, 400)])
    want, errors = growth(name, G, r), found.std(axis=0) / 20
    assert (np.abs(found.mean(axis=0) - want) < 4 * errors).all()
    assert (errors < 0.08 * np.array(want)).all()  # the test can tell


@pytest.mark.claim("thm-growth")
def test_the_picture_of_two_parts_is_the_theorems():
    coherent, rest = runs_growth.two_parts()
    r, k = np.array(runs_growth.RANKS), runs_growth.SIDE
    useful = growth("Adam", np.ones((k, k)), r, sigma=k**-0.5, k=k, s=1 / ETA)
    want = useful[0] / k  # along a direction of length one: Σ‖gᵢ‖ is k·√k here, and ‖·‖ is k
    np.testing.assert_allclose(coherent, want, rtol=0.1)
    np.testing.assert_allclose(coherent**2 + rest**2, useful[1], rtol=0.1)
    assert rest[6] > coherent[6] and rest[7] < coherent[7]  # r = 64 and 128; π/2·k is 100


@pytest.mark.claim("obs-uniform-draws")
@pytest.mark.parametrize("r", (1, 8, 64))
@pytest.mark.parametrize("name", ("SGD", "Adam"))
def test_uniform_draws_of_the_same_spread_do_nearly_the_same(name, r):
    """Under SGD with k + 1 made k − 1/5, that is 3.5 % less at r = 1 and k = 32."""
    rng, k, sigma = np.random.default_rng(0), 32, 1 / math.sqrt(96)
    G = rng.normal(size=(32, k)) * np.linspace(0.1, 2, 32)[:, None]
    G[::8] = 0
    found = []
    for _ in range(1000):
        A = rng.uniform(-1, 1, (r, k)) / math.sqrt(k)
        step = -ETA * (G @ A.T if name == "SGD" else np.sign(G @ A.T)) @ A
        found.append((-np.vdot(step, G), np.vdot(step, step)))
    useful, square = np.mean(found, axis=0) / growth(name, G, r, sigma=sigma, k=k, s=1.0)
    assert useful == pytest.approx(1, abs=0.03)
    if name == "Adam":
        A = rng.uniform(-1, 1, (r, 20_000)) / math.sqrt(k)  # rows of G with a single entry
        alone = np.abs(A).mean() / (sigma * math.sqrt(2 / math.pi))
        assert alone == pytest.approx(math.sqrt(3 * math.pi / 8), abs=0.015)
        assert math.sqrt(3 * math.pi / 8) == pytest.approx(1.085, abs=5e-4)
        assert square == pytest.approx(1, abs=0.03)
    else:
        assert square == pytest.approx((r + k - 0.2) / (r + k + 1), abs=0.02) and square < 1


@pytest.mark.claim("cor-minibatch")
@pytest.mark.parametrize("name", ("SGD", "Adam"))
def test_a_step_with_the_gradient_of_a_minibatch(name):
    """Steps on one of 200 examples, with the use and the harm of all of them."""
    rng = np.random.default_rng(0)
    W0, shift = rng.normal(size=(D, K)), rng.normal(size=(D, K))
    shift[::4] = 0  # so these rows of both gradients are zero
    X = rng.normal(size=(200, K)) / np.arange(1, K + 1) ** 0.5
    whole, batch = Regression(W0, W0 + shift, X), Regression(W0, W0 + shift, X[:1])
    G, noisy, C = whole.gradient(W0), batch.gradient(W0), whole.covariance
    lengths = np.linalg.norm(noisy, axis=1)
    rows = lengths > 0
    noisy_hat = noisy[rows] / lengths[rows, None]
    along = np.vdot(noisy, G) if name == "SGD" else np.vdot(noisy_hat, G[rows])
    factor = ETA * (S * SIGMA) ** 2 if name == "SGD" else ETA * S * SIGMA * math.sqrt(2 / math.pi)
    assert 0 < (noisy * G).sum() < 0.9 * np.linalg.norm(noisy) * np.linalg.norm(G)

    if name == "SGD":
        r_c = 2 + np.trace(C) * np.sum(noisy**2) / np.trace(noisy @ C @ noisy.T)
    else:
        r_c = math.pi / 2 * np.trace(C) / np.mean(np.sum((noisy_hat @ C) * noisy_hat, axis=1))
    rates = {}
    for r in (1, 4, 32):
        deltas = np.array(list(steps(batch, name, r, 1000)))
        uses = -np.einsum("nij,ij->n", deltas, G)
        for values, want in ((uses, factor * r * along),
                             (np.sum(deltas**2, axis=(1, 2)), growth(name, noisy, r)[1])):
            error = values.std() / math.sqrt(len(values))
            assert abs(values.mean() - want) < 4 * error and error < 0.12 * want
        harm = np.mean(np.sum((deltas @ C) * deltas, axis=(1, 2)))
        rates[r] = uses.mean() / harm * (1 + (r - 1) / r_c)  # constant, by the corollary
    assert max(rates.values()) / min(rates.values()) < 1.12
    if name == "Adam":  # noise makes the useful part smaller
        assert along < np.linalg.norm(G, axis=1).sum()


@pytest.mark.claim("thm-best-rate")
@pytest.mark.parametrize("inputs", runs_rate.INPUTS)
@pytest.mark.parametrize("name", ("SGD", "Adam"))
def test_the_best_first_rate_is_the_theorems(name, inputs):
    """The minimum of the loss averaged over a thousand starts, at three ranks."""
    task, sigma = runs_rate.problem(inputs), 1 / math.sqrt(3 * runs_rate.SIDE)
    G, C = task.gradient(task.W0), task.covariance
    predicted = runs_rate.predicted("unscaled", name, inputs)
    for at in (0, 2, 4):
        gains, harms = [], []
        for seed in range(1000):
            A = np.random.default_rng(seed).normal(0, sigma, (runs_rate.RANKS[at], runs_rate.SIDE))
            step = -(G @ A.T if name == "SGD" else np.sign(G @ A.T)) @ A  # η = s = 1
            gains.append(-np.vdot(step, G))
            harms.append(np.vdot(step, step @ C))
        assert np.mean(gains) / np.mean(harms) == pytest.approx(predicted[at], rel=0.15)


@pytest.mark.claim("thm-best-rate")
@pytest.mark.parametrize("name", ("SGD", "Adam"))
def test_the_best_first_rate_where_rows_are_zero_and_s_is_not_one(name):
    """From losses at steps of several lengths, not from the theorem's two terms."""
    task = half_zero()
    G, C = task.gradient(task.W0), task.covariance
    rows = G[np.linalg.norm(G, axis=1) > 0]
    directions = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    r_c = {"SGD": 2 + np.trace(C) * np.vdot(G, G) / np.trace(G @ C @ G.T),
           "Adam": math.pi / 2 * np.trace(C) / np.mean(
               [g @ C @ g for g in directions])}[name]
    constants = []
    for r, s in ((1, 1.0), (8, 0.25), (64, 1.0)):
        unit = 1 / (s**2 * r) if name == "SGD" else 1 / (s * r)
        times = unit * np.array([0.0, 1.0, 2.0])  # a parabola: three points are enough
        losses = np.mean([[task.loss(task.W0 + t * delta / ETA) for t in times]
                          for delta in steps(task, name, r, 400, s=s)], axis=0)
        square, linear, _ = np.polyfit(times, losses, 2)
        p = {"SGD": 2, "Adam": 1}[name]
        constants.append(-linear / (2 * square) * s**p * (1 + (r - 1) / r_c))
    assert max(constants) / min(constants) < 1.12


RANKS = np.array(runs_rate.RANKS)


def powers(name, inputs, count):
    """rule → (power of r in the best rate, its standard error)."""
    return {chosen: exponent(RANKS, runs_rate.best_rates(chosen, name, inputs, count))
            for chosen in SCALE_RULES}


@pytest.mark.claim("obs-best-rate")
@pytest.mark.parametrize("inputs", runs_rate.INPUTS)
def test_after_thirty_steps_of_sgd_the_best_rate_goes_like_one_over_s(inputs):
    for (mean, _), power in zip(powers("SGD", inputs, 30).values(), (0.0, 0.5, 1.0), strict=True):
        assert mean == pytest.approx(power, abs=0.1)


@pytest.mark.claim("obs-best-rate")
@pytest.mark.parametrize(("inputs", "count", "flattest", "power", "error"), [
    ("one direction", 1, "LoRA", 0.05, 0.08), ("one direction", 30, "LoRA", 0.10, 0.05),
    ("a few", 1, "rsLoRA", 0.05, 0.03), ("a few", 30, "rsLoRA", -0.08, 0.02),
    ("all directions", 1, "unscaled", -0.20, 0.02), ("all directions", 30, "rsLoRA", 0.08, 0.03)])
def test_which_rule_is_flattest_for_adam(inputs, count, flattest, power, error):
    found = powers("Adam", inputs, count)
    assert min(found, key=lambda chosen: abs(found[chosen][0])) == flattest
    assert found[flattest] == pytest.approx((power, error), abs=0.006)


@pytest.mark.claim("cor-sgd-limit")
@pytest.mark.parametrize(("r", "draws"), [(2, 2000), (16, 600), (1024, 40)])
def test_sgd_with_the_root_of_r_tends_to_a_full_step(r, draws):
    task, alpha = half_zero(), 1.3
    full = -ETA * alpha**2 * SIGMA**2 * task.gradient(task.W0)
    deltas = np.array(list(steps(task, "SGD", r, draws, s=alpha / math.sqrt(r))))
    off = np.linalg.norm(deltas - full, axis=(1, 2)) / np.linalg.norm(full)
    assert math.sqrt(np.mean(off**2)) == pytest.approx(math.sqrt((K + 1) / r), rel=0.08)
    mean = np.linalg.norm(deltas.mean(axis=0) - full) / np.linalg.norm(full)
    assert mean < 2 * math.sqrt((K + 1) / r / draws)


SCALES = {"1/r": lambda r: 1 / r, "1/√r": lambda r: r**-0.5, "1": lambda r: 1.0}


def two_steps(name, r, s, u, seed=0):
    """(A before, A after two steps, G at W₀, G after one step), η from the first step's use."""
    task, eta = half_zero(), u / (s * r)
    eta = eta / s if name == "SGD" else eta
    A, B = initial(D, K, r, distribution=SIGMA, rng=np.random.default_rng(seed))
    step = SGD(eta) if name == "SGD" else Adam(eta, eps=1e-300)
    one, two = (train(task, Adapter(A, B, s), step, n).adapter for n in (1, 2))
    np.testing.assert_array_equal(one.A, A)
    return A, two.A, task.gradient(task.W0), task.gradient(task.W0 + one.delta())


@pytest.mark.claim("thm-learning-scale")
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("r", (3, 200))
def test_the_second_step_moves_a_as_the_theorem_says(scale, r):
    s = 1.7 * SCALES[scale](r)
    before, after, G0, G1 = two_steps("SGD", r, s, 0.8)
    want = (0.8 / (s * r))**2 * np.array([G1.T @ G0 @ a for a in before])
    np.testing.assert_allclose(after - before, want, rtol=1e-9, atol=1e-13)
    before, after, *_ = two_steps("Adam", r, s, 0.05)
    q = math.sqrt(1.999) / 1.9
    np.testing.assert_allclose(np.abs(after - before), q * 0.05 / (s * r), rtol=1e-9)


@pytest.mark.claim("thm-learning-scale")
@pytest.mark.parametrize("name", ("SGD", "Adam"))
def test_only_one_over_r_keeps_the_move_of_a(name):
    """From r = 64 to 16384; 1/r² is the case with s·r → 0."""
    u, p = {"SGD": (0.8, 2), "Adam": (0.05, 1)}[name]
    for scale, power in ((SCALES["1/r"], 0), (SCALES["1/√r"], -0.5), (SCALES["1"], -1),
                         (lambda r: 20 * r**-1.25, 0.25)):
        moves = []
        for r in (64, 16384):
            before, after, *_ = two_steps(name, r, scale(r), u)
            moves.append(np.linalg.norm(after - before, axis=1).mean())
        found = math.log(moves[1] / moves[0]) / math.log(16384 / 64)
        assert found == pytest.approx(p * power, abs=0.06)


def adam_delta(r, s, eta, sigma, seed, steps=12):
    A, B = initial(D, K, r, distribution=sigma, rng=np.random.default_rng(seed))
    return train(half_zero(), Adapter(A, B, s), Adam(eta, eps=0.03 * s * eta),
                 steps).adapter.delta()


@pytest.mark.claim("cor-two-numbers")
def test_at_many_ranks_two_numbers_are_left():
    """Independent draws, another scale, rate and spread: the same W as the rank grows."""
    def apart(one, two):
        return np.linalg.norm(one - two) / np.linalg.norm(two)

    eta, sigma, gaps, ranks = 0.03, 0.1, [], np.array([64, 512, 4096])
    for r in ranks:
        pairs = []
        for seed in range(4):
            # s·r and η²: (8, η²) and (8√r/4, η²·4/√r); η/σ is the same
            shrink = (4 / r**0.5)**0.5
            one = adam_delta(r, 8 / r, eta, sigma, seed)
            two = adam_delta(r, 2 * r**-0.5, shrink * eta, shrink * sigma, seed + 10)
            pairs.append(apart(one, two))
        gaps.append(pairs)
    assert exponent(ranks, np.array(gaps))[0] == pytest.approx(-0.5, abs=0.12)
    assert np.max(gaps[-1]) < 0.06
    kept = adam_delta(4096, 2 * 4096**-0.5, shrink * eta, sigma, 10)  # σ stays: another η/σ
    first = adam_delta(4096, 2 * 4096**-0.5, eta / 16, sigma, 10)     # s·r·σ·η stays
    assert min(apart(kept, one), apart(first, one)) > 0.3


def torch_run(A, B, s, make, steps=12):
    """W's path with torch's optimiser and autograd, float64: no code of the library."""
    draw = torch.Generator().manual_seed(1)
    W0, X, Y = (torch.randn(n, generator=draw, dtype=torch.float64)
                for n in ((5, 6), (20, 6), (20, 5)))
    pair = [torch.nn.Parameter(torch.tensor(matrix)) for matrix in (A, B)]
    optimiser, path = make(pair), []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = (torch.tanh(X @ (W0 + s * pair[1] @ pair[0]).T) - Y).square().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(pair, 0.02)
        optimiser.step()
        path.append((pair[1] @ pair[0]).detach().numpy())
    return np.array(path)


OPTIMISERS = {
    "SGD": lambda pair: torch.optim.SGD(pair, 0.5, weight_decay=0.1),
    "Nesterov": lambda pair: torch.optim.SGD(pair, 0.2, momentum=0.9, nesterov=True),
    "Adam": lambda pair: torch.optim.Adam(pair, 0.02, weight_decay=0.1, eps=1e-3),
    "AdamW": lambda pair: torch.optim.AdamW(pair, 0.02, weight_decay=0.5),
}


@pytest.mark.claim("thm-mixing")
@pytest.mark.parametrize("name", OPTIMISERS)
def test_which_mixtures_a_run_does_not_see(name):
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(4, 6)), 0.3 * rng.normal(size=(5, 4))
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    swap = np.diag([1.0, -1, -1, 1])[[2, 0, 3, 1]]
    skew = turn + 0.1 * np.diag([1.0, 0, 0, 0])
    one = torch_run(A, B, 0.7, OPTIMISERS[name])
    for Q, same in ((swap, True), (turn, "Adam" not in name), (skew, False)):
        two = torch_run(Q @ A, B @ np.linalg.inv(Q), 0.7, OPTIMISERS[name])
        gap = np.abs(one - two).max() / np.abs(one).max()
        assert gap < 1e-10 if same else gap > 1e-3


@pytest.mark.claim("thm-mixing")
@pytest.mark.parametrize("eps", (0.0, 0.5))
def test_adam_sees_every_rotation_that_is_no_signed_permutation(eps):
    """r = 2: all angles, with and without a reflection. The first step, for many gradients."""
    rng = np.random.default_rng(0)
    A, rows = rng.normal(size=(2, 6)), rng.normal(size=(400, 6))

    def first(A):
        z = rows @ A.T
        return (z / (np.abs(z) + eps)) @ A

    for degrees in range(0, 360, 5):
        x = math.radians(degrees)
        for flip in (1, -1):
            Q = np.array([[math.cos(x), -math.sin(x)], [math.sin(x), math.cos(x)]])
            Q = np.round(Q, 15) @ np.diag([1, flip])
            gap = np.abs(first(Q @ A) - first(A)).max()
            assert gap < 1e-12 if degrees % 90 == 0 else gap > 0.02


@pytest.mark.claim("obs-one-rate")
@pytest.mark.parametrize(("task", "shared", "kept", "root"), [
    ("45°, Adam", 0.387, (0.368, 0.099), (0.158, 0.081)),
    ("90°, Adam", 0.504, (0.413, 0.132), (0.185, 0.130))])
def test_at_a_small_rate_the_longer_steps_win(task, shared, kept, root):
    small = first_r.tuned(task, 8, 1.0) - 4
    rates = first_r.TASKS[task].rates
    assert rates[small] == pytest.approx(rates[first_r.tuned(task, 8, 1.0)] / 4)
    assert first_r.mean(first_r.losses(task, 8, 1.0))[small] == pytest.approx(shared, abs=5e-4)
    for s, want in ((8 / 64, kept), ((8 / 64)**0.5, root)):
        found = first_r.mean(first_r.losses(task, 64, s))
        assert (found[small], found.min()) == pytest.approx(want, abs=5e-4)
        assert not first_r.at_an_end(task, 64, s)


@pytest.mark.parametrize("r", [4, 64])
def test_random_sums_of_arrows_are_about_the_root_of_r(r):
    traces = two_sums(r, walks=200)["data"]
    paths = [trace for trace in traces if trace["name"] == "unrelated"]
    for path in paths:
        np.testing.assert_allclose(np.hypot(np.diff(path["x"]), np.diff(path["y"])), 1)
    assert np.mean([path["x"][-1]**2 + path["y"][-1]**2 for path in paths]) == pytest.approx(
        r, rel=0.25)
    assert next(t for t in traces if t["name"] == "one direction")["x"][-1] == r


def test_the_explorers_say_the_powers():
    values = runs_growth.grown("LoRA", "Adam").useful[..., 1]
    low = exponent(runs_growth.RANKS[:4], values[:4])[0]
    assert f"useful part {signed(low)} for r ≤ 8" in growth_figure()["layout"]["meta"]["reading"]
    mean, error = powers("Adam", "one direction", 1)["LoRA"]
    said = best_rate()["layout"]["meta"]["reading"]
    assert f"under α/r {signed(mean)} (±\u2009{error:.2f})" in said
