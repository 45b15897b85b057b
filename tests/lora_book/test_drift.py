"""The drift of the best rate: the law of one step for layers that share η, and what breaks it."""

import math

import numpy as np
import pytest

from lora_book.first_r import make_data, runs_models
from lora_book.language_models import runs, runs_crossover, runs_drift
from lora_book.shared import digits
from lora_book.shared.fits import geometric_mean
from lora_book.shared.mlp import MLP
from tests.lora_book.oracles import adam_step, span


@pytest.mark.claim("cor-shared-rate")
def test_layers_that_share_a_rate_have_one_crossover():
    """Two layers of 3 × 4 in one quadratic loss whose curvature couples all of their entries."""
    rng = np.random.default_rng(0)
    G = rng.normal(size=(2, 3, 4))
    root = rng.normal(size=(24, 24)) + 2 * np.sign(G).ravel()  # it favours the common direction

    def harm(steps):
        """The mean of H[T], H = rootᵀ·root."""
        return np.sum((steps.reshape(-1, 24) @ root.T)**2, axis=1).mean()

    def steps(r):
        """One step of Adam, over ηs: (draws, layers, 3, 4)."""
        A = rng.normal(size=(4000, 2, r, 4))
        return np.sign(G @ A.swapaxes(2, 3)) @ A

    mean = math.sqrt(2 / math.pi) * G / np.linalg.norm(G, axis=-1, keepdims=True)
    layers = np.eye(2)[:, :, None, None]
    one = steps(1)
    r_c = harm(one) / harm(mean)
    alone = np.array([harm(layer * one) for layer in layers])
    means = np.array([harm(layer * mean) for layer in layers])
    between = harm(mean) - means.sum()
    assert between > 0
    assert r_c == pytest.approx((alone.sum() + between) / (means.sum() + between), rel=0.02)
    assert r_c < (alone / means).min()

    ranks = np.array([1, 4, 16])
    best = [r**2 / harm(steps(r)) for r in ranks]  # η with s = 1/r, but for what is useful
    assert np.divide(best, best[0]) == pytest.approx(r_c * ranks / (ranks - 1 + r_c), rel=0.03)


def second_difference(model, steps, size=1e-4):
    """The second derivative of the loss of the digits' network along steps of its layers."""
    data = digits.load(45)
    losses = [MLP(tuple(W + h * T for W, T in zip(model.weights, steps, strict=True)),
                  model.biases).loss(data.X_train, data.y_train) for h in (-size, 0, size)]
    return (losses[0] - 2 * losses[1] + losses[2]) / size**2


@pytest.mark.claim("obs-shared-crossover")
def test_the_crossover_of_all_layers_by_differences_of_losses():
    model = make_data.model()
    network = runs_crossover.digits_network(45)
    loss = runs_crossover.loss(network[0], *network[2:])
    loss.backward()
    gradients = [layer.weight.grad.numpy() for layer in network[1]]
    rng = np.random.default_rng(1)
    draws = []
    for _ in range(100):
        rows = [rng.uniform(-1, 1, G.shape[1]) / G.shape[1]**0.5 for G in gradients]
        draws.append([np.outer(np.sign(G @ a), a) for G, a in zip(gradients, rows, strict=True)])
    of_one = np.mean([second_difference(model, draw) for draw in draws])
    of_average = second_difference(model, [sum(each) / 100 for each in zip(*draws, strict=True)])
    # An average keeps a hundredth of what differs from draw to draw.
    of_mean = of_average - (of_one - of_average) / 99
    r_c, error = runs_crossover.together(*network, draws=100)
    assert of_one / of_mean == pytest.approx(r_c, abs=4 * error)


@pytest.mark.claim("obs-shared-crossover")
@pytest.mark.parametrize(("task", "network", "draws", "ends", "shared", "rise"), [
    ("digits, 45°", lambda: runs_crossover.digits_network(45), 300, (2.0, 2.5), 1.4, 1.59),
    ("digits, 90°", lambda: runs_crossover.digits_network(90), 300, (1.8, 2.8), 1.2, 1.17),
    ("small GPT", runs_crossover.small_gpt, 32, (21, 49), 2.2, 0.88)])
def test_layers_together_have_a_lower_crossover_than_each(task, network, draws, ends, shared, rise):
    parts = network()
    r_c, error = runs_crossover.together(*parts, draws=draws)
    assert span(runs_crossover.apart(*parts)) == pytest.approx(ends, rel=0.03)
    assert r_c == pytest.approx(shared, abs=0.08) and error < 0.2
    best = geometric_mean(runs_models.best(task, "LoRA"))
    assert best[-1] / best[0] == pytest.approx(rise, abs=0.005)


@pytest.mark.claim("obs-drift")
def test_no_single_crossover_fits_the_language_models():
    assert runs_drift.falls(runs_drift.published()) == pytest.approx((0.63, 0.67, 0.14), abs=0.005)
    exact = runs_drift.one_crossover(runs_drift.PUBLISHED_RANKS, 7.0)
    assert exact[0] == 1 and runs_drift.falls(exact) == pytest.approx((1 / 4, 1 / 4, 1 / 6))

    best = np.array([[runs_drift.best_rate(model, r) for r in ranks]
                     for ranks in ((1, 4, 16), (4, 16, 64)) for model in runs.having(*ranks)])
    shares = np.array([runs_drift.falls(rates) for rates in best if np.isfinite(rates).all()])
    assert (len(shares), np.sum(shares > 0.25)) == (21, 18)
    assert np.median(shares) == pytest.approx(0.80, abs=0.005)


def losses_of_ten_steps(task, r, lr, seed, frozen):
    """Of Adam, written out, with the whole gradient of W."""
    A = np.random.default_rng(seed).uniform(-1, 1, (r, 32)) / 32**0.5
    B = np.zeros((32, r))
    memory = [[0, 0], [0, 0]]
    losses = []
    for t in range(1, 11):
        G = task.gradient(task.W0 + B @ A / r)
        step_A, step_B = adam_step(memory, (B.T @ G / r, G @ A.T / r), t, lr, 1e-8)
        A = A if frozen else A + step_A
        B = B + step_B
        losses.append(task.loss(task.W0 + B @ A / r))
    return losses


@pytest.mark.claim("obs-drift")
@pytest.mark.parametrize("optimiser", runs_drift.OPTIMISERS)
def test_the_best_rates_of_a_task_by_another_loop(optimiser):
    task = runs_drift.task("all directions", 0)
    logs = np.log(runs_drift.RATES)
    stored = runs_drift.best_after("all directions", optimiser)[:, 0]
    for r, best_rates in zip(runs_drift.RANKS[:3], stored.T[:3], strict=True):
        losses = np.mean([[losses_of_ten_steps(task, r, lr, seed, optimiser == "frozen")
                           for lr in runs_drift.RATES] for seed in runs_drift.SEEDS], axis=0)
        for steps, rate in zip(runs_drift.STEPS, best_rates, strict=True):
            least = losses[:, steps - 1].argmin()
            three = slice(least - 1, least + 2)
            bend, slope, _ = np.polyfit(logs[three], np.log(losses[three, steps - 1]), 2)
            assert -slope / 2 / bend == pytest.approx(np.log(rate), abs=1e-6)


@pytest.mark.claim("obs-drift")
@pytest.mark.parametrize(("inputs", "r_c", "one", "trained", "frozen"), [
    ("all directions", 45, 0.78, (0.16, 0.31), (0.78, 0.99)),
    ("about ten", 10, 0.53, (0.12, 0.16), (0.54, 0.89))])
def test_it_is_the_steps_of_a_that_make_the_drift_small(inputs, r_c, one, trained, frozen):
    assert runs_drift.mean_crossover(inputs) == pytest.approx(r_c, abs=0.3)
    for optimiser, ends in (("trained", trained), ("frozen", frozen)):
        powers = [runs_drift.power(best) for best in runs_drift.best_after(inputs, optimiser)]
        assert powers[0] == pytest.approx(one, abs=0.006)
        assert span(powers[1:]) == pytest.approx(ends, abs=0.006)


@pytest.mark.claim("obs-drift")
def test_what_is_left_of_the_rise_comes_early():
    after_ten = {}
    shares = []
    for inputs in runs_drift.INPUTS:
        means = [geometric_mean(best.T) for best in runs_drift.best_after(inputs, "trained")[1:]]
        shares += [runs_drift.falls(rates)[0] for rates in means]
        after_ten[inputs] = means[-1][1:] / means[-1][:-1]
    assert after_ten["all directions"] == pytest.approx((1.93, 1.42, 1.30), abs=0.005)
    assert after_ten["about ten"] == pytest.approx((1.54, 1.17, 1.06), abs=0.005)
    assert len(shares) == 8
    assert sum(share < 1 / 3 for share in shares) == 6


@pytest.mark.claim("obs-drift")
@pytest.mark.parametrize(("log", "rise"), [("small_gpt", 0.9), ("small_gpt_frozen", 2.8)])
def test_the_small_gpt_drifts_as_one_step_would_where_a_is_frozen(log, rise):
    assert runs_drift.rise_of_gpt(log) == pytest.approx(rise, abs=0.05)

