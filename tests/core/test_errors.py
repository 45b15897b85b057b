"""A bad argument is named, with what it was and what is allowed; numbers of any kind are taken."""

import math
import re
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lora_edu import (
    OPTIMISERS,
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

RNG = np.random.default_rng(0)
ONE = np.ones((1, 1))
ONES = np.ones((2, 3))
PROBLEM = teacher_student(5, 7, n=12, rng=RNG)
ADAPTER = Adapter(*initial(5, 7, 3, "both random", rng=RNG), 1.5)
TWO_BY_THREE = Adapter(np.ones((1, 3)), np.ones((2, 1)), 1.0)


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


def start(**changed):
    return initial(**{"d": 4, "k": 5, "r": 2, "rng": RNG} | changed)


def teacher(**changed):
    return teacher_student(**{"d": 4, "k": 5, "rng": RNG} | changed)


def grid(**changed):
    return sweep(**{"problem": PROBLEM, "r": 2, "alpha": 4, "lr": 0.01, "steps": 2} | changed)


def trained(**changed):
    return train(**{"problem": PROBLEM, "adapter": ADAPTER, "optimiser": SGD(0.1), "steps": 1}
                 | changed)


def returning(result):
    """A run of a problem whose loss and gradient are this."""
    return trained(adapter=TWO_BY_THREE, problem=SimpleNamespace(
        W0=ONES, loss_and_gradient=lambda W: result))


def follow(optimiser=None, adapter=ADAPTER, a=2, b=None):
    return equivalent(adapter, optimiser or Adam(), a, b)


VALUES = {  # what a ValueError says, in order, and the call
    "r must be at least 1, got 0": lambda: scaling(0, 16),
    "alpha must be finite and greater than 0, got 0": lambda: scaling(8, 0),
    "rule must be one of 'lora', 'rslora', 'none', got 'rs'": lambda: scaling(8, 16, "rs"),
    "rule must be one of … tensor": lambda: scaling(8, 16, torch.ones(2)),
    "alpha must be large enough … r = 8, got 5e-324": lambda: scaling(8, 5e-324),
    "alpha must be finite and greater than 0, got 1000": lambda: scaling(8, 10**400),
    "r must be at most 9223372036854775807, got 1000": lambda: scaling(10**400, 8),
    "A must … (0, 3)": lambda: Adapter(ONES[:0], ONES[:, :0], 1.0),
    "B must … (any, 2) … (1, 1)": lambda: Adapter(ONES, ONE, 1.0),
    "scaling must be finite and greater than 0": lambda: Adapter(ONE, ONE, 0),
    "W0 must … (2, 3) … (3, 2)": lambda: TWO_BY_THREE.merge(ONES.T),
    "G must … (2, 3) … (1, 1)": lambda: TWO_BY_THREE.gradients(ONE),
    "X must … (any, 3) … (3, 2)": lambda: TWO_BY_THREE.forward(ONES.T, ONES),
    "start must be one of … got 'zeros'": lambda: start(start="zeros"),
    "start 'BA zero' needs r of at least 2": lambda: start(start="BA zero", r=1),
    "distribution must be one of … got 'xavier'": lambda: start(distribution="xavier"),
    "rng must be at least 0, got -1": lambda: start(rng=-1),
    "spectrum must be finite and at least 0, got -1": lambda: teacher(spectrum=-1),
    "W_star must … (2, 3) … (3, 2)": lambda: Regression(ONES, ONES.T, ONES),
    "W_star must be finite, got 6": lambda: Regression(ONES, ONES * math.inf, ONES),
    "X must have at least one row": lambda: Regression(ONES, ONES, ONES[:0]),
    "W must … (5, 7) … (1, 1)": lambda: PROBLEM.loss_and_gradient(ONE),
    "X must not be all zero": lambda: effective_rank(0 * ONES),
    "lr[1] must be finite and greater than 0, got 0": lambda: SGD((0.1, 0)),
    "momentum must be finite and at least 0 and less than 1, got 1": lambda: Momentum(0.1, 1),
    "betas[0] must be … got 1.0": lambda: Adam(betas=(1.0, 0.9)),
    "betas must be two numbers, got 0.9": lambda: Adam(betas=0.9),
    "eps must be finite and greater than 0": lambda: optimiser("Muon", eps=0),
    "adjust_lr_fn must be one": lambda: optimiser("Muon", adjust_lr_fn="none"),
    "d must be finite and at least 1": lambda: optimiser("Adafactor", d=0.5),
    "beta2_decay must be … 0.8": lambda: optimiser("Adafactor", beta2_decay=0.8),
    "params[1] must be a matrix": lambda: optimiser("Muon").init([ONES, ONES[0]]),
    "grads must have the shapes of params [(2, 3)], got [(3, 2)]":
        lambda: SGD(0.1).step([ONES], [ONES.T], ()),
    "lr must be one number or one per array (1), got 3 numbers":
        lambda: SGD((1, 2, 3)).step([ONE], [ONE], ()),
    "max_norm must be finite and greater than 0": lambda: Clipped(SGD(0.1), 0),
    "eps must be finite and at least 0": lambda: Clipped(SGD(0.1), 1.0, eps=-1),
    "G must … (2, 3) … (3, 2)": lambda: returning((1.0, ONES.T)),
    "adapter must have the shape of W0 (5, 7) … (2, 3)": lambda: trained(adapter=TWO_BY_THREE),
    "steps must be at least 0, got -1": lambda: trained(steps=-1),
    "steps must be at least 0, got -2": lambda: grid(steps=-2),
    "seed must be one value or a sequence of distinct": lambda: grid(seed=()),
    "lr must be one value or a sequence of distinct": lambda: grid(lr=[0.1, 0.1]),
    "seed must be at least 0, got -1": lambda: grid(seed=[0, -1]),
    "optimiser must be one of 'SGD', … 'adan'": lambda: grid(optimiser="adan"),
    "optimiser must be one of 'SGD', … 'Adagrad'": lambda: trained(optimiser="Adagrad"),
    "r must be one of 2, got 3": lambda: grid().select(r=3),
    "setting must be one of 'r', 'alpha'": lambda: grid().select(eta=0.01),
    "step must be at most 2, got 3": lambda: grid().rows(3),
    "step must be at least -3, got -4": lambda: grid().rows(-4),
    "a must be finite and greater than 1e-100 and less than 1e+100": lambda: follow(a=0),
    "b must be finite and greater than 1e-100 and less than 1e+100": lambda: follow(b=0),
    "a and b must be equal when gradients are clipped … b = 3":
        lambda: follow(Clipped(Adam(), 1.0), b=3),
    "lr must be one number or one each for A and B, got (1": lambda: follow(SGD((1, 2, 3))),
}
TYPES = {  # and a TypeError
    "A must be … mask": lambda: Adapter(np.ma.masked_equal(ONE, 1), ONE, 1),
    "rng must be a numpy.random.Generator, a seed (a whole number) or None, got True":
        lambda: start(rng=True),
    "rng must be a numpy.random.Generator, … got RandomState(":
        lambda: teacher(rng=np.random.RandomState(0)),
    "nesterov must be True or False, got 1": lambda: Momentum(0.1, nesterov=1),
    "params must be a list of arrays": lambda: SGD(0.1).step(ONE, [ONE], ()),
    "optimiser must be an optimiser such as Adam(": lambda: Clipped(SGD, 1.0),
    "problem.loss_and_gradient must return the loss and its gradient, got None":
        lambda: returning(None),
    "problem.loss_and_gradient must return": lambda: returning((1.0, ONES, 0)),
    "loss must be a number, got None": lambda: returning((None, ONES)),
    "problem must have W0 and loss_and_gradient … 'x'": lambda: trained(problem="x"),
    "optimiser must change the params in place … Rebinds(lr=0.1":
        lambda: trained(optimiser=Rebinds(0.1)),
    "optimiser must be … SGD": lambda: trained(optimiser=SGD),
    "SGD.__init__() missing … 'lr'": lambda: trained(optimiser="sgd"),
    "lr, eps must be left out where the optimiser is not a name, got SGD(lr=0.1":
        lambda: trained(optimiser=SGD(0.1), lr=0.2, eps=1),
    "optimiser must be … the methods init, update, step, got CannotStep(lr=0.1":
        lambda: trained(optimiser=CannotStep(0.1)),
    "optimiser must be … the methods init, update, step, got CannotStep":
        lambda: grid(optimiser=CannotStep),
    "optimiser must return its state, a tuple, from update, and Forgets.update returned None":
        lambda: trained(optimiser=Forgets(0.1)),
    "optimiser must return its state, a tuple, from update, and Forgets":
        lambda: grid(optimiser=Forgets),
    "optimiser must return its state, a tuple, from init, and Starts.init":
        lambda: trained(optimiser=Starts(0.1)),
    "optimiser must return its state, a tuple, from init": lambda: grid(optimiser=Starts),
    "problem must be a Regression, got Own": lambda: grid(problem=OwnLoss(ONES, ONES, ONES)),
    "r must be a whole number, got 2.5": lambda: grid(r=[1, 2.5]),
    "step must be a whole number, got slice(1": lambda: grid().rows(slice(1, 2)),
    "optimiser must be an optimiser such as": lambda: grid(optimiser=dict),
    "optimiser must be a name, or … lambda lr: Clipped(Adam(lr), 1.0)":
        lambda: grid(optimiser=Clipped),
    "optimiser must be a name, or": lambda: grid(optimiser=Clipped(Adam(), 1.0)),
    "optimiser must change the params in place": lambda: grid(optimiser=Rebinds),
    "executor must be a concurrent.futures.Executor … 2": lambda: grid(executor=2),
    "executor must be … or a Dask Client, got <class … ThreadPoolExecutor'>":
        lambda: grid(executor=ThreadPoolExecutor),
    "optimiser must be a name, or a class or a function at the top level … lambda":
        lambda: grid(optimiser=lambda lr: SGD(lr), executor=ProcessPoolExecutor(1)),
    "progress must be True or False, got Ellipsis": lambda: grid(progress=...),
    "allow_divergence must be True or False, got 'False'":
        lambda: trained(allow_divergence="False"),
    "watch must be a function of step, adapter and loss, got 5": lambda: trained(watch=5),
    "Adam.__init__() got an unexpected keyword … eps_": lambda: grid(eps_=1),
    "adapter must be an Adapter": lambda: follow(adapter=ONES),
    "optimiser must be … 'Adam'": lambda: follow("Adam"),
    "optimiser must have powers … Rebinds(lr=0.1": lambda: follow(Rebinds(0.1)),
}


@pytest.mark.parametrize(("words", "error", "call"), [
    (words, error, call) for error, calls in ((ValueError, VALUES), (TypeError, TYPES))
    for words, call in calls.items()])
def test_a_bad_argument_is_named_with_its_value(words, error, call):
    with pytest.raises(error, match="(?s)^" + re.escape(words).replace("\\ …\\ ", ".*")):
        call()


@pytest.mark.parametrize(("draw", "names"), [
    (start, ["d", "k", "r"]), (teacher, ["d", "k", "n", "shift_rank"])])
def test_a_size_is_at_least_one(draw, names):
    for name in names:
        with pytest.raises(ValueError, match=f"^{name} must be at least 1, got 0"):
            draw(**{name: 0})


@pytest.mark.parametrize(("setting", "value", "error", "words"), [
    ("lr", ONES * math.nan, ValueError, "got nan"), ("lr", ONES * 0, ValueError, "got 0.0"),
    ("lr", ONES > 0, TypeError, "dtype bool"),
    ("lr", ONES[:0], ValueError, r"\(0, 3\)"), ("lr", (), ValueError, r"got \(\)"),
    ("lr", [[0.1, 0.2]], TypeError, "must be a number"),
    ("weight_decay", ONES, TypeError, "must be a number"),
    ("weight_decay", -1, ValueError, "got -1"), ("eps", -1, ValueError, "got -1")])
def test_every_optimiser_checks_its_settings(setting, value, error, words):
    for kind in OPTIMISERS.values():
        if setting in kind.__dataclass_fields__:
            with pytest.raises(error, match=f"(?s)^{setting}.*{words}"):
                kind(**{"lr": 0.1, setting: value})


@pytest.mark.parametrize("rule", [
    *(kind(lr=0.1) for kind in OPTIMISERS.values()),
    optimiser("Adafactor", eps1=1e-4), Clipped(SGD(0.1), 1.0)], ids=repr)
def test_a_setting_is_kept_as_pythons_own(rule):
    settings = {name: value for name, value in vars(rule).items()
                if isinstance(value, (float, bool))}
    of_numpy = {name: np.array(value)[()] for name, value in settings.items()}
    kept = vars(replace(rule, **of_numpy))
    for name, value in settings.items():
        assert type(kept[name]) is type(value), name
        assert kept[name] == value


def test_the_rates_of_a_stack_are_copied():
    rates = np.full((2, 1, 1), 0.1)
    rule = SGD(rates)
    rates[:] = -1
    assert rule.lr.tolist() == [[[0.1]], [[0.1]]]


def test_a_sweep_checks_all_before_its_first_run(monkeypatch):
    monkeypatch.setattr(stacked_runs, "train_runs", None)
    with pytest.raises(ValueError, match=r"start 'BA zero' needs r of at least 2"):
        grid(start=[*STARTS], r=[2, 1])


@pytest.mark.parametrize("value", [True, "8", 1j, np.ones(2)], ids=repr)
def test_what_is_no_number(value):
    for check, kind in ((checks.number, "a number"), (checks.integer, "a whole number")):
        with pytest.raises(TypeError, match=re.escape(f"size must be {kind}, got {value!r}")):
            check("size", value, minimum=0)


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
    with pytest.raises(ValueError) as caught:
        Adam().step([ONE], [ONE], ())
    assert r"shapes [(1, 1)], state = ()" in caught.value.__notes__[0]
