"""A sweep is the same as its runs one by one, whatever their settings."""

import tracemalloc
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest

from lora_edu import (
    STARTS,
    AdamW,
    Adapter,
    Clipped,
    Momentum,
    Optimiser,
    initial,
    optimiser,
    scaling,
    stacked_runs,
    sweep,
    teacher_student,
    train,
)
from lora_edu.parallel import usable_cores
from lora_edu.records import RECORDED
from tests.core.test_invariance import CLIPPED, OPTIMISERS

PROBLEM = teacher_student(12, 9, n=40, shift_rank=3, spectrum=1.0, rng=np.random.default_rng(0))


def with_rate(rule, lr):
    if isinstance(rule, Clipped):
        return replace(rule, optimiser=with_rate(rule.optimiser, lr))
    return replace(rule, lr=lr)


@dataclass(frozen=True)
class WarmSign(Optimiser):
    """p ← p − lr·sign(g), but for the first step: an optimiser that the package does not have."""

    lr: float

    def init(self, params):
        return (0,)

    def update(self, params, grads, state):
        for p, g in zip(params, grads, strict=True):
            p -= bool(state[0]) * self.lr * np.sign(g)
        return (state[0] + 1,)


FORMS = {name: (partial(with_rate, rule), {}) for name, rule in (OPTIMISERS | CLIPPED).items()} | {
    "by name": ("muon", {"nesterov": False, "adjust_lr_fn": "match_rms_adamw"}),
    "settings": (lambda lr, momentum: Clipped(Momentum(lr, momentum), 0.3), {"momentum": 0.8}),
    "LoRA+": (lambda lr: AdamW((lr, 4 * lr)), {}), "one's own class": (WarmSign, {})}


@pytest.mark.parametrize("form", FORMS)
def test_every_run_of_a_sweep_is_that_run_trained_alone(form, monkeypatch):
    # pieces of several rates, and of one
    monkeypatch.setattr(stacked_runs, "runs_per_stack", lambda numbers: 15)
    make, settings = FORMS[form]
    grid = sweep(PROBLEM, r=[2, 9], alpha=[1, 2], lr=[0.003, 0.01], start=STARTS, seed=[0, 5],
                 steps=20, optimiser=make, rule="rslora", distribution="gaussian", **settings)
    make = partial(optimiser, make) if isinstance(make, str) else make
    assert not grid.diverged.any()
    assert len(grid.rows()) == 2 * 2 * 2 * len(STARTS) * 2
    for row, early in zip(grid.rows(), grid.rows(step=3), strict=True):
        A, B = initial(12, 9, row["r"], row["start"], "gaussian",
                       rng=np.random.default_rng(row["seed"]))
        alone = train(PROBLEM, Adapter(A, B, scaling(row["r"], row["alpha"], "rslora")),
                      make(lr=row["lr"], **settings), 20)
        run = grid.select(**{axis: row[axis] for axis in grid.axes})
        assert run.axes == {}
        for quantity in RECORDED:
            want = getattr(alone, quantity)
            np.testing.assert_allclose(getattr(run, quantity), want, rtol=1e-9,
                                       atol=1e-11 * max(1, np.abs(want).max()))
            assert row[quantity] == getattr(run, quantity)[-1]
            assert early[quantity] == getattr(run, quantity)[3]
        if row["start"] == "both zero":
            assert not run.grad_A_norm.any() and not run.delta_norm.any()  # exactly


def test_a_sweep_takes_the_memory_of_its_result_and_of_a_piece_a_worker():
    problem = teacher_student(64, 64, rng=np.random.default_rng(0))
    tracemalloc.start()
    grid = sweep(problem, r=64, alpha=16, lr=1e-3, seed=range(200), steps=3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * grid.loss.nbytes + 12 * 2**21 * (usable_cores() + 1)


def test_a_diverged_run_is_inf_and_flagged_and_leaves_its_neighbours_alone():
    grid = sweep(PROBLEM, r=2, alpha=8, lr=[0.05, 1e4], steps=30, optimiser="SGD")
    assert grid.diverged.ravel().tolist() == [False, True]
    assert np.isfinite(grid.select(lr=0.05).loss).all()
    lost = grid.select(lr=1e4)
    assert np.isinf(lost.loss.ravel()[-1]) and not np.isnan(lost.loss).any()
    assert np.isinf(lost.useful.ravel()[-1])
    assert repr(lost).endswith("→ inf, 1 of 1 diverged>")
