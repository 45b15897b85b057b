"""The claims of the chapter The first r you try."""

import numpy as np
import pytest
import torch

from lora_edu import (
    Adam,
    Adapter,
    digits,
    effective_rank,
    first_r,
    initial,
    sweep,
    teacher_student,
    train,
)
from lora_edu.figures import divide_by_r, readings
from lora_edu.figures.best_rate import bottom
from lora_edu.figures.divide_by_r import exponent

ADAM, NINETY, SGD = first_r.TASKS
KEPT, RSLORA, SAME, TWICE = first_r.RULES


# --- the set-up

def test_upright_digits_are_read_and_turned_ones_are_not():
    model = first_r.model()
    for angle, low, high in ((0, 0.96, 1.0), (45, 0.05, 0.25), (90, 0.05, 0.25)):
        data = digits.load(angle)
        assert low < model.accuracy(data.X_test, data.y_test) < high


@pytest.mark.parametrize("angle", [45, 90])
def test_what_the_layers_receive_lies_in_few_directions(angle):
    for seen in first_r.model().features(digits.load(angle).X_train)[:3]:
        assert effective_rank(seen) < 2.1
        assert effective_rank(seen - seen.mean(axis=0)) > 2.5 * effective_rank(seen)


@pytest.mark.parametrize("angle", [45, 90])
def test_the_crossover_rank_of_every_layer_is_below_three(angle):
    """r_c of the last chapter's theorem, with G from autograd."""
    data, model = digits.load(angle), first_r.model()
    weights = [torch.tensor(W, requires_grad=True) for W in model.weights]
    seen = [torch.tensor(data.X_train)]
    for W, b in zip(weights, model.biases, strict=True):
        Z = seen[-1] @ W.T + torch.tensor(b)
        seen.append(torch.relu(Z))
    torch.nn.functional.cross_entropy(Z, torch.tensor(data.y_train)).backward()
    for W, h in zip(weights, seen, strict=False):
        rows = [g / g.norm() for g in W.grad if g.norm() > 0]
        C = h.detach().T @ h.detach() / len(h)
        along = torch.stack([g @ C @ g for g in rows]).mean()
        assert 1.5 < torch.pi / 2 * C.trace() / along < 3


# --- the first step

@pytest.mark.parametrize(("scale", "power"), [
    (first_r.RULES[KEPT], 0), (first_r.RULES[RSLORA], 0.5), (first_r.RULES[SAME], 1),
    (first_r.RULES[TWICE], 1), (lambda r, r1: r / r1, 2)])
def test_the_useful_part_of_the_first_step_at_a_carried_rate(scale, power):
    task, r1, lr = divide_by_r.problem(), 8, 1e-4
    useful = {}
    for r in (r1, 4 * r1):
        draws = []
        for seed in range(100):
            A, B = initial(64, 64, r, distribution=0.1, rng=np.random.default_rng(seed))
            draws.append(train(task, Adapter(A, B, scale(r, r1)), Adam(lr, eps=1e-30), 1).useful[1])
        useful[r] = np.mean(draws)
    assert useful[4 * r1] / useful[r1] == pytest.approx(4**power, rel=0.03)


# --- carrying η

def regret(task, rule, r, r1=8):
    return first_r.regrets(task, first_r.RULES[rule], r1, (r,))[0]


@pytest.mark.parametrize("task", [ADAM, NINETY])
def test_keeping_alpha_carries_under_adam_from_every_first_rank(task):
    for r1 in first_r.FIRST:
        means = first_r.mean(first_r.regrets(task, first_r.RULES[KEPT], r1))
        assert (means < 1.3).all()
        if r1 == 8:
            assert (means[3:] < 1.02).all()


@pytest.mark.parametrize("task", [ADAM, NINETY])
def test_alpha_that_follows_r_does_not_carry_under_adam(task):
    for rule in (SAME, TWICE):
        assert (regret(task, rule, 64) > 3).all()  # every seed
        assert first_r.mean(regret(task, rule, 64)) > 5
    assert first_r.mean(regret(task, RSLORA, 64)) == pytest.approx(2.1, abs=0.3)


def powers(task, rule, r1=8):
    logs = np.log(first_r.TASKS[task].rates)
    return exponent(first_r.RANKS, np.array([
        [bottom(logs, np.log(column)) for column in
         first_r.losses(task, r, first_r.RULES[rule](r, r1)).T] for r in first_r.RANKS]))


@pytest.mark.parametrize(("task", "rule", "power"), [
    (ADAM, KEPT, 0.09), (ADAM, RSLORA, -0.16), (ADAM, SAME, -0.42),
    (NINETY, KEPT, 0.07), (NINETY, RSLORA, -0.19), (NINETY, SAME, -0.46),
    (SGD, KEPT, 1.0), (SGD, RSLORA, 0.5), (SGD, SAME, 0.0)])
def test_the_power_of_r_in_the_best_rate(task, rule, power):
    mean, error = powers(task, rule)
    assert mean == pytest.approx(power, abs=0.05 + error) and error < 0.05


@pytest.mark.parametrize("task", [ADAM, NINETY])
def test_flattest_is_not_best(task):
    least = {rule: first_r.mean(first_r.losses(task, 64, scale(64, 8))).min()
             for rule, scale in first_r.RULES.items()}
    assert list(least) == sorted(least, key=least.get, reverse=True)
    assert least[KEPT] > 1.3 * least[SAME]


def test_under_sgd_keeping_alpha_fails_and_a_constant_scale_carries():
    assert (regret(SGD, KEPT, 64) > 3).all()
    assert all(np.isinf(regret(SGD, KEPT, r)).all() for r in (1, 2, 4))
    assert all((regret(SGD, SAME, r) == 1).all() for r in (1, 2, 4, 8, 16, 32))
    assert np.isinf(regret(SGD, SAME, 64)).sum() == 1  # the cliff


def carried(spectrum, steps, r1, rates):
    """rule → regret at r = 64 on the chapter's small regressions."""
    task, found = teacher_student(32, 32, spectrum=spectrum, rng=np.random.default_rng(0)), {}
    for rule, scale in first_r.RULES.items():
        runs = [np.log(sweep(task, r=r, alpha=scale(r, r1), lr=rates, seed=range(3), steps=steps,
                             rule="none").loss[0, 0, :, 0, :, -1]).mean(axis=1)
                for r in (r1, 64)]
        found[rule] = np.exp(runs[1][runs[0].argmin()] - runs[1].min())
    return found


def test_the_small_regression_in_the_open():
    found = carried(2.0, 30, 8, 2.0 ** np.arange(-10, 0.5, 0.5))
    assert found[KEPT] < 1.02 and found[SAME] > 2


def test_from_below_the_crossover_rank_rslora_carries_better():
    found = carried(0.0, 10, 1, 2.0 ** np.arange(-9, 2, 0.5))
    assert found[RSLORA] < 1.05 and found[KEPT] > 1.4 and found[SAME] > 4


# --- the plane

def test_at_rank_one_the_valley_is_level_and_falls_like_the_root_of_s():
    alphas, rates = (1, 2, 4, 8, 16), first_r.TASKS[ADAM].rates
    at = [first_r.tuned(ADAM, 1, alpha) for alpha in alphas]
    assert [rates[i] * alpha**0.5 / rates[at[0]] for i, alpha in zip(at, alphas, strict=True)
            ] == pytest.approx([1] * 5)
    there, later = (np.array([first_r.mean(first_r.losses(ADAM, r, alpha / r))[i]
                              for i, alpha in zip(at, alphas, strict=True)]) for r in (1, 64))
    assert there.max() / there.min() < 1.1
    assert (np.diff(later) < 0).all() and later[0] / later[-1] > 1.5


def test_a_small_eta_drives_the_search_over_alpha_to_its_edge():
    _, one, tuned = readings.found(0.002).values()
    assert tuned[0] == 64 and one[0] == 1
    assert readings.loss_at(64, *tuned) > 2 * readings.loss_at(64, *one)
    assert readings.found(0.03)["α tuned at r = 1, η given"][0] == 8


def test_alpha_times_r_is_worse_than_no_division():
    def times(r, r1):
        return r / r1

    down, up = first_r.mean(first_r.regrets(ADAM, times, 8, (1, 64)))
    assert down > 1.5 and up > 3 * first_r.mean(regret(ADAM, SAME, 64))
