"""Section 4.1 in thirty minutes: each plot shows what a computation of its own finds."""

import itertools
import re

import numpy as np
import pytest

from lora_edu import STARTS, Adam, Adapter, initial, train
from lora_edu.chapters.first_r.figures import carried
from lora_edu.chapters.shared import word_run
from lora_edu.chapters.shared.fits import geometric_mean
from lora_edu.chapters.shared.word import word as the_word
from lora_edu.chapters.step_zero.figures import starts_board
from lora_edu.chapters.thirty_minutes import figures, runs
from lora_edu.explore.plain_figure import plain_figure
from tests.chapters.figure_words import headline


def numbers(figure):
    return [float(found) for found in re.findall(r"\d+\.?\d*", headline(figure))]


def trace(figure, name):
    return next(t for t in plain_figure(figure)["data"] if t.get("name") == name)


def by_hand(start, lr, s, adam=True):
    """[{A, B, ΔW}] of a loop that shares with the package only where it begins."""
    first = word_run.written(start)[0]
    parts, m, v, seen = [first.A, first.B], [0, 0], [0, 0], []
    for t in range(1, word_run.STEPS[-1] + 2):
        A, B = parts
        seen.append({"A": A, "B": B, "ΔW": s * B @ A})
        error, parts = s * B @ A - the_word(), []
        for i, (p, g) in enumerate(((A, s * B.T @ error), (B, s * error @ A.T))):
            m[i], v[i] = 0.9 * m[i] + 0.1 * g, 0.999 * v[i] + 0.001 * g * g
            move = m[i] / (1 - 0.9**t) / (np.sqrt(v[i] / (1 - 0.999**t)) + 1e-8) if adam else g
            parts.append(p - lr * move)
    return seen


@pytest.mark.parametrize("start", STARTS[:4])
def test_the_word_is_written_as_a_loop_of_its_own_writes_it(start):
    seen = by_hand(start, word_run.LR, 1.0)
    for t in word_run.STEPS:
        figure, run = figures.word(start, t), word_run.written(start)[t]
        said = headline(figure)
        moved = {name: (now != seen[max(t - 1, 0)][name]).any() for name, now in seen[t].items()}
        for (name, want), have in zip(seen[t].items(), (run.A, run.B, run.delta()), strict=True):
            np.testing.assert_allclose(have, want, rtol=1e-6, atol=1e-6)
            shown = np.array(trace(figure, name)["z"])
            if name == "ΔW":
                np.testing.assert_allclose(shown, 100 * have, atol=0.5)
            else:
                np.testing.assert_array_equal(np.sign(shown), np.sign(have))
            assert have.any() == want.any()  # exactly 0 in both
        assert sum(each.get("text", []).count("0") for each in figure["data"]) == sum(
            not values.any() for values in seen[t].values())
        for one, other in ("AB", "BA"):
            assert (f"{one} has moved, {other} has not" in said) == (moved[one] > moved[other])
        assert ("nothing has moved, and nothing will" in said) == (start == "both zero" and t > 0)
        left = 100 * np.sum((seen[t]["ΔW"] - the_word())**2) / np.sum(the_word()**2)
        if moved["A"] and moved["B"]:
            assert numbers(figure)[1] == pytest.approx(left, rel=0.03, abs=0.05)
            assert t < 30 or left < 2.5


def test_neither_start_writes_the_word_better():
    loss, wrong = np.empty((2, 2, 16))
    for i, seed in np.ndindex(loss.shape):
        A, B = initial(16, 48, word_run.R, STARTS[i], word_run.SIGMA,
                       rng=np.random.default_rng(seed))
        end = train(word_run.task(), Adapter(A, B, 1.0), Adam(word_run.LR), 30).adapter
        loss[i, seed] = word_run.loss_left(end)
        wrong[i, seed] = np.abs(end.delta() - the_word()).max()
    for by_start, most in ((loss, 0.016), (wrong, 0.26)):
        first, second = by_start.mean(axis=1)
        assert first < most
        assert first == pytest.approx(second, rel=0.15)


def test_the_first_stride_goes_with_alpha_squared_under_sgd_and_with_alpha_under_adam():
    for alpha in figures.ALPHAS:
        adam, sgd, *_ = (bar["x1"] for bar in figures.strides(alpha)["layout"]["shapes"])
        assert (sgd, adam) == pytest.approx(((alpha / 8)**2, alpha / 8), rel=1e-5)
    assert headline(figures.strides(32)) == "α × 4: stride × 16 under SGD, × 4 under Adam"


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_four_times_alpha_and_four_times_eta_part(name):
    lr, adam = word_run.SLOW[name], name == "Adam"
    ways = by_hand(STARTS[0], lr, 4.0, adam), by_hand(STARTS[0], 4 * lr, 1.0, adam)
    for t in word_run.STEPS[1:]:
        figure, start = figures.two_ways(name, t), ways[0][0]["A"]
        upper, lower = (way[t]["ΔW"] for way in ways)
        gap = np.linalg.norm(upper - lower) / np.linalg.norm(upper)
        far = [np.linalg.norm(way[t]["A"] - start) / np.linalg.norm(start) for way in ways]
        bars = [(bar["x1"] + 0.5) / 8 for bar in figure["layout"]["shapes"][1::2]]
        assert bars == pytest.approx(far, rel=1e-6)
        assert far[0] < far[1] or t == 1
        same = adam and t == 1
        assert ("the same picture" in headline(figure)) == same == (gap < 1e-5)
        if far[1] > 1.05 * far[0]:
            assert numbers(figure)[1] == pytest.approx(far[1] / far[0], rel=0.05)


def test_in_a_smaller_unit_adam_takes_the_same_step():
    now = word_run.written()[3]
    h = np.zeros_like(now.A)
    h[runs.ENTRY] = 1e-5
    up, down = (np.sum((now.B @ A - the_word())**2) / 2 for A in (now.A + h, now.A - h))
    value, slope = now.A[runs.ENTRY], (up - down) / 2e-5
    for c in range(2, 7):
        assert runs.measured(float(c)) == pytest.approx(
            (c * value, slope / c, -word_run.LR * np.sign(slope)), rel=1e-5)
        widths = [shape["x1"] for shape in figures.units(c)["layout"]["shapes"]]
        assert widths == pytest.approx([1, c, 1, 1 / c, 1, 1, c], rel=1e-5)


@pytest.mark.parametrize("r", figures.RANKS)
def test_arrows_agree_along_and_not_across(r):
    for divide, power in figures.DIVISORS.items():
        figure, by = figures.arrows(r, divide), r**power
        steps, (_, off) = trace(figure, "arrows"), trace(figure, "across")["y"]
        np.testing.assert_allclose(np.diff(steps["x"]) * by, 1)
        assert trace(figure, "along")["x"][1] == pytest.approx(r / by)
        assert steps["y"][-1] == off and 0.5 * r**0.5 < abs(off) * by < 1.5 * r**0.5
        assert numbers(figure)[-2:] == pytest.approx([r / by, abs(off)], rel=0.05)
    sums = np.std([runs.across(seed)[r - 1] for seed in range(400)])
    assert sums == pytest.approx(r**0.5, rel=0.15)


@pytest.mark.parametrize(("a", "b"), list(itertools.product(np.arange(-6, 7) / 4, repeat=2)))
def test_the_ball_rolls_from_everywhere_but_the_cross_and_the_line_that_leads_to_it(a, b):
    figure, x, y, steps = figures.saddle_point(a, b), a, b, 0
    while (1 - x * y)**2 / 2 >= 1e-3 and steps < 100:
        x, y, steps = x + 0.1 * (1 - x * y) * y, y + 0.1 * (1 - x * y) * x, steps + 1
    assert (steps < 100) == (a != -b) == (steps <= 36)
    assert headline(figure) == (
        "the loss is 0 already, and it stays" if not steps else
        f"it rolls to loss 0 in {steps} steps" if a != -b else
        "it rolls onto the cross, and stays there" if a else "on the cross: it never rolls")
    path = trace(figure, "path")
    assert (path["x"][-1], path["y"][-1]) == pytest.approx((x, y), abs=6e-4)
    assert any((path["x"] != a) | (path["y"] != b)) == (steps > 0 and (a, b) != (0, 0))
    for level in figure["data"][:8]:
        places = zip(level["x"], level["y"], strict=True)
        assert np.ptp([(1 - x * y)**2 / 2 for x, y in places if x is not None]) < 1e-9


def test_the_board_answers_the_first_rows():
    verdicts = ("only B moves", "only A moves", "nothing moves", "both move, but ΔW is not 0",
                "both move, and ΔW is 0")
    for row, figure in enumerate(map(starts_board, range(6))):
        assert sum(each["text"].count("?") for each in figure["data"]) == 3 * (5 - row)
        assert len(figure["layout"]["shapes"]) == 4 * 5 + 5 * row
        assert not row or headline(figure) == f"{STARTS[row - 1]}: {verdicts[row - 1]}"


def test_a_carried_rate_costs_nothing_with_alpha_kept_and_much_with_alpha_r():
    from lora_edu.chapters.shared import digits_map as stored

    for alpha, at in (("kept", lambda r: 8 / r), ("= r", lambda r: 1.0)):
        first, later = (geometric_mean(stored.losses("45°, Adam", r, at(r))) for r in (8, 64))
        cost = later[first.argmin()] / later.min()
        said = headline(carried(alpha, 64))
        assert ("costs nothing" in said) == (cost < 1.005) == (alpha == "kept")
        assert alpha == "kept" or numbers(carried(alpha, 64))[-1] == pytest.approx(
            cost, rel=0.01)
