"""Home's picture: its matrices are those of torch's training, and it shows what they are."""

import itertools
from functools import cache

import numpy as np
import pytest
import torch

from lora_edu import STARTS
from lora_edu.chapters.home.figures import matrices
from lora_edu.chapters.home.runs import ALPHA, LEARNING_RATE, STEPS, first_steps, problem
from lora_edu.chapters.shared.style import COLOURS

RUNS = list(itertools.product((1, 4), STARTS[:4], LEARNING_RATE))


@cache
def in_torch(r, start, name):
    """[(A, B, ∇A, ∇B, loss)] of the steps: autograd through all inputs, and torch's optimiser."""
    task, first = problem(), first_steps(r, start, name)[0].adapter
    W0, W_star, X = (torch.tensor(array) for array in (task.W0, task.W_star, task.X))
    A, B = (torch.tensor(array, requires_grad=True) for array in (first.A, first.B))
    rule = getattr(torch.optim, name)([A, B], lr=LEARNING_RATE[name])
    seen = []
    for _ in range(STEPS + 1):
        rule.zero_grad()
        outputs = X @ W0.T + ALPHA / r * X @ A.T @ B.T
        loss = ((outputs - X @ W_star.T) ** 2).sum() / (2 * len(X))
        loss.backward()
        seen.append([each.detach().numpy().copy() for each in (A, B, A.grad, B.grad, loss)])
        rule.step()
    return seen


@pytest.mark.parametrize(("r", "start", "name"), RUNS)
def test_the_run_is_the_one_that_torch_makes(r, start, name):
    for snapshot, (A, B, grad_A, grad_B, loss) in zip(
            first_steps(r, start, name), in_torch(r, start, name), strict=True):
        for have, want in ((snapshot.adapter.A, A), (snapshot.adapter.B, B),
                           (snapshot.grad_A, grad_A), (snapshot.grad_B, grad_B)):
            np.testing.assert_allclose(have, want, rtol=1e-6, atol=1e-9)
            assert have.any() == want.any()  # exactly 0 in both
        assert snapshot.loss == pytest.approx(float(loss), rel=1e-9)


@pytest.mark.claim("cor-one-step", "thm-wake")
@pytest.mark.parametrize("name", LEARNING_RATE)
def test_from_the_paper_s_start_b_moves_then_a(name, r=4):
    start, one, two = first_steps(r, STARTS[0], name)[:3]
    G, lr, s = problem().gradient(problem().W0), LEARNING_RATE[name], ALPHA / r
    assert not start.adapter.B.any() and not start.grad_A.any()
    np.testing.assert_array_equal(one.adapter.A, start.adapter.A)
    first = s * G @ start.adapter.A.T
    step = first / (np.abs(first) + 1e-8) if name == "Adam" else first
    np.testing.assert_allclose(one.adapter.B, -lr * step, rtol=1e-9)
    assert one.grad_A.all() and (two.adapter.A != one.adapter.A).all()


@pytest.mark.parametrize(("r", "start", "name"), RUNS)
def test_the_picture_shows_the_matrices_and_says_what_moved(r, start, name):
    run = in_torch(r, start, name)
    for t, (A, B, grad_A, grad_B, _) in enumerate(run):
        figure = matrices(r, start, name, t)
        shown = {trace["name"]: trace["z"] for trace in figure["data"]
                 if trace["type"] == "heatmap"}
        for key, values in {"W₀": problem().W0, "A": A, "B": B, "∇A": grad_A, "∇B": grad_B,
                            "ΔW": ALPHA / r * B @ A}.items():  # blank for exactly 0 alone
            np.testing.assert_array_equal(np.sign(shown[key]), np.sign(values))
        before = run[max(t - 1, 0)]
        moved = {"A": (before[0] != A).any(), "B": (before[1] != B).any()}
        green = {key for key, shape in zip(shown, figure["layout"]["shapes"], strict=False)
                 if shape["line"]["color"] == COLOURS["delta"]}
        assert green == {key for key in "AB" if moved[key]} | (
            {"ΔW"} if any(moved.values()) else set())
        reading = figure["layout"]["meta"]["reading"]
        for key, other, gradient in (("A", "B", grad_A), ("B", "A", grad_B)):
            assert (f"‖∇{key}‖ 0 exactly" in reading) == (not gradient.any())
            assert (f"{key} has not" in reading) == (t > 0 and moved[other] and not moved[key])
        assert ("A and B have moved" in reading) == all(moved.values())
        assert ("nothing has moved" in reading) == (t > 0 and not any(moved.values()))
