"""How rates, A·x and losses change with the width: every power and ratio that the prose names."""

import math

import numpy as np
import pytest

from lora_edu import Adam, Adapter, train
from lora_edu.explore.states import plain_figure
from lora_edu.figures import which_zero, wide

NARROW, BROAD = wide.SPREADS
A_RANDOM, B_RANDOM = wide.MATRICES


def slope(quantity, steps, random, spread):
    values = which_zero.after(steps)[quantity]
    return wide.exponent(values[:, wide.MATRICES.index(random), wide.SPREADS.index(spread)])


@pytest.mark.parametrize("random", wide.MATRICES)
@pytest.mark.parametrize(("steps", "spread", "want", "tolerance"), [
    (1, NARROW, -1 / 2, 0.1), (1, BROAD, -1, 0.1),
    *((steps, NARROW, -3 / 4, 0.1) for steps in (2, 4, 8, 16, 32)),
    (2, BROAD, -1, 0.15), (4, BROAD, -1, 0.15), (32, BROAD, -3 / 4, 0.1)])
def test_the_best_rate_falls_with_the_width_as_counted(random, steps, spread, want, tolerance):
    found, error = slope("best", steps, random, spread)
    assert error < tolerance / 2  # the seeds justify the tolerance
    assert found == pytest.approx(want, abs=tolerance)


def test_the_broad_draw_drifts_from_one_power_to_the_other():
    for random in wide.MATRICES:
        early, late = (slope("best", steps, random, BROAD) for steps in (4, 32))
        assert late[0] - early[0] > 4 * math.hypot(early[1], late[1])


@pytest.mark.parametrize("steps", [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize("spread", wide.SPREADS)
def test_swapping_the_letter_at_equal_spread_is_within_chance(spread, steps):
    one, other = (slope("best", steps, random, spread) for random in wide.MATRICES)
    assert abs(one[0] - other[0]) < 2.7 * math.hypot(one[1], other[1])
    losses = [np.log(which_zero.after(steps)["least"][:, i, wide.SPREADS.index(spread)])
              for i in range(2)]
    gap = (losses[1] - losses[0]).mean(axis=0)  # one number a seed
    assert abs(gap.mean()) < 3 * gap.std(ddof=1) / math.sqrt(len(gap))


@pytest.mark.parametrize(("random", "spread", "want"), [
    (A_RANDOM, NARROW, 1 / 4), (B_RANDOM, NARROW, 1 / 4), (A_RANDOM, BROAD, 1 / 2),
    (B_RANDOM, BROAD, 0)])
def test_the_growth_of_a_x_after_eight_steps(random, spread, want):
    found, error = slope("reach", 8, random, spread)
    assert error < 0.03 and found == pytest.approx(want, abs=0.06)


@pytest.mark.parametrize("random", wide.MATRICES)
def test_the_broad_draw_moves_little_whatever_the_letter(random):
    row, i, moved = wide.WIDTHS.index(256), wide.MATRICES.index(random), {}
    for j, spread in enumerate(wide.SPREADS):
        shares = []
        for seed in range(4):
            layer, Z = wide.draw(256, seed)
            A, B = wide.pair(random, spread, Z)
            best = float(wide.best_rates(wide.study().loss[row, i, j, seed, :, 8]))
            end = train(layer, Adapter(A, B, 1.0), Adam(best), 8).adapter
            shares.append(np.linalg.norm((end.A - A, end.B - B)[i]) / np.linalg.norm((A, B)[i]))
        moved[spread] = np.mean(shares)
    assert moved[BROAD] < 0.1 < 0.3 < moved[NARROW]


def test_the_broad_draw_leaves_twice_the_loss_at_either_rate_and_catches_up():
    loss = wide.study().loss[-1]  # n = 2048: (matrices, spreads, seeds, rates, steps + 1)
    tuned = loss[0, 0, :, :, 8].argmin(axis=-1)[:, None]
    own = np.median(loss[..., 8].min(axis=-1), axis=-1)  # (matrices, spreads)
    for i in range(2):
        borrowed = np.median(np.take_along_axis(loss[i, 1, :, :, 8], tuned, axis=1))
        assert 1.7 < own[i, 1] / own[0, 0] <= borrowed / own[0, 0] < 2.7
        late = np.median(loss[i, ..., 32].min(axis=-1), axis=-1)
        assert late[1] / late[0] < 1.7
        small = np.median(wide.study().loss[0, i, ..., 32].min(axis=-1), axis=-1)
        assert small[1] / small[0] < 1.1 < late[1] / late[0]


def test_the_third_colleague_s_rate_is_smaller_by_the_spread_and_by_less_later():
    ratio = {t: np.exp(np.log(which_zero.after(t)["best"][-1]).mean(axis=-1)) for t in (1, 8)}
    first, later = (r[0, 0] / r[1, 1] for r in ratio.values())  # A, 1/√n against B, 1/√r
    assert first == pytest.approx(math.sqrt(2048 / wide.R), rel=0.3)
    assert 1.5 < later < first / 3
    small = np.exp(np.log(which_zero.after(8)["best"][0]).mean(axis=-1))
    assert 1 < small[0, 0] / small[1, 1] < 1.5  # more so the wider the layer


def test_at_the_rate_of_one_step_a_x_grows_like_the_root_and_single_outputs_do_not():
    widths, sizes, losses, outputs = (256, 1024, 4096), [], [], []
    for n in widths:
        seen = []
        for seed in range(5):
            layer, Z = wide.draw(n, seed)
            A, B = wide.pair(A_RANDOM, NARROW, Z)
            seen.append(wide.train_rates(layer, A, B, [0.9 / n**0.5], 8))
        loss, size = np.mean(seen, axis=0)[:, 0, 8]
        losses.append(loss)
        sizes.append(size)
    assert np.polyfit(np.log(widths), np.log(sizes), 1)[0] == pytest.approx(0.5, abs=0.1)
    assert losses[0] < losses[1] < losses[2]
    for n in (64, 256):
        seen = []
        for seed in range(20):
            layer, Z = wide.draw(n, seed)
            start = Adapter(*wide.pair(A_RANDOM, NARROW, Z), 1.0)
            end = train(layer, start, Adam(0.9 / n**0.5), 8).adapter
            seen.append(np.sqrt(((layer.X @ end.delta().T)**2).mean()))
        outputs.append(np.mean(seen))
    assert outputs[1] / outputs[0] == pytest.approx(1, abs=0.2)


def test_the_figure_says_what_the_study_found():
    figure = plain_figure(which_zero.which_zero(2048, B_RANDOM, BROAD, 32, 0.0033))
    said = figure["layout"]["meta"]["reading"]
    best = wide.best_rates(wide.study().loss[-1, 1, 1, :, :, 32])
    assert f"best η {np.exp(np.log(best).mean()):.5f}" in said and "n = 2048, B random" in said
    assert "to the power −0." in said
    share = np.median(wide.study().loss[-1, 1, 1, :, wide.RATES.index(0.0033), 32])
    assert next(t for t in figure["data"] if t["name"] == "this rate")["customdata"][0] == share
    assert f"loss {share:.2f} of its start" in said


def test_a_run_that_explodes_is_drawn_at_the_edge_and_said():
    figure = plain_figure(which_zero.which_zero(2048, A_RANDOM, BROAD, 1, 0.33))
    assert "10 times its start or more" in figure["layout"]["meta"]["reading"]
    mark = next(t for t in figure["data"] if t["name"] == "this rate")
    assert mark["y"][0] == np.log10(which_zero.HIGHEST)


def test_every_chosen_rate_and_width_is_within_the_axes():
    for steps in which_zero.STEPS:
        figure = plain_figure(which_zero.which_zero(steps=steps))
        low, high = figure["layout"]["yaxis2"]["range"]
        seen = np.concatenate([t["y"] for t in figure["data"] if t.get("yaxis") == "y2"])
        assert low < seen.min() and seen.max() < high
        figure = plain_figure(which_zero.reach(steps))
        for axis in ("y", "y2"):
            low, high = figure["layout"][f"yaxis{axis[1:]}"]["range"]
            seen = np.concatenate([t["y"] for t in figure["data"] if t.get("yaxis", "y") == axis])
            assert low < seen.min() and seen.max() < high
