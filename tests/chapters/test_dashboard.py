"""The dashboard shows what training does, and its six demonstrations show what the guide says."""

import itertools

import numpy as np
import pytest

from lora_edu import STARTS, Adapter, initial, optimiser, scaling, train
from lora_edu.chapters.dashboard import figures, runs
from lora_edu.chapters.shared.problem import problem
from lora_edu.chapters.shared.scale_rules import SCALE_RULES
from lora_edu.chapters.shared.style import ZeroLogAxis
from lora_edu.explore.plain import plain_figure

PAPER, SWAPPED, BOTH_ZERO, BOTH_RANDOM = STARTS[:4]


def run(**changed):
    settings = {"r": 4, "alpha": 16, "start": PAPER, "optimiser": "Adam", "rule": "LoRA",
                "lr": 0.003}
    return runs.one_run(**{**settings, **changed})


def said(figure):
    return plain_figure(figure)["layout"]["meta"]["reading"]


@pytest.mark.parametrize(("name", "rule", "start", "r"), [
    ("Adam", "LoRA", PAPER, 4), ("SGD", "rsLoRA", SWAPPED, 16),
    ("Adam", "unscaled", BOTH_RANDOM, 1)])
def test_a_run_of_the_dashboard_is_that_of_train(name, rule, start, r):
    A, B = initial(32, 32, r, start, rng=np.random.default_rng(1))
    s = scaling(r, 4, {"LoRA": "lora", "rsLoRA": "rslora", "unscaled": "none"}[rule])
    want = train(problem(), Adapter(A, B, s), optimiser(name, lr=0.003), runs.STEPS)
    have = run(r=r, alpha=4, start=start, optimiser=name, rule=rule, lr=0.003)
    for quantity in ("loss", "delta_norm", "grad_A_norm", "grad_B_norm", "useful"):
        np.testing.assert_allclose(getattr(have, quantity), getattr(want, quantity), rtol=1e-6,
                                   atol=1e-9)


@pytest.mark.parametrize(("start", "zeros"), [
    (PAPER, {"‖∇A‖", "‖ΔW‖"}), (SWAPPED, {"‖∇B‖", "‖ΔW‖"}),
    (BOTH_ZERO, {"‖∇A‖", "‖∇B‖", "‖ΔW‖"}), (BOTH_RANDOM, set())])
def test_the_marks_at_exactly_zero_are_the_right_ones(start, zeros):
    """Demonstration 1: at step 0, and after one step only where both are zero."""
    traces = plain_figure(figures.dashboard(start=start))["data"][:3]
    foot = ZeroLogAxis(-6, 3).zero
    assert {t["name"] for t in traces if t["y"][0] == foot} == zeros
    later = {t["name"] for t in traces if t["y"][1] == foot}
    assert later == (zeros if start == BOTH_ZERO else set())


@pytest.mark.parametrize("name", runs.OPTIMISERS)
def test_both_zero_stays_for_every_setting(name):
    for r, alpha, lr, rule in itertools.product(runs.RANKS, runs.ALPHAS, runs.RATES,
                                                SCALE_RULES):
        stuck = run(r=r, alpha=alpha, lr=lr, rule=rule, optimiser=name, start=BOTH_ZERO)
        assert not stuck.delta_norm.any() and (stuck.loss == stuck.loss[0]).all()


def test_both_random_starts_above_the_plot():
    top = plain_figure(figures.dashboard(start=BOTH_RANDOM))["layout"]["yaxis2"]["range"][1]
    assert run(start=BOTH_RANDOM).loss[0] > 10 * top * runs.frozen_loss()


@pytest.mark.parametrize(("name", "factor"), [("SGD", 16), ("Adam", 4)])
def test_four_times_alpha(name, factor):
    """Demonstration 3. Adam's ε keeps it from being exact."""
    small, large = (run(optimiser=name, alpha=alpha, lr=0.003).delta_norm[1] for alpha in (4, 16))
    assert large / small == pytest.approx(factor, rel=1e-5)


@pytest.mark.parametrize(("name", "rule"), [("Adam", "LoRA"), ("SGD", "rsLoRA")])
def test_the_useful_part_is_flat_where_the_norm_falls(name, rule):
    """Demonstration 4, on one draw: the useful part (within 15 % or a factor of 2), the norm."""
    useful, norm = (runs.ranks_of(quantity, 16, PAPER, name, rule, 0.003)
                    for quantity in ("useful", "delta_norm"))
    assert useful.max() / useful.min() < 2
    assert (np.diff(norm) < 0).all() and norm[-1] / norm[0] == pytest.approx(1 / 5, abs=0.02)
    if name == "Adam":
        np.testing.assert_allclose(useful, useful[0], rtol=0.15)


@pytest.mark.parametrize(("name", "rule"), [("Adam", "rsLoRA"), ("SGD", "unscaled")])
def test_another_rule_moves_the_useful_part(name, rule):
    useful = runs.ranks_of("useful", 16, PAPER, name, rule, 0.003)
    assert (np.diff(useful) > 0).all() and useful[-1] / useful[0] > 5


def test_the_promise_is_twice_what_is_delivered():
    """Demonstration 5: at the bottom of a quadratic −⟨ΔW, G⟩ is twice the loss that is gone."""
    long = run(r=16, lr=0.03)
    assert long.useful[-1] / runs.frozen_loss() == pytest.approx(2, abs=0.02)
    assert long.loss[-1] / runs.frozen_loss() < 1e-3


def test_a_rank_below_the_target_s_stops_above_zero():
    """Demonstration 6: at the best of rank one, from singular values weighted by the inputs."""
    task = problem()
    values, vectors = np.linalg.eigh(task.covariance)
    root = vectors * np.sqrt(values) @ vectors.T
    squares = np.linalg.svd((task.W_star - task.W0) @ root, compute_uv=False) ** 2
    best = squares[1:].sum() / squares.sum()
    stuck = [run(r=1, alpha=alpha, lr=0.03) for alpha in (16, 64)]
    ends = [one.loss[-1] / runs.frozen_loss() for one in stuck]
    for one in stuck:
        for norm in (one.grad_A_norm, one.grad_B_norm):
            assert norm[-1] < norm.max() / 20
    assert runs.least_loss(1) == pytest.approx(best, rel=1e-9) and best > 0.5
    assert best < min(ends) and best == pytest.approx(ends[0], rel=1e-3)
    assert ends[1] == pytest.approx(ends[0], rel=0.05)
    assert run(r=4, lr=0.03).loss[-1] / runs.frozen_loss() < 1e-3
    assert runs.least_loss(4) < 1e-9
    assert f"(rank 1 can leave {best:.3g}, not less)" in said(figures.dashboard(r=1, lr=0.03))
    assert "not less" not in said(figures.dashboard(r=4, lr=0.03))


def test_no_run_of_the_dashboard_leaves_less_than_its_rank_must():
    for name, rule in itertools.product(runs.OPTIMISERS, SCALE_RULES):
        loss = runs.all_runs(name, rule).loss[0]  # of r = 1: every α, η, start and step
        assert np.nanmin(loss) / runs.frozen_loss() > runs.least_loss(1) * (1 - 1e-9)


def test_a_run_that_flies_apart_is_drawn_and_named():
    figure = figures.dashboard(r=1, alpha=64, optimiser="SGD", lr=0.03)
    assert "flies apart" in said(figure)
    assert len(plain_figure(figure)["data"][0]["x"]) < len(figures.SHOWN)


def test_the_reading_has_the_numbers_of_the_run():
    here = run()
    text = said(figures.dashboard())
    assert "s = α/r = 4" in text and f"{here.delta_norm[1]:.3g}" in text
    ranks = said(figures.dashboard(view=figures.VIEWS[1], optimiser="SGD", rule="rsLoRA"))
    assert "s = α/√r = 8" in ranks and "useful part × " in ranks


@pytest.mark.parametrize("view", figures.VIEWS)
def test_the_corners_of_the_grid_can_be_drawn(view):
    for start, name, rule, r, alpha, lr in itertools.product(
            STARTS[:4], runs.OPTIMISERS, SCALE_RULES, (1, 64), (4, 64), runs.RATES):
        for trace in plain_figure(figures.dashboard(r, alpha, start, name, rule, lr, view))["data"]:
            assert len(trace["x"]) == len(trace["y"])
            if "text" in trace or "customdata" not in trace:
                continue
            assert np.isfinite(np.array(trace["customdata"], float)).all()


def test_the_grid_is_small_enough():
    sizes = (len(figures.VIEWS), 4, len(runs.OPTIMISERS), len(SCALE_RULES), len(runs.RANKS),
             len(runs.ALPHAS), len(runs.RATES))
    assert np.prod(sizes) <= 4096
