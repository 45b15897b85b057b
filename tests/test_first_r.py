"""The claims of the chapter The first r you try."""

import re
from pathlib import Path

import numpy as np
import pytest

from lora_edu import Adam, Adapter, checks, digits, effective_rank, first_r, initial, mlp, train
from lora_edu.figures import best_rate, divide_by_r
from lora_edu.figures import first_r as figure
from lora_edu.figures import readings

ADAM, NINETY, SGD = first_r.TASKS
KEPT, RSLORA, SAME, TWICE = first_r.RULES


# --- the map is what training gives

SAMPLE = [(ADAM, 1, 1.0, 0.0442), (ADAM, 8, 1.0, 0.0442), (ADAM, 64, 0.125, 0.0442),
          (ADAM, 8, 64.0, 0.00391), (ADAM, 4, 2**0.5, 0.0312), (NINETY, 8, 1.0, 0.0312),
          (NINETY, 64, 0.125, 0.0312), (SGD, 8, 1.0, 0.25), (SGD, 2, 4.0, 0.0156)]


@pytest.mark.parametrize(("task", "r", "s", "eta"), SAMPLE)
def test_a_sample_of_the_map_trained_anew(task, r, s, eta):
    """The map is rounded to float16, and its runs to float32; a step multiplies differences."""
    rates = first_r.TASKS[task].rates
    at = int(np.abs(np.log(np.array(rates) / eta)).argmin())
    now = first_r.train(task, r, s, rates=rates[at:at + 1])[0]
    np.testing.assert_allclose(now, first_r.losses(task, r, s)[at], rtol=0.02)


def test_the_map_holds_every_rule_at_every_first_rank():
    for task in first_r.TASKS:
        for scale in first_r.RULES.values():
            for r1 in first_r.FIRST:
                found = first_r.regrets(task, scale, r1)
                assert found.shape == (7, 5) and (found > 0).all()
                assert (first_r.mean(found) >= 1 - 1e-12).all()
                assert (found[first_r.RANKS.index(r1)] == 1).all()


@pytest.mark.parametrize(("change", "words"), [
    ({"task": "30°"}, "task must be one of"), ({"r": 3}, "r must be one of"),
    ({"s": 3.0}, "s must be one of"), ({"s": -1}, "s must be finite and greater than 0")])
def test_what_the_map_does_not_hold_is_named(change, words):
    with pytest.raises(ValueError, match=words):
        first_r.losses(**{"task": ADAM, "r": 8, "s": 1.0, **change})


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


def test_the_training_of_the_map_has_a_frozen_model_s_loss_at_tiny_rates():
    data = digits.load(45)
    end, = mlp.adapt(first_r.model(), data.X_train, data.y_train, r=2, s=[1.0], lr=[1e-12],
                     seed=[0])
    frozen = first_r.model().loss(data.X_train, data.y_train)
    assert end.loss(data.X_train, data.y_train) == pytest.approx(frozen, rel=1e-6)


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


# --- the exercises

SOLUTION = re.compile(r"```\{solution-start\} ex-first-r-settings\n.*?```\{code-cell\} ipython3\n"
                      r"(.*?)```", re.DOTALL)


def solution():
    page = Path(__file__).parents[1] / "book/part2/first-r.md"
    namespace = {"np": np, **vars(checks)}
    exec(SOLUTION.search(page.read_text(encoding="utf-8"))[1], namespace)
    return namespace["solution"]


def test_the_printed_solution_passes_its_check(capsys):
    assert checks.first_r_settings(solution())
    assert "Right" in capsys.readouterr().out


def wrong(**changes):
    """The solution with one of the three replaced: name=function (r, r1, right answer, rule)."""
    def settings(r, r_first, lr_first, rule):
        right = dict(zip(("alpha", "lr", "s"), solution()(r, r_first, lr_first, rule), strict=True))
        return tuple(changes[name](r, r_first, value, rule) if name in changes else value
                     for name, value in right.items())
    return settings


@pytest.mark.parametrize(("settings", "words"), [
    (lambda *given: None, "returned None"),
    (lambda *given: (None, None, None), "three numbers is None"),
    (lambda r, r1, lr, rule: (r1, lr), "three numbers: alpha, lr, s"),
    (lambda r, r1, lr, rule: (r, lr, 1.0), "s is 1, but"),  # α = r under every rule
    (lambda r, r1, lr, rule: (1.0, lr, 1 / r), "s must be 1, not 0.125"),  # α = 1 always
    (lambda r, r1, lr, rule: (r1, lr, r1 / r), "this rule makes it"),  # kept under every rule
    (wrong(alpha=lambda r, r1, a, rule: 2 * a, s=lambda r, r1, s, rule: 2 * s), "must be 1, not 2"),
    (wrong(alpha=lambda r, r1, a, rule: r1), "would use"),  # rsLoRA with α = r1
    (wrong(lr=lambda r, r1, lr, rule: lr * r1 / r), "it was to be carried"),
    (wrong(s=lambda r, r1, s, rule: 1 / s), "would use"),
    (lambda r, r1, lr, rule: (r * r1, lr, r / r1 * r1), "must be 1"),  # α times r
])
def test_the_check_rejects_plausible_wrong_answers(settings, words, capsys):
    assert not checks.first_r_settings(settings)
    assert words in capsys.readouterr().out
