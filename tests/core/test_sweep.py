"""A sweep is the same as its runs one by one, whatever their settings."""

import os
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch

from lora_edu import (
    STARTS,
    Adam,
    Adapter,
    Clipped,
    Optimiser,
    Regression,
    _runs,
    equivalent,
    grids,
    initial,
    optimiser,
    scaling,
    sweep,
    teacher_student,
    train,
)

QUANTITIES = ("loss", "delta_norm", "grad_A_norm", "grad_B_norm", "useful")
PROBLEM = teacher_student(12, 9, n=40, shift_rank=3, spectrum=1.0, rng=np.random.default_rng(0))
OPTIMISERS = [
    ("SGD", {}), ("SGD", {"weight_decay": 0.1}), ("Momentum", {}),
    ("Momentum", {"nesterov": True, "weight_decay": 0.1, "momentum": 0.8}), ("Adam", {}),
    ("Adam", {"weight_decay": 0.1, "betas": (0.8, 0.99), "eps": 1e-4}), ("AdamW", {}),
    ("AdamW", {"weight_decay": 0.3}),
]


@pytest.mark.parametrize(("name", "settings"), OPTIMISERS)
def test_every_run_of_a_sweep_is_that_run_trained_alone(name, settings):
    grid = sweep(PROBLEM, r=[2, 9], alpha=[1, 2], lr=[0.003, 0.01], start=STARTS, seed=[0, 5],
                 steps=40, optimiser=name, rule="rslora", distribution="gaussian", **settings)
    assert not grid.diverged.any()
    assert len(grid.rows()) == 2 * 2 * 2 * len(STARTS) * 2
    for row in grid.rows():
        A, B = initial(12, 9, row["r"], row["start"], "gaussian",
                       rng=np.random.default_rng(row["seed"]))
        alone = train(PROBLEM, Adapter(A, B, scaling(row["r"], row["alpha"], "rslora")),
                      optimiser(name, lr=row["lr"], **settings), 40)
        run = grid.select(**{axis: row[axis] for axis in grid.axes})
        for quantity in QUANTITIES:
            want = getattr(alone, quantity)
            np.testing.assert_allclose(getattr(run, quantity), want, rtol=1e-9,
                                       atol=1e-11 * max(1, np.abs(want).max()))
            assert row[quantity] == getattr(run, quantity)[-1]


@pytest.mark.parametrize("r", [2, 32])  # the factored and the direct gradients
def test_a_sweep_follows_a_torch_loop(r):
    problem = teacher_student(32, 32, shift_rank=4, rng=np.random.default_rng(1))
    run = sweep(problem, r=r, alpha=16, lr=0.01, seed=3, steps=100)
    A, B = (torch.tensor(M, requires_grad=True)
            for M in initial(32, 32, r, rng=np.random.default_rng(3)))
    W0, W_star, X = (torch.tensor(M) for M in (problem.W0, problem.W_star, problem.X))
    adam = torch.optim.Adam([A, B], lr=0.01)
    for t in range(101):
        adam.zero_grad()
        delta = scaling(r, 16) * B @ A
        loss = ((X @ (W0 + delta - W_star).T) ** 2).sum() / (2 * len(X))
        loss.backward()
        seen = (loss.item(), delta.norm().item(), A.grad.norm().item(), B.grad.norm().item())
        kept = (q.ravel()[t] for q in (run.loss, run.delta_norm, run.grad_A_norm, run.grad_B_norm))
        np.testing.assert_allclose(list(kept), seen, rtol=1e-6, atol=1e-9)
        adam.step()


@dataclass(frozen=True)
class Sign(Optimiser):
    """p ← p − lr·sign(g): an optimiser that the package does not have."""

    lr: float

    def init(self, params):
        return ()

    def update(self, params, grads, state):
        for p, g in zip(params, grads, strict=True):
            p -= self.lr * np.sign(g)
        return state


class Misnamed(Sign):
    powers: ClassVar = {"rate": 1}


def test_an_optimiser_of_ones_own_needs_one_class():
    grid = sweep(PROBLEM, r=2, alpha=4, lr=[0.01, 0.02], steps=8, optimiser=Sign)
    for lr in (0.01, 0.02):
        A, B = initial(12, 9, 2, rng=np.random.default_rng(0))
        alone = train(PROBLEM, Adapter(A, B, 2.0), Sign(lr), 8)
        np.testing.assert_allclose(grid.select(lr=lr).loss.ravel(), alone.loss, rtol=1e-9)
    for given, words in ((Sign(0.01), r"got Sign\(lr=0.01\)"), (Adam, "dataclass instances"),
                         (Misnamed(0.01), "no attribute 'rate'")):
        with pytest.raises(TypeError, match=f"^optimiser must have powers.*{words}"):
            equivalent(Adapter(A, B, 2.0), given, 2)


@dataclass(frozen=True)
class WarmUp(Sign):
    """Its first step has a rate of 0."""

    def init(self, params):
        return (0,)

    def update(self, params, grads, state):
        for p, g in zip(params, grads, strict=True):
            p -= bool(state[0]) * self.lr * np.sign(g)
        return (state[0] + 1,)


@dataclass(frozen=True)
class Centred(Sign):
    """Gradients less their mean, each run's own."""

    def update(self, params, grads, state):
        for p, g in zip(params, grads, strict=True):
            p -= self.lr * (g - g.mean(-1, keepdims=True))
        return state


@pytest.mark.parametrize("made", [WarmUp, Centred])
def test_an_optimiser_of_ones_own_is_taken_as_it_is(made):
    start = Adapter(*initial(12, 9, 2, rng=np.random.default_rng(0)), 2.0)
    alone = train(PROBLEM, start, made(0.01), 5).loss
    assert np.ptp(alone) > 0
    if made is WarmUp:  # B's mean is taken along another axis in a stack
        grid = sweep(PROBLEM, r=2, alpha=4, lr=0.01, steps=5, optimiser=made)
        np.testing.assert_allclose(grid.loss.ravel(), alone, rtol=1e-9)


def test_a_sweep_takes_no_decay_and_a_decay():
    for decay in (0.0, 0.3):
        grid = sweep(PROBLEM, r=2, alpha=4, lr=0.01, steps=3, weight_decay=decay)
        alone = train(PROBLEM, Adapter(*initial(12, 9, 2, rng=np.random.default_rng(0)), 2.0),
                      Adam(0.01, weight_decay=decay), 3)
        np.testing.assert_allclose(grid.loss.ravel(), alone.loss, rtol=1e-12)


def test_a_sweep_takes_the_memory_of_its_result_and_of_a_piece_a_worker():
    problem = teacher_student(64, 64, rng=np.random.default_rng(0))
    tracemalloc.start()
    grid = sweep(problem, r=64, alpha=16, lr=1e-3, seed=range(200), steps=3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * grid.loss.nbytes + 12 * 2**21 * (os.cpu_count() + 1)


def test_the_same_call_gives_the_same_bits():
    def call():
        return sweep(PROBLEM, r=[1, 4], alpha=[4, 8], lr=[0.01, 0.02], seed=range(30), steps=20)

    first, second = call(), call()
    assert all(np.array_equal(getattr(first, q), getattr(second, q)) for q in QUANTITIES)


def test_exact_zeros_stay_exactly_zero_in_a_sweep():
    for r in (2, 9):
        grid = sweep(PROBLEM, r=r, alpha=8, lr=0.1, start=["both zero", "A random, B zero"],
                     steps=30, optimiser="Adam")
        still = grid.select(r=r, start="both zero")
        assert not still.grad_A_norm.any() and not still.grad_B_norm.any()
        assert not still.delta_norm.any()
        assert (still.loss == still.loss.ravel()[0]).all()
        first = grid.select(r=r, start="A random, B zero")
        assert (first.grad_A_norm[..., 0] == 0).all() and (first.grad_A_norm[..., 1] > 0).all()


def test_a_diverged_run_is_inf_and_flagged_and_leaves_its_neighbours_alone():
    grid = sweep(PROBLEM, r=2, alpha=8, lr=[0.05, 1e4], steps=30, optimiser="SGD")
    assert grid.diverged.ravel().tolist() == [False, True]
    assert np.isfinite(grid.select(lr=0.05).loss).all()
    lost = grid.select(lr=1e4)
    assert np.isinf(lost.loss.ravel()[-1]) and not np.isnan(lost.loss).any()
    assert np.isinf(lost.useful.ravel()[-1])


def test_select_keeps_the_other_axes_and_their_order():
    grid = sweep(PROBLEM, r=[1, 2], alpha=[4, 8, 16], lr=0.01, seed=[0, 1], steps=3)
    part = grid.select(alpha=8)
    assert list(part.axes) == ["r", "lr", "start", "seed"] and part.loss.shape == (2, 1, 1, 2, 4)
    assert np.array_equal(part.loss, grid.loss[:, 1])


class OwnLoss(Regression):
    def loss_and_gradient(self, W):
        return 0.0, np.zeros(self.shape)


@pytest.mark.parametrize(("change", "error", "words"), [
    ({"r": 0}, ValueError, "r must be at least 1, got 0"),
    ({"r": [1, 2.5]}, TypeError, "r must be a whole number, got 2.5"),
    ({"r": []}, ValueError, "r must be one value or a sequence"),
    ({"lr": [0.1, 0.1]}, ValueError, "lr must be one value or a sequence of distinct"),
    ({"lr": -1}, ValueError, "lr must be finite and greater than 0, got -1"),
    ({"alpha": float("nan")}, ValueError, "alpha must be finite"),
    ({"start": "zero"}, ValueError, "start must be one of"),
    ({"start": "BA zero", "r": 1}, ValueError, "r of at least 2"),
    ({"optimiser": "Lion"}, ValueError, "optimiser must be one of"),
    ({"optimiser": Clipped}, TypeError, "optimiser must be a class that can be made of lr and {}"),
    ({"eps_": 1}, TypeError, r"of lr and {'eps_': 1}, got .*Adam.*unexpected"),
    ({"executor": ThreadPoolExecutor}, TypeError, "executor must be a .*, got <class"),
    ({"rule": "1/r"}, ValueError, "rule must be one of"),
    ({"steps": -1}, ValueError, "steps must be at least 0"),
    ({"eps": 0}, ValueError, "eps must be finite and greater than 0, got 0"),
    ({"eps": (1e-8, 1e-8)}, TypeError, "eps must be a number"),
    ({"weight_decay": (0.1, 0.2)}, TypeError, "weight_decay must be a number"),
    ({"betas": (0.9, 1.0)}, ValueError, r"betas\[1\] must be"),
    ({"problem": None}, TypeError, "problem must be a Regression"),
    ({"problem": OwnLoss(PROBLEM.W0, PROBLEM.W_star, PROBLEM.X)}, TypeError,
     "problem must be a Regression, got OwnLoss"),
    ({"seed": None}, TypeError, "seed must be a whole number, got None"),
    ({"seed": [0, -1]}, ValueError, "seed must be at least 0, got -1"),
    ({"seed": 1.5}, TypeError, "seed must be a whole number, got 1.5"),
    ({"seed": np.random.default_rng(0)}, TypeError, "seed must be a whole number, got Generator"),
])
def test_bad_input_is_named(change, error, words, monkeypatch):
    monkeypatch.setattr(_runs, "train_runs", None)  # no run begins before all is checked
    call = {"problem": PROBLEM, "r": 2, "alpha": 4, "lr": 0.01, "steps": 2, **change}
    with pytest.raises(error, match=words):
        sweep(call.pop("problem"), **call)


def test_select_names_what_is_not_there():
    grid = sweep(PROBLEM, r=2, alpha=4, lr=0.01, steps=1)
    with pytest.raises(ValueError, match="r must be one of 2, got 3"):
        grid.select(r=3)
    with pytest.raises(ValueError, match="setting must be one of"):
        grid.select(eta=0.01)


def test_a_rank_above_both_sides_is_legitimate():
    assert isinstance(PROBLEM, Regression)
    assert np.isfinite(sweep(PROBLEM, r=40, alpha=4, lr=0.001, steps=5).loss).all()


def test_a_run_without_steps_has_its_start_and_a_bar():
    grid = sweep(PROBLEM, r=2, alpha=4, lr=0.01, steps=0, progress=True)
    assert grid.loss.shape[-1] == 1
    assert grid.loss.item() == pytest.approx(PROBLEM.loss(PROBLEM.W0))


def test_a_run_takes_as_many_steps_as_are_asked_for():
    taken = []

    class Counting(Sign):
        def update(self, params, grads, state):
            taken.append(1)
            return super().update(params, grads, state)

    sweep(PROBLEM, r=2, alpha=4, lr=0.01, steps=7, optimiser=Counting)
    assert len(taken) == 7


def test_every_run_is_in_one_piece_and_a_piece_has_one_rank():
    axes = {"r": (1, 3), "alpha": (4, 8), "lr": (0.1,), "start": ("both zero",),
            "seed": tuple(range(50))}
    pieces = list(grids._pieces(axes, width=2000))
    assert len(pieces) > 4 and all(len({r for r, *_ in piece.values()}) == 1 for piece in pieces)
    runs = [(index, run) for piece in pieces for index, run in piece.items()]
    assert runs == [((i, j, 0, 0, seed), (r, alpha, 0.1, "both zero", seed))
                    for i, r in enumerate((1, 3)) for j, alpha in enumerate((4, 8))
                    for seed in range(50)]


@pytest.mark.parametrize(("r", "dear"), [(1, "_direct"), (64, "_factored")])
def test_the_gradients_are_computed_in_the_cheaper_of_two_ways(r, dear, monkeypatch):
    """At r = 1 nothing of the weight's size is formed; at r = d = k the factors cost more."""
    monkeypatch.setattr(_runs.RegressionRuns, dear, None)
    sweep(teacher_student(64, 64, rng=np.random.default_rng(0)), r=r, alpha=1, lr=0.01, steps=1)
