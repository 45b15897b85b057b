"""The chapter α is a step size."""

from functools import partial

import numpy as np
import pytest
from scipy.optimize import brentq

from lora_book.shared.tasks import task_32
from lora_book.step_size import runs
from lora_book.step_size.figures import step_size
from lora_edu import SGD, Adam, Adapter, Momentum, initial, sweep, train
from lora_edu.explore.words import number
from tests.lora_book.figure_words import headline, reading

SCALES = 8.0 ** np.array([-8, -7, -6, -2, -1, 0, 1, 3, 4])


def starts(count):
    return [initial(32, 32, runs.R, rng=np.random.default_rng(seed)) for seed in range(count)]


@pytest.mark.claim("thm-first-step", "cor-one-number")
@pytest.mark.parametrize(("rule", "length"), [
    (SGD(0.01), 1), (Momentum(0.01), 1), (Momentum(0.01, nesterov=True), 1.9),
    (Adam(0.01, eps=1e-30), 1)])
@pytest.mark.parametrize("s", (0.125, 1.0, 8.0))
def test_the_first_step(rule, length, s):
    """−ηs²·G·AᵀA and −ηs·sign(GAᵀ)·A."""
    task = task_32()
    [(A, B)] = starts(1)
    G = task.gradient(task.W0)
    along = np.sign(G @ A.T) if isinstance(rule, Adam) else s * G @ A.T
    delta = train(task, Adapter(A, B, s), rule, 1).adapter.delta()
    np.testing.assert_allclose(delta, -0.01 * length * s * along @ A, rtol=1e-9, atol=1e-15)


def needed(rule, start, s, low, high):
    """The η between low and high that takes a tenth off the loss."""
    def beyond(rate):
        loss = train(task_32(), Adapter(*start, s), rule(rate), 50).loss
        return loss[-1] / loss[0] - 0.9

    return brentq(beyond, low, high, xtol=1e-4 * low)


@pytest.mark.claim("obs-trade-bends")
@pytest.mark.parametrize(("rule", "power", "bracket", "ends", "apart"), [
    (SGD, 2, (1e-4, 1), (-1.06, -2.0), 0.13),
    (partial(Adam, eps=1e-30), 0.5, (1e-5, 2e-3), (-0.5, -1.0), 0.06)])
def test_the_trade_slides_between_its_two_ends(rule, power, bracket, ends, apart):
    """The power of α in the η that takes a tenth off the loss, for three draws of A."""
    rates = [[needed(rule, start, s, *(np.array(bracket) / (s + s**power))) for start in starts(3)]
             for s in SCALES]
    powers = np.diff(np.log(rates), axis=0) / np.diff(np.log(SCALES))[:, None]
    median = np.median(powers, axis=1)
    assert (median[0], median[-1]) == pytest.approx(ends, abs=0.006)
    assert (np.diff(median) < 0.003).all()  # it bends one way only
    assert np.ptp(powers, axis=1).max() == pytest.approx(apart, abs=0.01)


@pytest.mark.claim("obs-valley")
@pytest.mark.parametrize(("name", "rates", "slopes"), [
    ("SGD", 2.0 ** np.arange(-7, 3.1, 0.5), (-1.11, -1.02, -1.0)),
    ("Adam", 2.0 ** np.arange(-9, -0.9, 0.5), (-0.64, -0.62, -0.57))])
def test_the_valley_is_flatter_than_the_line(name, rates, slopes):
    """slopes: the least, the median and the most."""
    loss = sweep(task_32(), r=8, alpha=runs.ALPHAS, lr=rates, seed=range(5), steps=50,
                 optimiser=name).loss[0, :, :, 0, :, -1]  # (alphas, rates, seeds)
    best = loss.argmin(axis=1)
    assert ((best > 0) & (best < len(rates) - 1)).all()
    fitted = np.polyfit(np.log(runs.ALPHAS), np.log(rates[best]), 1)[0]
    assert np.percentile(fitted, (0, 50, 100)) == pytest.approx(slopes, abs=0.006)


@pytest.mark.claim("obs-far-out")
def test_adams_corner_flies_far_out_and_comes_back():
    assert not np.isfinite(runs.losses("SGD")[-1, -1, -1])
    assert runs.losses("Adam")[-1, -1].argmax() == 3
    assert ("rises to 19,576 times its initial value and ends at 16.6 times that"
            in reading(step_size("Adam", 64, 0.512)))


@pytest.mark.parametrize(("optimiser", "power"), [("SGD", 2), ("Adam", 1)])
def test_the_headline_says_how_the_runs_with_the_same_first_step_end(optimiser, power):
    ends = runs.losses(optimiser)[..., -1]
    first = np.multiply.outer(np.array(runs.ALPHAS) ** power, runs.LRS)
    for i, j in np.ndindex(ends.shape):
        same = ends[np.isclose(first, first[i, j])]
        words = headline(step_size(optimiser, runs.ALPHAS[i], runs.LRS[j]))
        if len(same) == 1:
            assert words.startswith("The loss ")
        elif same.max() > 1e6:
            assert "diverge" in words and same.min() > 1e6
        else:
            low, high = (f"{number(100 * end)} %" for end in (same.min(), same.max()))
            assert f"= {number(first[i, j])} " in words
            span = f"at {low}" if low == high else f"between {low} and {high}"
            assert f"end {span} of the initial loss" in words
