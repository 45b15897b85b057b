"""Section 4.1 in thirty minutes: each plot shows what a computation of its own finds."""

import itertools
import math
import re

import numpy as np
import pytest

from lora_edu import STARTS, Adam, Adapter, Regression, initial, train
from lora_edu.chapters.divide_by_r.runs_growth import TERMS
from lora_edu.chapters.first_r.figures import carried
from lora_edu.chapters.shared import word_run
from lora_edu.chapters.shared.fits import geometric_mean
from lora_edu.chapters.shared.style import COLOURS
from lora_edu.chapters.shared.word import word as the_word
from lora_edu.chapters.thirty_minutes import figures, ideas, runs
from lora_edu.chapters.which_zero.runs_swap import both
from lora_edu.explore.plain_figure import plain_figure
from tests.chapters.figure_words import headline


def numbers(figure):
    return [float(found) for found in re.findall(r"\d+\.?\d*", headline(figure))]


def trace(figure, name):
    return next(t for t in plain_figure(figure)["data"] if t.get("name") == name)


def cells(figure, name):
    return np.array(trace(figure, name)["z"])


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
        zeros = [each["text"] for each in figure["data"] if {*each.get("text", ())} == {"0"}]
        assert sum(map(len, zeros)) == sum(not values.any() for values in seen[t].values())
        for one, other in ("AB", "BA"):
            assert (f"{one} has moved, {other} has not" in said) == (moved[one] > moved[other])
        assert ("nothing has moved, and nothing will" in said) == (start == "both zero" and t > 0)
        left = 100 * np.sum((seen[t]["ΔW"] - the_word())**2) / np.sum(the_word()**2)
        if moved["A"] and moved["B"]:
            assert numbers(figure)[1] == pytest.approx(left, rel=0.03, abs=0.05)
            assert t < 30 or left < 2.5


def test_the_key_of_the_colours_runs_from_the_deepest_grey_over_nothing_to_the_deepest_colour():
    maps = plain_figure(figures.word())["data"]
    keys = [each for each in maps if each.get("name") == "key"]
    assert [key["colorscale"] for key in keys[:2]] == [
        trace(figures.word(), name)["colorscale"] for name in "AB"]
    for key in keys:
        (values,) = key["z"]
        assert values == sorted(values)
        assert (values[0], values[4], values[-1]) == (key["zmin"], 0, key["zmax"])


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
    across = trace(figure, "b = −a")
    np.testing.assert_array_equal(across["x"], -np.array(across["y"]))
    for level in figure["data"][:8]:
        places = zip(level["x"], level["y"], strict=True)
        assert np.ptp([(1 - x * y)**2 / 2 for x, y in places if x is not None]) < 1e-9


def test_a_carried_rate_costs_nothing_with_alpha_kept_and_much_with_alpha_r():
    from lora_edu.chapters.shared import digits_map as stored

    for alpha, at in (("kept", lambda r: 8 / r), ("= r", lambda r: 1.0)):
        first, later = (geometric_mean(stored.losses("45°, Adam", r, at(r))) for r in (8, 64))
        cost = later[first.argmin()] / later.min()
        said = headline(carried(alpha, 64))
        assert ("costs nothing" in said) == (cost < 1.005) == (alpha == "kept")
        assert alpha == "kept" or numbers(carried(alpha, 64))[-1] == pytest.approx(
            cost, rel=0.01)


@pytest.mark.parametrize(("start", "verdict"), [
    ("A random, B zero", "only B moves, and ΔW is 0"),
    ("A zero, B random", "only A moves, and ΔW is 0"),
    ("both zero", "both valves are closed: nothing moves, ever"),
    ("both random", "both move, but the model is changed"),
    ("BA zero", "both move, and ΔW is 0")])
def test_what_reaches_a_matrix_passes_a_valve_that_the_other_holds(start, verdict):
    figure = ideas.valves(start)
    first = word_run.written(start)[0]
    error = first.B @ first.A - the_word()
    gradients = {"A": (first.B.T @ error).any(axis=1), "B": (error @ first.A.T).any(axis=0)}
    matrices = {"A": first.A.any(axis=1), "B": first.B.any(axis=0)}
    boxes = figure["layout"]["shapes"]
    assert headline(figure) == verdict
    for name, holder, low, closed in (("A", "B", 6.3, 6.15), ("B", "A", 0.9, 0.75)):
        water = [box["y1"] - box["y0"] for box in boxes if (box["x0"], box["y0"]) == (5.2, low)
                 and box["fillcolor"] == COLOURS["loss"]]
        assert sum(water) == pytest.approx(0.8 * gradients[name].mean())
        (gate,) = (box for box in boxes
                   if box["x0"] == 5 and box["fillcolor"] == COLOURS[holder])
        assert abs(gate["y0"] - closed) == pytest.approx(1.1 * matrices[holder].mean())
    if start == "BA zero":
        A, _, B, *_ = (box for box in boxes if box["x0"] >= 9.5)
        assert (A["y0"], B["x0"]) == pytest.approx((6.7, 10.5))  # its upper half, its right half
        assert matrices["A"][:4].all() and matrices["B"][4:].all()
    assert ("the model is changed" in verdict) == (first.B @ first.A).any()


@pytest.mark.parametrize("alpha", figures.ALPHAS)
def test_the_first_stride_passes_two_amplifiers_and_adam_replaces_the_first(alpha):
    figure = figures.strides(alpha)
    s = alpha / 8
    bars = figure["layout"]["shapes"]
    assert [bar["x1"] - bar["x0"] for bar in bars] == pytest.approx([0.64 * s * s, 0.64 * s])
    wires = [t for t in figure["data"] if len(t["x"]) == 2 and t["mode"] == "lines"]
    widths = np.maximum(1.6 * np.array([1, s, s * s, 1, 1, s]), 0.6)
    assert [wire["line"]["width"] for wire in wires] == pytest.approx(widths)
    assert {bar["x0"] for bar in bars} == {wire["x"][1] for wire in wires[2::3]}
    if alpha == 32:
        assert headline(figure) == "α × 4: SGD’s stride × 16, Adam’s × 4"


@pytest.mark.parametrize("c", range(2, 7))
def test_a_ruler_in_a_smaller_unit_reads_more_and_adams_step_is_one_tick_on_either(c):
    now = word_run.written()[3]
    value, slope, step = runs.measured(1.0)
    entry = np.argwhere(value == now.A)[0]
    nudge = np.zeros_like(now.A)
    nudge[tuple(entry)] = 1e-5
    up, down = (np.sum((now.B @ A - the_word())**2) / 2 for A in (now.A + nudge, now.A - nudge))
    assert slope == pytest.approx((up - down) / 2e-5, rel=1e-4)
    assert step == pytest.approx(word_run.LR, rel=1e-6)
    assert runs.measured(float(c)) == pytest.approx((c * value, slope / c, step), rel=1e-6)
    drawn = [shape for shape in figures.units(c)["layout"]["shapes"] if shape["type"] == "rect"]
    tip = value / word_run.LR  # in ticks of the old unit
    ends = [0, 5], [tip, tip + 1], [0, 5], [tip, tip + 1 / c], [0, tip], [tip, tip + 1]
    np.testing.assert_allclose([[shape["x0"], shape["x1"]] for shape in drawn], ends)
    upper, _, lower, _, entry, _ = drawn
    assert (upper["y0"], lower["y0"]) == (entry["y1"], entry["y0"])  # both rulers lie at the entry


def adamw(A, s, lr, decay, eps):
    """ΔW after 30 steps from B = 0, with an own loop."""
    parts = [A, np.zeros((len(the_word()), len(A)))]
    m, v = [0, 0], [0, 0]
    for t in range(1, 31):
        A, B = parts
        error = s * B @ A - the_word()
        parts = []
        for i, (p, g) in enumerate(((A, s * B.T @ error), (B, s * error @ A.T))):
            m[i], v[i] = 0.9 * m[i] + 0.1 * g, 0.999 * v[i] + 0.001 * g * g
            move = m[i] / (1 - 0.9**t) / (np.sqrt(v[i] / (1 - 0.999**t)) + eps)
            parts.append((1 - lr * decay) * p - lr * move)
    return s * parts[1] @ parts[0]


@pytest.mark.parametrize("ticked", [*itertools.product((False, True), repeat=4)])
def test_with_all_four_ticks_and_no_fewer_the_difference_is_blank(ticked):
    eta, start, decay, eps = (4.0**on for on in ticked)
    A, lr = word_run.written()[0].A / 4, word_run.LR / 4
    first = adamw(A, 16, lr, runs.DECAY, 1e-8)
    second = adamw(A * start, 1, lr * eta, runs.DECAY / decay, 1e-8 / eps)
    figure = ideas.ticks(*ticked)
    assert cells(figure, "gap").any() != all(ticked)
    np.testing.assert_array_equal(np.sign(cells(figure, "α × 16")), np.sign(first))
    largest = np.abs(first - second).max()
    if "%" in headline(figure):
        assert numbers(figure) == pytest.approx([100 * largest], abs=0.6)
    else:
        assert largest < 1e-3 and all(ticked[:3])


@pytest.mark.parametrize("r", TERMS)
def test_the_word_rises_out_of_a_sum_of_terms(r):
    figure = ideas.rising(r)
    k = the_word().shape[1]
    drawn = np.reshape([t["x"][0] for t in figure["data"] if t.get("name") in ("delta", "B")],
                       (3, 2))  # (divisors, parts)
    sizes = 10 ** ((drawn / k - 0.36) / 0.155)
    expected = np.array([r, math.sqrt(r * (k * math.pi / 2 - 1))])
    for size, power in zip(sizes, (0, 0.5, 1), strict=True):
        assert size * r**power == pytest.approx(expected, rel=0.13)
    assert numbers(figure)[1:] == pytest.approx(sizes[0], rel=0.05)
    letters, ground = (cells(figure, "ΔW")[the_word() == ink] for ink in (1, 0))
    assert abs(ground.mean()) < 0.2 * letters.mean() or r < 16
    assert (letters.mean() - ground.mean() > 2 * ground.std()) == (r >= 256)


def test_the_folded_halves_are_one_run_and_its_mirror_image():
    (A, B), turned = (run[-1] for run in both())
    S = the_word()
    end = train(Regression(0 * S, S, np.sqrt(S.shape[1]) * np.eye(S.shape[1])),
                Adapter(*both()[0][0], 1.0), Adam(word_run.LR), 30).adapter
    np.testing.assert_allclose(B @ A, end.delta(), atol=1e-8)
    open_, folded = ideas.fold(30, 0), ideas.fold(30, 180)
    for name, twin in ("AB", "BA", ("ΔW", "ΔW")):
        here, there, on_it = trace(open_, name), trace(open_, f"{twin}′"), trace(folded, f"{twin}′")
        np.testing.assert_array_equal(here["z"], np.transpose(there["z"]))
        assert here["z"] == on_it["z"]
        assert (here["x0"], here["y0"]) == (there["y0"], there["x0"]) == (on_it["x0"], on_it["y0"])
    assert "the same to the bit" in headline(folded)
    labels, after = (figure["data"][-1]["text"] for figure in (open_, folded))
    assert (labels[:2], after[:2]) == (["A", "B"], ["B′", "A′"])  # the colours' names
    points = trace(ideas.fold(30, 60), "A′")
    corner = trace(open_, "A′")["y0"], trace(open_, "A′")["x0"]
    flat = np.argwhere(turned[0] > ideas.FAINT * turned[0].max()) + np.array(corner)
    along, away = flat.sum(axis=1), np.diff(flat).ravel()  # the diagonal, and from it
    np.testing.assert_allclose(points["x"] + points["y"], along, atol=0.02)
    np.testing.assert_allclose(points["x"] - points["y"], away * 0.5, atol=0.02)
