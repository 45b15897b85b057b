"""The map of turned digits is what training gives, and its figures are the map."""

import numpy as np
import pytest

from lora_edu.chapters import first_r
from lora_edu.chapters.first_r import compute
from lora_edu.chapters.first_r.figures import carry, pictures, readings
from lora_edu.chapters.shared import digits, mlp
from lora_edu.explore.plain import plain_figure

ADAM, NINETY, SGD = first_r.TASKS
_, _, SAME, _ = first_r.ALPHA_RULES

def reading(figure):
    return plain_figure(figure)["layout"]["meta"]["reading"]


SAMPLE = [(ADAM, 1, 1.0, 0.0442), (ADAM, 8, 1.0, 0.0442), (ADAM, 64, 0.125, 0.0442),
          (ADAM, 8, 64.0, 0.00391), (ADAM, 4, 2**0.5, 0.0312), (NINETY, 8, 1.0, 0.0312),
          (NINETY, 64, 0.125, 0.0312), (SGD, 8, 1.0, 0.25), (SGD, 2, 4.0, 0.0156)]


@pytest.mark.parametrize(("task", "r", "s", "eta"), SAMPLE)
def test_a_sample_of_the_map_trained_anew(task, r, s, eta):
    """The map is rounded to float16, and its runs to float32.

    Near the largest rate that trains, steps multiply differences: there a seed may end a few per
    cent elsewhere on another processor, and the middle of the seeds may not.
    """
    rates = first_r.TASKS[task].rates
    at = int(np.abs(np.log(np.array(rates) / eta)).argmin())
    now = compute.train(task, r, s, rates=rates[at:at + 1])[0]
    off = np.abs(now / first_r.losses(task, r, s)[at] - 1)
    assert np.median(off) < 0.01 and off.max() < 0.1


def test_the_map_holds_every_rule_at_every_first_rank():
    for task in first_r.TASKS:
        for scale in first_r.ALPHA_RULES.values():
            for r1 in first_r.FIRST:
                found = first_r.regrets(task, scale, r1)
                assert found.shape == (7, 5) and (found > 0).all()
                assert (first_r.mean(found) >= 1 - 1e-12).all()
                assert (found[first_r.RANKS.index(r1)] == 1).all()


@pytest.mark.parametrize(("task", "count", "first", "last"), [
    (ADAM, 16, 2**-9.5, 2**-2), (NINETY, 16, 2**-9.5, 2**-2), (SGD, 16, 2**-11, 2**4)])
def test_the_rates_are_those_of_the_map(task, count, first, last):
    rates = first_r.TASKS[task].rates
    assert (len(rates), rates[0], rates[-1]) == (count, first, last)
    for r in first_r.RANKS:
        for s in first_r.scales(task, r):
            assert first_r.losses(task, r, s).shape == (count, len(first_r.SEEDS))


def test_a_scale_may_be_rounded():
    np.testing.assert_array_equal(first_r.losses(ADAM, 8, 1 / np.sqrt(8)),
                                  first_r.losses(ADAM, 8, 2**-1.5))
    np.testing.assert_array_equal(first_r.losses(ADAM, 8, 0.3535533905932738),
                                  first_r.losses(ADAM, 8, 0.35355339059327373))


def test_the_map_cannot_be_changed_by_its_reader():
    with pytest.raises(ValueError, match="read-only"):
        first_r.losses(ADAM, 8, 1.0)[0] = 0


def test_a_best_rate_at_an_end_of_those_tried_is_marked():
    assert first_r.at_an_end(SGD, 64, 1 / 64) and not first_r.at_an_end(SGD, 64, 1 / 8)
    said = [reading(carry(SGD, "kept", r1, 64)) for r1 in (1, 8)]
    assert ["at the end of those tried" in words for words in said] == [True, False]
    assert "α = 64 (the largest tried)" in reading(readings(1, 0.002))
    assert "tried" not in reading(readings(1, 0.03))


@pytest.mark.parametrize(("change", "words"), [
    ({"task": "30°"}, "task must be one of"), ({"r": 3}, "r must be one of"),
    ({"s": 3.0}, "s must be one of"), ({"s": -1}, "s must be finite and greater than 0")])
def test_what_the_map_does_not_hold_is_named(change, words):
    with pytest.raises(ValueError, match=words):
        first_r.losses(**{"task": ADAM, "r": 8, "s": 1.0, **change})


def test_the_training_of_the_map_has_a_frozen_model_s_loss_at_tiny_rates():
    data = digits.load(45)
    end, = mlp.adapt(compute.model(), data.X_train, data.y_train, r=2, s=[1.0], lr=[1e-12],
                     seed=[0])
    frozen = compute.model().loss(data.X_train, data.y_train)
    assert end.loss(data.X_train, data.y_train) == pytest.approx(frozen, rel=1e-6)


def test_the_figure_of_carrying_says_and_draws_its_regret():
    figure = plain_figure(carry(ADAM, "= r", 8, 64))
    value = first_r.mean(first_r.regrets(ADAM, first_r.ALPHA_RULES[SAME], 8)[-1])
    assert f"regret {value:.3g} (seeds" in figure["layout"]["meta"]["reading"]
    line = next(t for t in figure["data"] if t["name"] == SAME)
    assert line["customdata"][-1] == pytest.approx(value)
    marks = {t["name"]: t for t in figure["data"] if len(t["x"]) == 1}
    rates = first_r.TASKS[ADAM].rates
    assert marks["carried"]["x"][0] == marks["tuned at r₁"]["x"][0] == rates[
        first_r.tuned(ADAM, 8, 1.0)]
    assert marks["carried"]["customdata"][0] == pytest.approx(
        value * marks["tuned anew"]["customdata"][0])


def test_the_figure_of_carrying_says_that_runs_diverge():
    said = [reading(carry(SGD, rule, 8, r)) for rule, r in (("kept", 1), ("= r", 64))]
    assert "5 of 5 seeds diverge" in said[0] and "1 of 5 seeds diverge" in said[1]


def test_the_plane_is_darkest_where_the_loss_is_least():
    figure = plain_figure(readings(8, 0.03))
    z = np.array(figure["data"][0]["z"])
    i, j = np.unravel_index(z.argmin(), z.shape)
    least = min(first_r.mean(first_r.losses(ADAM, 8, s)).min() for s in first_r.PLANE)
    assert first_r.mean(first_r.losses(ADAM, 8, first_r.PLANE[j]))[i] == pytest.approx(least,
                                                                                       rel=0.01)


def test_the_pictures_are_one_of_each_digit():
    z = np.array(plain_figure(pictures())["data"][0]["z"])
    data = digits.load(45)
    first_seven = data.X_train[list(data.y_train).index(7)].reshape(8, 8)
    np.testing.assert_allclose(z[10:18, 70:78], 100 * first_seven, atol=0.501)
