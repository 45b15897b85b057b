"""A bad argument is named, with what it was and what is allowed; numbers of any kind are taken."""

import math
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lora_edu import (
    DISTRIBUTIONS,
    OPTIMISERS,
    RULES,
    SGD,
    STARTS,
    Adam,
    Adapter,
    Clipped,
    Momentum,
    Optimiser,
    Regression,
    checks,
    effective_rank,
    equivalent,
    initial,
    optimiser,
    scaling,
    stacked_runs,
    sweep,
    teacher_student,
    train,
)

RNG, ONE, ONES = np.random.default_rng(0), np.ones((1, 1)), np.ones((2, 3))
PROBLEM = teacher_student(5, 7, n=12, rng=np.random.default_rng(0))
A, B = initial(5, 7, 3, "both random", rng=np.random.default_rng(0))
ADAPTER, TWO_BY_THREE = Adapter(A, B, 1.5), Adapter(np.ones((1, 3)), np.ones((2, 1)), 1.0)
TASK = Regression(ONES, ONES, ONES)


class OwnLoss(Regression):
    pass


@dataclass(frozen=True)
class Rebinds(Optimiser):
    lr: float

    def update(self, params, grads, state):
        for p, g in zip(params, grads, strict=True):
            p = p - self.lr * g
        return state


def start(**changed):
    return initial(**{"d": 4, "k": 5, "r": 2, "rng": RNG} | changed)


def teacher(**changed):
    return teacher_student(**{"d": 4, "k": 5, "rng": RNG} | changed)


def grid(problem=PROBLEM, **changed):
    return sweep(problem, **{"r": 2, "alpha": 4, "lr": 0.01, "steps": 2} | changed)


def trained(**changed):
    return train(**{"problem": PROBLEM, "adapter": ADAPTER, "optimiser": SGD(0.1), "steps": 1}
                 | changed)


def stepped(params, grads, kind=SGD, **settings):
    optimiser = kind(**{"lr": 0.1} | settings)
    return optimiser.step(params, grads, optimiser.init([ONES] * 2))


ERRORS = [  # a row an argument: the call, the error, how it begins, and what it also names
    (lambda: scaling(0, 16), ValueError, "r must be at least 1, got 0", []),
    (lambda: scaling(8, 0), ValueError, "alpha must be finite and greater than 0, got 0", []),
    (lambda: scaling(8, 16, "rs"), ValueError, "rule must be one of", ["'rs'", *RULES]),
    (lambda: scaling(8, 16, ONES), ValueError, "rule must be one of", ["array", *RULES]),
    (lambda: scaling(8, 16, torch.ones(2)), ValueError, "rule must be one of", ["tensor"]),
    (lambda: scaling(8, 5e-324), ValueError, "alpha must be large enough", ["5e-324", "r = 8"]),
    (lambda: scaling(8, 10**400), ValueError, "alpha must be finite and greater than 0", ["1000"]),
    (lambda: scaling(10**400, 8), ValueError, "r must be at most 9223372036854775807", ["1000"]),
    (lambda: Adapter(np.ones((0, 3)), np.ones((2, 0)), 1.0), ValueError, "A must", ["(0, 3)"]),
    (lambda: Adapter(ONES, np.ones((4, 1)), 1.0), ValueError, "B must", ["(any, 2)", "(4, 1)"]),
    (lambda: Adapter(np.ma.masked_equal(ONE, 1), ONE, 1), TypeError, "A must be", ["mask"]),
    (lambda: Adapter(ONE, ONE, 0), ValueError, "scaling must be finite and greater than 0", []),
    (lambda: TWO_BY_THREE.merge(ONES.T), ValueError, "W0 must", ["(2, 3)", "(3, 2)"]),
    (lambda: TWO_BY_THREE.gradients(ONE), ValueError, "G must", ["(2, 3)", "(1, 1)"]),
    (lambda: TWO_BY_THREE.forward(ONES.T, ONES), ValueError, "X must", ["(any, 3)", "(3, 2)"]),
    *((lambda name=name: start(**{name: 0}), ValueError, f"{name} must be at least 1, got 0", [])
      for name in ("d", "k", "r")),
    (lambda: start(start="zeros"), ValueError, "start must be one of", ["'zeros'", *STARTS]),
    (lambda: start(start="BA zero", r=1), ValueError, "start 'BA zero' needs r of at least 2", []),
    (lambda: start(distribution="xavier"), ValueError, "distribution must be one of",
     ["'xavier'", *DISTRIBUTIONS]),
    (lambda: start(rng=0), TypeError, "rng must be a numpy.random.Generator", ["default_rng(0)"]),
    *((lambda name=name: teacher(**{name: 0}), ValueError, f"{name} must be at least 1, got 0", [])
      for name in ("d", "k", "n", "shift_rank")),
    (lambda: teacher(spectrum=-1), ValueError, "spectrum must be finite and at least 0", ["-1"]),
    (lambda: teacher(rng=0), TypeError, "rng must be a numpy.random.Generator", []),
    (lambda: Regression(ONES, ONES.T, ONES), ValueError, "W_star must", ["(2, 3)", "(3, 2)"]),
    (lambda: Regression(ONES, ONES * math.inf, ONES), ValueError, "W_star must be finite", ["6"]),
    (lambda: Regression(ONES, ONES, ONES[:0]), ValueError, "X must have at least one row", []),
    (lambda: TASK.loss_and_gradient(ONE), ValueError, "W must", ["(2, 3)", "(1, 1)"]),
    (lambda: effective_rank(0 * ONES), ValueError, "X must not be all zero", []),
    (lambda: SGD((0.1, 0)), ValueError, "lr[1] must be finite and greater than 0, got 0", []),
    *((lambda kind=kind, lr=lr: kind(lr), error, "lr", [named])
      for kind in OPTIMISERS.values() for lr, error, named in (
          (ONES * -0.5, ValueError, "got -0.5"), (ONES * math.nan, ValueError, "got nan"),
          (ONES * 0, ValueError, "got 0.0"), (ONES > 0, TypeError, "dtype bool"),
          (ONES[:0], ValueError, "(0, 3)"), ((), ValueError, "()"),
          ([[0.1, 0.2]], TypeError, "lr[0] must be a number"))),
    *((lambda kind=kind: kind(0.1, weight_decay=ONES), TypeError, "weight_decay must be a number",
       []) for kind in OPTIMISERS.values() if hasattr(kind, "weight_decay")),
    *((lambda kind=kind: kind(0.1, eps=ONES), TypeError, "eps must be a number", [])
      for kind in OPTIMISERS.values() if hasattr(kind, "eps")),
    *((lambda kind=kind: kind(0.1, weight_decay=-1), ValueError, "weight_decay must be", ["-1"])
      for kind in OPTIMISERS.values() if hasattr(kind, "weight_decay")),
    (lambda: Momentum(0.1, momentum=1), ValueError,
     "momentum must be finite and at least 0 and less than 1, got 1", []),
    (lambda: Momentum(0.1, nesterov=1), TypeError, "nesterov must be True or False, got 1", []),
    (lambda: Adam(eps=-1), ValueError, "eps must be finite and at least 0, got -1", []),
    (lambda: Adam(betas=(1.0, 0.9)), ValueError, "betas[0] must be", ["1.0"]),
    (lambda: Adam(betas=0.9), ValueError, "betas must be two numbers, got 0.9", []),
    (lambda: optimiser("Muon", eps=0), ValueError, "eps must be finite and greater than 0", []),
    (lambda: optimiser("Muon", adjust_lr_fn="none"), ValueError, "adjust_lr_fn must be one", []),
    (lambda: optimiser("Adafactor", d=0.5), ValueError, "d must be finite and at least 1", []),
    (lambda: optimiser("Adafactor", beta2_decay=0.8), ValueError, "beta2_decay must be", ["0.8"]),
    (lambda: optimiser("Muon").init([ONES, ONES[0]]), ValueError, "params[1] must be a matrix", []),
    (lambda: optimiser("adan"), ValueError, "optimiser must be one of", ["'adan'", *OPTIMISERS]),
    (lambda: stepped(ONE, [ONE]), TypeError, "params must be a list of arrays", []),
    (lambda: stepped([ONES], [ONES.T]), ValueError, "grads must have the shapes of params",
     ["[(2, 3)], got [(3, 2)]"]),
    (lambda: stepped([ONES] * 2, [ONES] * 2, lr=(0.1, 0.2, 0.3)), ValueError,
     "lr must be one number or one per array (2), got 3 numbers", []),
    (lambda: Clipped(SGD, 1.0), TypeError, "optimiser must be an optimiser such as Adam(", []),
    (lambda: Clipped(SGD(0.1), 0), ValueError, "max_norm must be finite and greater than 0", []),
    (lambda: Clipped(SGD(0.1), 1.0, eps=-1), ValueError, "eps must be finite and at least 0", []),
    (lambda: trained(problem=SimpleNamespace(W0=ONES, loss_and_gradient=lambda W: (1.0, ONES.T)),
                     adapter=TWO_BY_THREE), ValueError, "G must", ["(2, 3)", "(3, 2)"]),
    *((lambda result=result: trained(
        problem=SimpleNamespace(W0=ONES, loss_and_gradient=lambda W: result), adapter=TWO_BY_THREE),
       TypeError, words, []) for result, words in (
           (None, "problem.loss_and_gradient must return the loss and its gradient, got None"),
           ((1.0, ONES, 0), "problem.loss_and_gradient must return"),
           ((None, ONES), "loss must be a number, got None"))),
    (lambda: trained(problem="x"), TypeError, "problem must have W0 and loss_and_gra", ["'x'"]),
    (lambda: trained(optimiser=Rebinds(0.1)), TypeError,
     "optimiser must change the params in place", ["Rebinds(lr=0.1"]),
    (lambda: trained(adapter=TWO_BY_THREE), ValueError, "adapter must have the shape of W0 (5, 7)",
     ["(2, 3)"]),
    (lambda: trained(optimiser=SGD), TypeError, "optimiser must be", ["SGD"]),
    (lambda: trained(steps=-1), ValueError, "steps must be at least 0, got -1", []),
    (lambda: grid(OwnLoss(ONES, ONES, ONES)), TypeError, "problem must be a Regression, got Own",
     []),
    (lambda: grid(r=[1, 2.5]), TypeError, "r must be a whole number, got 2.5", []),
    (lambda: grid(alpha=math.nan), ValueError, "alpha must be finite", []),
    (lambda: grid(alpha=[ONE, ONE]), TypeError, "alpha must be a number", []),
    (lambda: grid(seed=()), ValueError, "seed must be one value or a sequence of distinct", []),
    (lambda: grid(lr=[0.1, 0.1]), ValueError, "lr must be one value or a sequence of distinct", []),
    (lambda: grid(start="zero"), ValueError, "start must be one of", []),
    (lambda: grid(seed=[0, -1]), ValueError, "seed must be at least 0, got -1", []),
    (lambda: grid(optimiser="adan"), ValueError, "optimiser must be one of", []),
    (lambda: grid(optimiser=dict), TypeError, "optimiser must be an optimiser such as Adam(", []),
    *((lambda wrong=wrong: grid(optimiser=wrong), TypeError, "optimiser must be a name, or",
       ["lambda lr: Clipped(Adam(lr), 1.0)"]) for wrong in (Clipped, Clipped(Adam(), 1.0))),
    (lambda: grid(optimiser=Rebinds), TypeError, "optimiser must change the params in place", []),
    (lambda: grid(executor=2), TypeError, "executor must be a concurrent.futures.Executor", ["2"]),
    (lambda: grid(rule="1/r"), ValueError, "rule must be one of", []),
    (lambda: grid(steps=-1), ValueError, "steps must be at least 0", []),
    (lambda: grid(eps_=1), TypeError, "Adam.__init__() got an unexpected keyword", ["eps_"]),
    (lambda: grid().select(r=3), ValueError, "r must be one of 2, got 3", []),
    (lambda: grid().select(eta=0.01), ValueError, "setting must be one of 'r', 'alpha'", []),
    *((lambda step=step: grid().rows(step), TypeError, "step must be a whole number", [repr(step)])
      for step in (slice(1, 2), [0, 1], None, True, 1.0)),
    (lambda: grid().rows(3), ValueError, "step must be at most 2, got 3", []),
    (lambda: grid().rows(-4), ValueError, "step must be at least -3, got -4", []),
    (lambda: equivalent(A, Adam(), 2), TypeError, "adapter must be an Adapter", []),
    (lambda: equivalent(ADAPTER, "Adam", 2), TypeError, "optimiser must be", ["'Adam'"]),
    *((lambda name=name: equivalent(ADAPTER, Adam(), **{"a": 1} | {name: 0}), ValueError,
       f"{name} must be finite and greater than 1e-100 and less than 1e+100", []) for name in "ab"),
    (lambda: equivalent(ADAPTER, Rebinds(0.1), 2), TypeError, "optimiser must have powers",
     ["Rebinds(lr=0.1"]),
    (lambda: equivalent(ADAPTER, Clipped(Adam(0.1), 1.0), 1, 2), ValueError,
     "a and b must be equal when gradients are clipped", ["b = 2"]),
    (lambda: equivalent(ADAPTER, SGD((1, 2, 3)), 2), ValueError,
     "lr must be one number or one each for A and B, got (1", []),
    (lambda: equivalent(ADAPTER, SGD(np.ones((2, 1, 1))), 2), ValueError,
     "lr must be one number or one each for A and B", []),
]


@pytest.mark.parametrize(("call", "error", "words", "named"), ERRORS, ids=range(len(ERRORS)))
def test_a_bad_argument_is_named_with_its_value(call, error, words, named):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(words)
    assert [word for word in named if word not in str(caught.value)] == []


def test_a_sweep_checks_all_before_its_first_run(monkeypatch):
    monkeypatch.setattr(stacked_runs, "train_runs", None)
    with pytest.raises(ValueError, match=r"start 'BA zero' needs r of at least 2"):
        grid(start=[*STARTS], r=[2, 1])


@pytest.mark.parametrize("value", [True, "8", 1j, np.ones(2)], ids=repr)
def test_what_is_no_number(value):
    for check, what in ((checks.number, "a number"), (checks.integer, "a whole number")):
        with pytest.raises(TypeError) as caught:
            check("size", value, minimum=0)
        assert str(caught.value).startswith(f"size must be {what}, got {value!r}")


@pytest.mark.parametrize("value", [  # what NumPy would turn into float64, or what it cannot turn
    ONE + 1j, [[True]], [[1.0], [1.0, 2.0]], torch.ones(1, 1, requires_grad=True)], ids=repr)
def test_what_holds_no_real_numbers(value):
    with pytest.raises(TypeError, match=r"^A must be a matrix of numbers.*, got "):
        Adapter(value, ONE, 1.0)


@pytest.mark.parametrize("value", [np.int8(2), np.array(2), torch.tensor(2)], ids=repr)
def test_a_number_may_be_numpys_or_torchs(value):
    runs = sweep(PROBLEM, r=value, alpha=value, lr=0.01, seed=value, steps=value)
    assert repr(runs.axes["r"]) == repr(runs.axes["alpha"]) == repr(runs.axes["seed"]) == "(2,)"
    assert runs.select(r=value).loss.shape == (1, 1, 1, 1, 3)
    assert SGD(value).step([ONE], [ONE], ())[0][0].item() == -1.0
    assert Adapter([[value]], ONE, value).A.tolist() == [[2.0]]


def test_a_failed_step_notes_what_it_was_given():
    with pytest.raises(IndexError) as caught:
        Adam().step([A], [A], ())
    assert r"shapes [(3, 7)], state = ()" in caught.value.__notes__[0]
