"""The dashboard shows what training does, and its six demonstrations show what the guide says."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from lora_edu import STARTS
from lora_edu.chapters.dashboard import figures, runs
from lora_edu.chapters.shared.style import ZeroLogAxis
from lora_edu.chapters.shared.tasks import task_32
from tests.chapters.figure_words import reading

PAPER, SWAPPED, BOTH_ZERO, BOTH_RANDOM = STARTS[:4]


@pytest.mark.parametrize(("start", "zeros"), [
    (PAPER, {"‖∇A‖", "‖ΔW‖"}), (SWAPPED, {"‖∇B‖", "‖ΔW‖"}),
    (BOTH_ZERO, {"‖∇A‖", "‖∇B‖", "‖ΔW‖"}), (BOTH_RANDOM, set())])
def test_the_marks_at_exactly_zero_are_the_right_ones(start, zeros):
    """Demonstration 1: at step 0, and after one step only where both are zero."""
    traces = figures.dashboard(start=start)["data"][:3]
    foot = ZeroLogAxis(-6, 3).zero
    for step, want in ((0, zeros), (1, zeros if start == BOTH_ZERO else set())):
        assert {t["name"] for t in traces if t["y"][step] == foot} == want


@pytest.mark.parametrize(("name", "flat", "rising"), [("Adam", "LoRA", "rsLoRA"),
                                                      ("SGD", "rsLoRA", "unscaled")])
def test_the_useful_part_is_flat_where_the_norm_falls(name, flat, rising):
    """Demonstration 4, on one draw: the useful part within a factor of 2, the norm to a fifth."""
    useful, norm = (runs.ranks_of(quantity, 16, PAPER, name, flat, 0.003)
                    for quantity in ("useful", "delta_norm"))
    assert useful.max() / useful.min() < 2 and norm[-1] / norm[0] == pytest.approx(0.2, abs=0.02)
    useful = runs.ranks_of("useful", 16, PAPER, name, rising, 0.003)
    assert (np.diff(useful) > 0).all() and useful[-1] / useful[0] > 5


def test_the_rank_bounds_the_loss_and_the_promise_is_twice_what_is_delivered():
    """Demonstrations 5 and 6: the best of rank one, from singular values weighted by the inputs."""
    task = task_32()
    root = sqrtm(task.covariance)
    squares = np.linalg.svd((task.W_star - task.W0) @ root, compute_uv=False) ** 2
    best = squares[1:].sum() / squares.sum()
    one, four = (runs.one_run(r, 16, PAPER, "Adam", "LoRA", 0.03) for r in (1, 4))
    assert one.loss[-1] / runs.frozen_loss() == pytest.approx(best, rel=1e-3) and best > 0.5
    assert four.loss[-1] / runs.frozen_loss() < 1e-3
    assert four.useful[-1] / runs.frozen_loss() == pytest.approx(2, abs=0.02)
    words = reading(figures.dashboard(r=1, lr=0.03))
    assert f"(rank 1 can leave {best:.3g}, not less)" in words
