"""Section 4.1 in thirty minutes: each plot shows what a computation of its own finds."""

import itertools
import re

import numpy as np
import pytest

from lora_book.shared import word_run
from lora_book.shared.word import word as the_word
from lora_book.thirty_minutes import figures, ideas, runs
from lora_book.which_zero.runs_swap import both
from lora_edu import STARTS
from lora_edu.explore.plain_figure import plain_figure
from tests.lora_book.figure_words import headline
from tests.lora_book.oracles import adam_step, apart


def numbers(figure):
    return [float(number) for number in re.findall(r"\d+\.?\d*", headline(figure))]


def trace(figure, name):
    return next(t for t in plain_figure(figure)["data"] if t.get("name") == name)


def cells(figure, name):
    return np.array(trace(figure, name)["z"])


def by_hand(A, B, s, lr, adam=True, decay=0.0, eps=1e-8):
    """[(A, B, ΔW)] of the steps 0 … 30 towards the word, in a loop of its own."""
    memory = [[0, 0], [0, 0]]
    path = [(A, B, s * B @ A)]
    for t in range(1, word_run.STEPS[-1] + 1):
        error = path[-1][2] - the_word()
        gradients = s * B.T @ error, s * error @ A.T
        if adam:
            steps = adam_step(memory, gradients, t, lr, eps)
        else:
            steps = [-lr * gradient for gradient in gradients]
        A = (1 - lr * decay) * A + steps[0]
        B = (1 - lr * decay) * B + steps[1]
        path.append((A, B, s * B @ A))
    return path


def started(start=STARTS[0]):
    """(A, B) where the runs begin."""
    first = word_run.written(start)[0]
    return first.A, first.B


def loss_left(delta):
    """In percent of the frozen model's."""
    return 100 * np.sum((delta - the_word())**2) / np.sum(the_word()**2)


@pytest.mark.parametrize("start", STARTS[:4])
def test_the_word_is_written_as_a_loop_of_its_own_writes_it(start):
    path = by_hand(*started(start), 1.0, word_run.LR)
    for t in word_run.STEPS:
        figure = figures.word(start, t)
        A, B, delta = path[t]
        np.testing.assert_allclose(cells(figure, "ΔW"), 100 * delta, atol=0.5)
        A_before, B_before, _ = path[max(t - 1, 0)]
        A_moved = not np.array_equal(A, A_before)
        B_moved = not np.array_equal(B, B_before)
        words = headline(figure)
        assert ("A has moved, but B has not" in words) == (A_moved > B_moved)
        assert ("B has moved, but A has not" in words) == (B_moved > A_moved)
        assert ("neither ever will" in words) == (start == "both zero" and t > 0)
        if A_moved and B_moved:
            left = loss_left(delta)
            assert numbers(figure)[1] == pytest.approx(left, rel=0.03, abs=0.05)
            assert t < 30 or left < 2.5


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_four_times_alpha_and_four_times_eta_part(name):
    lr = word_run.SLOW[name]
    adam = name == "Adam"
    A, B = started()
    ways = by_hand(A, B, 4.0, lr, adam), by_hand(A, B, 1.0, 4 * lr, adam)
    for t in word_run.STEPS[1:]:
        figure = figures.two_ways(name, t)
        upper, lower = (way[t][2] for way in ways)
        left = [loss_left(way[t][2]) for way in ways]
        same = adam and t == 1
        assert ("pictures are the same" in headline(figure)) == same
        assert same == (apart(lower, upper) < 1e-5)
        if not same:  # after the step: what is left, and α × 4 or η × 4
            assert numbers(figure)[1::2] == pytest.approx(left, rel=0.03, abs=0.5)


@pytest.mark.parametrize(("a", "b"), list(itertools.product(np.arange(-6, 7) / 4, repeat=2)))
def test_the_ball_rolls_from_everywhere_but_the_cross_and_the_line_that_leads_to_it(a, b):
    x, y, steps = a, b, 0
    while (1 - x * y)**2 / 2 >= 1e-3 and steps < 100:
        x, y, steps = x + 0.1 * (1 - x * y) * y, y + 0.1 * (1 - x * y) * x, steps + 1
    assert (steps < 100) == (a != -b) == (steps <= 36)
    assert headline(figures.saddle_point(a, b)) == (
        "The loss is already 0, so the ball stays" if not steps else
        f"The ball rolls to a loss of 0 in {steps} steps" if a != -b else
        "The ball rolls onto the cross and stays there" if a else
        "On the cross, the ball never moves")


@pytest.mark.parametrize(("start", "verdict"), [
    ("A random, B zero", "Only B moves in step 1, and ΔW starts at 0"),
    ("A zero, B random", "Only A moves in step 1, and ΔW starts at 0"),
    ("both zero", "Both valves are closed, so nothing ever moves"),
    ("both random", "A and B both move in step 1, but the model is already changed"),
    ("BA zero", "A and B both move in step 1, and ΔW starts at 0")])
def test_what_reaches_a_matrix_passes_a_valve_that_the_other_holds(start, verdict):
    A, B = started(start)
    error = B @ A - the_word()
    assert headline(ideas.valves(start)) == verdict
    assert ("the model is already changed" in verdict) == (B @ A).any()
    shares = [A.any(axis=1), B.any(axis=0), (B.T @ error).any(axis=1), (error @ A.T).any(axis=0)]
    drawn = [runs.filled(start)[name] for name in ("A", "B", "∇A", "∇B")]
    assert drawn == [share.mean() for share in shares]


@pytest.mark.parametrize("ticked", [*itertools.product((False, True), repeat=4)])
def test_with_all_four_ticks_and_no_fewer_the_difference_is_blank(ticked):
    eta, start, decay, eps = (4.0**on for on in ticked)
    A, B = started()
    lr = word_run.LR / 4
    first = by_hand(A / 4, B, 16, lr, decay=runs.DECAY)[-1][2]
    second = by_hand(A / 4 * start, B, 1, lr * eta, decay=runs.DECAY / decay,
                     eps=1e-8 / eps)[-1][2]
    figure = ideas.ticks(*ticked)
    assert cells(figure, "gap").any() != all(ticked)
    largest = np.abs(first - second).max()
    palest = cells(figure, "gap").max() < cells(figure, "α × 16").max()
    assert palest == (not 0 < largest < 0.01)  # only what is too pale is magnified
    if "%" in headline(figure):
        assert numbers(figure) == pytest.approx([100 * largest], abs=0.6)
    else:
        assert largest < 1e-3 and all(ticked[:3])


def test_the_folded_halves_are_one_run_and_its_mirror_image():
    run, _ = both()
    A, B = run[-1]
    np.testing.assert_allclose(B @ A, by_hand(*run[0], 1.0, word_run.LR)[-1][2], atol=1e-6)
    flat = ideas.fold(30, 0)
    folded = ideas.fold(30, 180)
    for name, twin in (("A", "B′"), ("B", "A′"), ("ΔW", "ΔW′")):
        np.testing.assert_array_equal(cells(flat, name), cells(flat, twin).T)
        np.testing.assert_array_equal(cells(flat, name), cells(folded, twin).T)
        flat_parts, parts = ({part.get("name"): part for part in figure["data"]}
                             for figure in (flat, folded))
        first = [flat_parts[name][place] for place in ("x0", "y0")]
        assert first == [parts[twin][place] for place in ("y0", "x0")]
        laid = folded["layout"]["meta"]["laid"][twin]  # at its place, and then in its mirror image
        left, top = first[::-1]
        rows, columns = cells(folded, twin).shape
        assert [set(flat_parts[laid][axis]) for axis in "xy"] == [
            {left - 0.5, left + columns - 0.5}, {top - 0.5, top + rows - 0.5}]
        for axis, other in ("xy", "yx"):
            np.testing.assert_array_equal(flat_parts[laid][axis], parts[laid][other])
    assert "agree in every bit" in headline(folded)
