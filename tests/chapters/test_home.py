"""Home's picture: its matrices are those of torch's training, and it shows what they are."""

import itertools
from functools import cache

import numpy as np
import pytest
import torch

from lora_edu import STARTS
from lora_edu.chapters.home.figures import DEEPEST, EDGES, SHADES, levels, matrices
from lora_edu.chapters.home.runs import ALPHA, LEARNING_RATE, STEPS, first_steps, problem
from lora_edu.chapters.shared.style import COLOURS
from lora_edu.explore.plain import plain_figure, validate

RANKS = (1, 2, 4, 8)
RUNS = list(itertools.product(RANKS, STARTS[:4], LEARNING_RATE))
STATES = [(*run, t) for run in RUNS for t in range(STEPS + 1)]


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
@pytest.mark.parametrize("r", RANKS)
def test_from_the_paper_s_start_b_moves_then_a(r, name):
    start, one, two = first_steps(r, STARTS[0], name)[:3]
    G, lr, s = problem().gradient(problem().W0), LEARNING_RATE[name], ALPHA / r
    assert not start.adapter.B.any() and not start.grad_A.any()
    np.testing.assert_array_equal(one.adapter.A, start.adapter.A)
    first = s * G @ start.adapter.A.T
    step = first / (np.abs(first) + 1e-8) if name == "Adam" else first
    np.testing.assert_allclose(one.adapter.B, -lr * step, rtol=1e-9)
    assert one.grad_A.all() and (two.adapter.A != one.adapter.A).all()


@pytest.mark.claim("thm-step-zero")
@pytest.mark.parametrize("name", LEARNING_RATE)
@pytest.mark.parametrize("r", RANKS)
def test_from_both_zero_nothing_moves(r, name):
    for snapshot in first_steps(r, "both zero", name):
        assert not any(array.any() for array in (snapshot.adapter.A, snapshot.adapter.B,
                                                 snapshot.grad_A, snapshot.grad_B))
        assert snapshot.loss == problem().loss(problem().W0)


def test_a_cell_is_blank_only_for_exactly_zero_and_deeper_for_more():
    assert levels(np.array([0.0, -0.0])).tolist() == [0, 0]
    values = np.array([1e-300, *EDGES * 0.999, *EDGES * 1.001, 1e9])
    ranked = levels(np.sort(values))
    assert ranked[0] == 1 and ranked[-1] == DEEPEST and (np.diff(ranked) >= 0).all()
    np.testing.assert_array_equal(levels(-values), -levels(values))
    assert len(SHADES) == 2 * DEEPEST + 1 and SHADES[DEEPEST].endswith(" 0)")
    strength = [float(shade.rpartition(",")[2][:-1]) for shade in SHADES[DEEPEST:]]
    assert strength == sorted(set(strength)) and strength[-1] == 1


def cells(figure):
    return [trace for trace in figure["data"] if trace["type"] == "heatmap"]


def boxes(figure):
    """Name → (left, right, top, bottom) of its cells."""
    found = {}
    for trace in cells(figure):
        rows, columns = np.shape(trace["z"])
        found[trace["name"]] = (trace["x0"] - 0.5, trace["x0"] + columns - 0.5,
                                trace["y0"] - 0.5, trace["y0"] + rows - 0.5)
    return found


@pytest.mark.parametrize(("r", "start", "name", "t"), STATES)
def test_the_picture_shows_the_matrices_to_scale_and_says_what_moved(r, start, name, t):
    figure = plain_figure(matrices(r, start, name, t))
    run = in_torch(r, start, name)
    A, B, grad_A, grad_B, _ = run[t]
    shown = {trace["name"]: np.array(trace["z"]) for trace in cells(figure)}
    want = {"W₀": problem().W0, "A": A, "B": B, "∇A": grad_A, "∇B": grad_B,
            "ΔW": ALPHA / r * B @ A}
    for key, values in want.items():
        assert shown[key].shape == values.shape
        np.testing.assert_array_equal(np.sign(shown[key]), np.sign(values))
    box = boxes(figure)
    for (_, one), (_, other) in itertools.combinations(box.items(), 2):
        assert (one[1] <= other[0] or other[1] <= one[0]
                or one[3] <= other[2] or other[3] <= one[2])
    assert box["B"][1] == box["ΔW"][0] - 1 and box["A"][3] == box["ΔW"][2] - 1  # beside it
    assert box["A"][:2] == box["ΔW"][:2] == box["∇A"][:2]  # the same columns
    assert box["B"][2:] == box["ΔW"][2:] == box["∇B"][2:] == box["W₀"][2:]  # the same rows
    layout = figure["layout"]
    for left, right, top, bottom in box.values():
        assert layout["xaxis"]["range"][0] < left and right < layout["xaxis"]["range"][1]
        assert layout["yaxis"]["range"][1] < top and bottom <= layout["yaxis"]["range"][0]
    before = run[max(t - 1, 0)]
    moved = {"A": (before[0] != A).any(), "B": (before[1] != B).any()}
    green = {key for key, shape in zip(box, layout["shapes"], strict=False)
             if shape["line"]["color"] == COLOURS["delta"]}
    assert green == {key for key in "AB" if moved[key]} | ({"ΔW"} if any(moved.values()) else set())
    notes = figure["data"][-1]
    zeros = {(x, y) for x, y, text in zip(notes["x"], notes["y"], notes["text"], strict=True)
             if text == "0"}
    middles = {key: ((left + right) / 2, (top + bottom) / 2)
               for key, (left, right, top, bottom) in box.items()}
    assert {key for key in want if middles[key] in zeros} == {
        key for key, values in want.items() if not values.any()}
    assert layout["meta"]["reading"].startswith(f"r = {r}, {start}, {name}, step {t}: ")
    check_reading(layout["meta"]["reading"], t, moved, run)


def check_reading(reading, t, moved, run):
    for i, key in enumerate("AB"):
        other = "AB"[1 - i]
        assert (f"‖∇{key}‖ 0 exactly" in reading) == (not run[t][2 + i].any())
        assert (f"∇{key} is exactly 0, because {other} is" in reading) == (
            t == 0 and not run[0][2 + i].any() and run[0][3 - i].any())
        assert (f"{key} has not" in reading) == (t > 0 and moved[other] and not moved[key])
        woke = t > 1 and moved[key] and not any(
            (run[step][i] != run[0][i]).any() for step in range(t))
        assert (f"{key} wakes" in reading) == woke
    assert ("A and B have moved" in reading) == (moved["A"] and moved["B"])
    assert ("nothing has moved" in reading) == (t > 0 and not any(moved.values()))
    assert ("the model is changed before" in reading) == (
        t == 0 and (run[0][1] @ run[0][0]).any())
    if "is no longer" in reading:
        still = "AB".index(reading.partition(" has not")[0][-1])
        assert not run[t - 1][2 + still].any() and run[t][2 + still].all()


def test_the_dict_is_a_figure_that_plotly_knows_in_full():
    validate(matrices())
