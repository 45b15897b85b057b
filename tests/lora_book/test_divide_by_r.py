"""The chapter Why divide by r: growth with the rank, and the best learning rate."""

import itertools
import math

import numpy as np
import pytest

from lora_book.divide_by_r import runs_rate
from lora_book.divide_by_r.figures import best_rate, darkrooms
from lora_book.shared import digits_map
from lora_book.shared.fits import exponent, geometric_mean
from lora_book.shared.scale_rules import SCALE_RULES
from lora_edu import SGD, Adam, Adapter, Regression, initial, train
from lora_edu.explore.words import signed
from tests.lora_book.figure_words import reading

K = 24
SIGMA = 0.1
RNG = np.random.default_rng(3)
W0 = RNG.normal(size=(32, K))
SHIFT = RNG.normal(size=(32, K))
SHIFT[::2] = 0  # some of the outputs are right already
TASK = Regression(W0, W0 + SHIFT, RNG.normal(size=(200, K)) / np.arange(1, K + 1) ** 0.5)
BOTH = pytest.mark.parametrize("name", ("SGD", "Adam"))


def start(r, s, seed=0):
    return Adapter(*initial(32, K, r, distribution=SIGMA, rng=np.random.default_rng(seed)), s)


def first_steps(name, r, s, eta, draws):
    """ΔW after one step through ``train``, for so many starts: (draws, d, k)."""
    optimiser = SGD(eta) if name == "SGD" else Adam(eta, eps=1e-30)
    return np.array([train(TASK, start(r, s, seed), optimiser, 1).adapter.delta()
                     for seed in range(draws)])


def growth(name, G, r, sigma, s=1.0, eta=1.0):
    """The theorem's useful part and norm squared."""
    k = G.shape[1]
    lengths = np.linalg.norm(G, axis=1)
    if name == "SGD":
        square = np.sum(lengths**2)
        return (eta * s**2 * sigma**2 * r * square,
                eta**2 * s**4 * sigma**4 * r * (r + k + 1) * square)
    return (eta * s * sigma * math.sqrt(2 / math.pi) * r * lengths.sum(),
            eta**2 * s**2 * sigma**2 * np.sum(lengths > 0) * (r * k + r * (r - 1) * 2 / math.pi))


@pytest.mark.claim("lem-two-moments")
def test_the_two_moments_of_a_normal_vector():
    """Gauss-Hermite quadrature with five nodes a dimension: exact for polynomials of degree 9."""
    sigma = 0.7
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    vectors = sigma * np.array(list(itertools.product(nodes, repeat=3)))
    chances = np.prod(list(itertools.product(weights, repeat=3)), axis=1)
    squares = vectors[:, :, None] * vectors[:, None]  # a·aᵀ
    some_C = np.array([[2.0, -1.0, 0.5], [-1.0, 1.0, 3.0], [0.5, 3.0, -4.0]])  # tr C = −1
    for C, want in ((some_C, 2 * some_C - np.eye(3)), (np.eye(3), 5 * np.eye(3))):
        mean = np.average(squares @ C @ squares, axis=0, weights=chances)  # C = I: of ‖a‖²·a·aᵀ
        np.testing.assert_allclose(mean, sigma**4 * want, atol=1e-12)


@pytest.mark.claim("thm-growth", "cor-one-number", "thm-kept")
@pytest.mark.parametrize(("r", "s", "eta"), [(1, 0.7, 0.001), (8, 2.1, 0.001), (32, 0.7, 0.004)])
@BOTH
def test_how_the_first_step_grows(name, r, s, eta):
    """So with r, s and η through one number alone, η·s·r, or η·s²·r under SGD.

    The means lie within four standard errors, and these are small enough to tell.
    """
    G = TASK.gradient(W0)
    parts = [(-np.vdot(delta, G), np.vdot(delta, delta))
             for delta in first_steps(name, r, s, eta, 400)]
    error = np.std(parts, axis=0) / math.sqrt(400)
    want = np.array(growth(name, G, r, SIGMA, s, eta))
    assert (np.abs(np.mean(parts, axis=0) - want) < 4 * error).all()
    assert (error < 0.12 * want).all()


@pytest.mark.claim("obs-uniform-draws")
@pytest.mark.parametrize("r", (1, 8, 64))
@BOTH
def test_uniform_draws_do_nearly_the_same(name, r):
    """Under SGD with k + 1 made k − 1/5, that is 3.5 % less at r = 1 and k = 32."""
    rng = np.random.default_rng(0)
    k = 32
    sigma = 1 / math.sqrt(96)
    G = rng.normal(size=(32, k)) * np.linspace(0.1, 2, 32)[:, None]
    G[::8] = 0
    draws = rng.uniform(-1, 1, (1000, r, k)) / math.sqrt(k)
    deltas = [-(G @ A.T if name == "SGD" else np.sign(G @ A.T)) @ A for A in draws]
    parts = np.mean([(-np.vdot(delta, G), np.vdot(delta, delta)) for delta in deltas], axis=0)
    useful, square = parts / growth(name, G, r, sigma)
    assert useful == pytest.approx(1, abs=0.03)
    want, off = ((r + k - 0.2) / (r + k + 1), 0.02) if name == "SGD" else (1, 0.03)
    assert square == pytest.approx(want, abs=off) and (square < 1 or name == "Adam")


@pytest.mark.claim("thm-best-rate")
@pytest.mark.parametrize(("r", "s"), [(2, 1.0), (8, 0.25), (32, 1.0)])
@BOTH
def test_the_best_first_rate_is_the_theorems(name, r, s):
    """The bottom of the mean loss over steps of several lengths: not the theorem's two terms."""
    deltas = first_steps(name, r, s, 1.0, 1000)
    etas = np.array([0.0, 1.0, 2.0]) / (s * r)  # a parabola: three points are enough
    losses = [np.mean([TASK.loss(W0 + eta * delta) for delta in deltas]) for eta in etas]
    square, linear, _ = np.polyfit(etas, losses, 2)
    proved = runs_rate.best_first_rate(TASK, name, r, s, SIGMA)
    assert -linear / (2 * square) == pytest.approx(proved, rel=0.05)


def powers(name, inputs, count):
    """rule → (power of r in the best rate, its standard error)."""
    return {rule: exponent(runs_rate.RANKS, runs_rate.best_rates(rule, name, inputs, count))
            for rule in SCALE_RULES}


@pytest.mark.claim("obs-best-rate")
@pytest.mark.parametrize("inputs", runs_rate.INPUTS)
def test_after_thirty_steps_of_sgd_the_best_rate_goes_like_one_over_s(inputs):
    means = [mean for mean, _ in powers("SGD", inputs, 30).values()]
    assert means == pytest.approx([0, 0.5, 1], abs=0.1)


@pytest.mark.claim("obs-best-rate")
@pytest.mark.parametrize(("inputs", "after_one", "after_thirty", "power", "error"), [
    ("one direction", "LoRA", "LoRA", 0.10, 0.05), ("about ten", "rsLoRA", "rsLoRA", -0.08, 0.02),
    ("all directions", "unscaled", "rsLoRA", 0.08, 0.03)])
def test_which_rule_is_flattest_for_adam(inputs, after_one, after_thirty, power, error):
    for steps, flattest in ((1, after_one), (30, after_thirty)):
        of_rules = powers("Adam", inputs, steps)
        assert min(of_rules, key=lambda rule: abs(of_rules[rule][0])) == flattest
    assert of_rules[after_thirty] == pytest.approx((power, error), abs=0.006)


@pytest.mark.claim("thm-learning-scale")
@pytest.mark.parametrize("power", (-1.25, -1, -0.5, 0))  # of r in the scale
@BOTH
def test_only_one_over_r_keeps_the_second_move_of_a(name, power):
    u = {"SGD": 0.8, "Adam": 0.05}[name]
    moves = []
    for r in (64, 16384):
        s = 1.7 * r**power
        optimiser = SGD(u / (s**2 * r)) if name == "SGD" else Adam(u / (s * r), eps=1e-300)
        before = start(r, s)
        one, two = (train(TASK, before, optimiser, steps).adapter for steps in (1, 2))
        np.testing.assert_array_equal(one.A, before.A)
        move = two.A - before.A
        if name == "SGD":
            G1 = TASK.gradient(W0 + one.delta())
            np.testing.assert_allclose(
                move, (u / (s * r))**2 * before.A @ TASK.gradient(W0).T @ G1, rtol=1e-7, atol=1e-13)
        else:
            np.testing.assert_allclose(np.abs(move), math.sqrt(1.999) / 1.9 * u / (s * r))
        moves.append(np.linalg.norm(move, axis=1).mean())
    growth_of_move = math.log(moves[1] / moves[0]) / math.log(16384 / 64)
    assert growth_of_move == pytest.approx({"SGD": -2, "Adam": -1}[name] * (1 + power), abs=0.06)


@pytest.mark.claim("obs-one-rate")
@pytest.mark.parametrize(("angle", "shared", "kept", "root"), [
    ("45°", 0.387, (0.368, 0.099), (0.158, 0.081)), ("90°", 0.504, (0.413, 0.132), (0.185, 0.130))])
def test_at_a_small_rate_the_longer_steps_win(angle, shared, kept, root):
    task = f"{angle}, Adam"
    small = digits_map.tuned(task, 8, 1.0) - 4  # half octaves: a quarter of the tuned rate
    assert geometric_mean(digits_map.losses(task, 8, 1.0))[small] == pytest.approx(shared, abs=5e-4)
    for rule, at_64 in (("α fixed", kept), ("rsLoRA", root)):
        s = digits_map.ALPHA_RULES[rule](64, 8)
        losses = geometric_mean(digits_map.losses(task, 64, s))
        assert (losses[small], losses.min()) == pytest.approx(at_64, abs=5e-4)


def exposures(figure):
    """Divisor → what stands under its print."""
    names, captions = (trace["text"] for trace in figure["data"] if trace.get("mode") == "text")
    return dict(zip(names, captions, strict=True))


def test_a_scale_that_forgets_the_terms_spoils_the_exposure():
    assert exposures(darkrooms(4096)) == {
        "÷ 1": "overexposed", "÷ √r": "overexposed", "÷ r": "well exposed"}
    assert exposures(darkrooms(4096, "SGD")) == {
        "÷ 1": "overexposed", "÷ √r": "well exposed", "÷ r": "too dark"}
    assert set(exposures(darkrooms(1)).values()) == {"lost in the grain"}


@BOTH
def test_the_best_rates_are_said_with_their_powers(name):
    for mean, error in powers(name, "one direction", 1).values():
        assert f"{signed(mean)} (± {error:.2f})" in reading(best_rate(name))
