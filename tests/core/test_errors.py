"""A bad argument is named, with what it was and what is allowed; numbers of any kind are taken."""

import math
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lora_edu import (
    OPTIMISERS,
    SGD,
    Adafactor,
    Adam,
    Adapter,
    Clipped,
    Momentum,
    Muon,
    Optimiser,
    Regression,
    checks,
    effective_rank,
    equivalent,
    initial,
    scaling,
    sweep,
    teacher_student,
    train,
)
from tests.refusals import refuses, refuses_each

ONE = np.ones((1, 1))
ONES = np.ones((2, 3))
PROBLEM = teacher_student(5, 7, n=12, rng=0)
ADAPTER = Adapter(*initial(5, 7, 3, "both random", rng=0), 1.5)
TWO_BY_THREE = Adapter(ONES[:1], ONES[:, :1], 1.0)


class OwnLoss(Regression):
    pass


@dataclass(frozen=True)
class Rebinds(Optimiser):
    lr: float

    def update(self, params, grads, state):
        for p, g in zip(params, grads, strict=True):
            p = p - self.lr * g
        return state


class Forgets(SGD):
    def update(self, params, grads, state):
        super().update(params, grads, state)


class Starts(SGD):
    def init(self, params):
        pass


@dataclass(frozen=True)
class CannotStep(Optimiser):
    lr: float


start = partial(initial, d=4, k=5, r=2, rng=0)
teacher = partial(teacher_student, d=4, k=5, rng=0)
grid = partial(sweep, problem=PROBLEM, r=2, alpha=4, lr=0.01, steps=2)
trained = partial(train, problem=PROBLEM, adapter=ADAPTER, optimiser=SGD(0.1), steps=1)
follow = partial(equivalent, adapter=ADAPTER, optimiser=Adam(), a=2, b=3)


def returning(result):
    """A run of a problem whose loss and gradient are this."""
    return trained(adapter=TWO_BY_THREE, problem=SimpleNamespace(
        W0=ONES, loss_and_gradient=lambda W: result))


VALUES = [  # a call, and values that are refused, argument by argument
    (partial(scaling, r=8, alpha=16), {
        "r": [0, 10**400], "alpha": [0, 5e-324, 10**400], "rule": ["rs", torch.ones(2)]}),
    (partial(Adapter, A=ONE, B=ONE, scaling=1.0), {
        "A": [ONES[:0]], "B": [ONES], "scaling": [0]}),
    (TWO_BY_THREE.merge, {"W0": [ONES.T]}),
    (TWO_BY_THREE.gradients, {"G": [ONE]}),
    (partial(TWO_BY_THREE.forward, W0=ONES), {"X": [ONES.T]}),
    (start, {"d": [0], "k": [0], "r": [0], "start": ["zeros"], "distribution": ["xavier"],
             "rng": [-1]}),
    (teacher, {"d": [0], "k": [0], "n": [0], "shift_rank": [0, 5], "spectrum": [-1]}),
    (partial(Regression, W0=ONES, W_star=ONES, X=ONES), {
        "W_star": [ONES.T, ONES * math.inf], "X": [ONES[:0]]}),
    (PROBLEM.loss_and_gradient, {"W": [ONE]}),
    (SGD, {"lr": [(0.1, 0)]}),
    (partial(Momentum, 0.1), {"momentum": [1]}),
    (Adam, {"betas": [0.9]}),
    (Muon, {"eps": [0], "adjust_lr_fn": ["none"]}),
    (Adafactor, {"d": [0.5], "beta2_decay": [0.8], "eps1": [0]}),
    (partial(Clipped, SGD(0.1)), {"max_norm": [0]}),
    (partial(Clipped, SGD(0.1), 1.0), {"eps": [-1]}),
    (trained, {"steps": [-1], "optimiser": ["Adagrad"]}),
    (grid, {"steps": [-2], "seed": [(), [0, -1]], "lr": [[0.1, 0.1]], "optimiser": ["adan"]}),
    (grid().select, {"r": [3]}),
    (grid().rows, {"step": [3, -4]}),
    (partial(Adam().step, [ONE], [ONE]), {"state": [(), Momentum(0.1).init([ONE])]}),
    (follow, {"a": [0, 1e-100], "b": [0, 1e100]}),
]
TYPES = [
    (partial(Adapter, B=ONE, scaling=1.0), {"A": [
        np.ma.masked_equal(ONE, 1), ONE + 1j, [[True]], [[1.0], [1.0, 2.0]],
        torch.ones(1, 1, requires_grad=True)]}),
    (start, {"rng": [True, np.random.RandomState(0)]}),
    (partial(Momentum, 0.1), {"nesterov": [1]}),
    (partial(SGD(0.1).step, grads=[ONE], state=()), {"params": [ONE]}),
    (partial(Adam().step, [ONE], [ONE]), {"state": [None, 5]}),
    (partial(Clipped, max_norm=1.0), {"optimiser": [SGD, Clipped(SGD(0.1), 1.0)]}),
    (trained, {"problem": ["x"], "watch": [5], "allow_divergence": ["False"],
               "optimiser": [SGD, CannotStep(0.1), Rebinds(0.1)]}),
    (grid, {"r": [2.5, {1, 2}], "alpha": [iter([1])], "progress": [...],
            "optimiser": [Clipped, Clipped(Adam(), 1.0)], "executor": [2, ThreadPoolExecutor]}),
    (grid().rows, {"step": [slice(1, 2)]}),
    (follow, {"adapter": [ONES], "optimiser": ["Adam", Rebinds(0.1)]}),
]


@pytest.mark.parametrize(("error", "call", "bad"), [
    (error, *row) for error, table in ((ValueError, VALUES), (TypeError, TYPES)) for row in table])
def test_a_bad_argument_is_named_with_its_value(error, call, bad):
    refuses_each(error, call, **bad)


@pytest.mark.parametrize("kind", OPTIMISERS.values())
def test_every_optimiser_checks_its_settings(kind):
    make = partial(kind, lr=0.1)
    settings = kind.__dataclass_fields__
    values = {"lr": [ONES * math.nan, np.array([[0, 0.1]]), ONES[:0], ()],
              "weight_decay": [-1], "eps": [-1]}
    types = {"lr": [ONES > 0, [[0.1, 0.2]]], "weight_decay": [ONES]}
    for error, bad in ((ValueError, values), (TypeError, types)):
        refuses_each(error, make, **{key: bad[key] for key in bad if key in settings})


@pytest.mark.parametrize(("words", "error", "call"), [
    ("X must not be all zero", ValueError, lambda: effective_rank(0 * ONES)),
    ("'BA zero' … r = 1", ValueError, lambda: start(start="BA zero", r=1)),
    ("params[1] must be a matrix", ValueError, lambda: Muon().init([ONES, ONES[0]])),
    ("grads … [(2, 3)], got [(3, 2)]", ValueError, lambda: SGD(0.1).step([ONES], [ONES.T], ())),
    ("lr … array (1), got 3", ValueError, lambda: SGD((1, 2, 3)).step([ONE], [ONE], ())),
    ("betas[0] must … got 1.0", ValueError, lambda: Adam(betas=(1.0, 0.9))),
    ("adapter must … (5, 7) … (2, 3)", ValueError, lambda: trained(adapter=TWO_BY_THREE)),
    ("problem must … OwnLoss", TypeError, lambda: grid(problem=OwnLoss(ONES, ONES, ONES))),
    ("G must … (2, 3) … (3, 2)", ValueError, lambda: returning((1.0, ONES.T))),
    ("setting must be one of 'r'", ValueError, lambda: grid().select(eta=0.01)),
    ("a and b must be equal … b = 3", ValueError, lambda: follow(optimiser=Clipped(Adam(), 1.0))),
    ("lr must … got (1", ValueError, lambda: follow(optimiser=SGD((1, 2, 3)))),
    ("loss_and_gradient must return … got None", TypeError, lambda: returning(None)),
    ("loss_and_gradient must return", TypeError, lambda: returning((1.0, ONES, 0))),
    ("loss must … got None", TypeError, lambda: returning((None, ONES))),
    ("missing … 'lr'", TypeError, lambda: trained(optimiser="sgd")),
    ("lr, eps must be left out … SGD(lr=0.1", TypeError, lambda: trained(lr=0.2, eps=1)),
    ("state … update … None", TypeError, lambda: trained(optimiser=Forgets(0.1))),
    ("state … update", TypeError, lambda: grid(optimiser=Forgets)),
    ("state … init … Starts.init", TypeError, lambda: trained(optimiser=Starts(0.1))),
    ("state … init", TypeError, lambda: grid(optimiser=Starts)),
    ("init, update, step, got CannotStep", TypeError, lambda: grid(optimiser=CannotStep)),
    ("optimiser must be … got {}", TypeError, lambda: grid(optimiser=lambda lr: {})),
    ("optimiser must change the params in place", TypeError, lambda: grid(optimiser=Rebinds)),
    ("optimiser must be … top level … lambda", TypeError,
     lambda: grid(optimiser=lambda lr: SGD(lr), executor=ProcessPoolExecutor(1)))])
def test_what_does_not_fit_together_is_refused(words, error, call):
    refuses(words, error, call)


@pytest.mark.parametrize("value", [True, "8", None, 1j, np.ones(2)], ids=repr)
def test_what_is_no_number(value):
    """NumPy's dtype of it is not mentioned."""
    for check in (checks.number, checks.integer):
        with pytest.raises(TypeError) as caught:
            check("size", value, minimum=0)
        message = str(caught.value)
        assert message.startswith("size must be a ") and message.endswith(f"number, got {value!r}")


@pytest.mark.parametrize("value", [np.int8(2), np.array(2), torch.tensor(2)], ids=repr)
def test_a_number_may_be_numpys_or_torchs(value):
    assert scaling(r=value, alpha=value) == 1
    assert SGD(value).step([ONE], [ONE], ())[0][0].item() == -1.0
    assert Adapter([[value]], ONE, value).A.tolist() == [[2.0]]


def test_a_failed_step_notes_what_it_was_given():
    with pytest.raises(ValueError) as caught:
        Adam().step([ONE], [ONE], Adam().init([ONES]))
    assert r"shapes [(1, 1)], state = (0, [array([[0" in caught.value.__notes__[0]
