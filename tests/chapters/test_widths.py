"""How rates, A·x and losses change with the width: every power and ratio that the prose names."""

import math

import numpy as np
import pytest

from lora_edu import Adam, Adapter, train
from lora_edu.chapters.shared.fits import exponent
from lora_edu.chapters.which_zero import figures, wide
from lora_edu.explore.plain import plain_figure

NARROW, BROAD = wide.SPREADS
A_RANDOM, B_RANDOM = wide.MATRICES


def slope(quantity, steps, random, spread):
    values = wide.after(steps)[quantity]
    return exponent(wide.WIDTHS, values[:, wide.MATRICES.index(random), wide.SPREADS.index(spread)])


@pytest.mark.claim("obs-width-rates")
@pytest.mark.parametrize("random", wide.MATRICES)
@pytest.mark.parametrize(("steps", "spread", "low", "high"), [
    (1, NARROW, -0.52, -0.41), (1, BROAD, -1.01, -0.92),
    *((steps, NARROW, -0.83, -0.67) for steps in (2, 4, 8, 16, 32)),
    (2, BROAD, -1.13, -1.01), (4, BROAD, -1.13, -1.01), (32, BROAD, -0.78, -0.68)])
def test_the_best_rate_falls_with_the_width_as_stated(random, steps, spread, low, high):
    found, error = slope("best", steps, random, spread)
    assert error <= 0.054 and low < found < high


def narrow_over_wide(steps):
    """Logs of the ratios of the best rates and of the least losses: (widths, letters, tasks)."""
    best, least = (np.log(wide.after(steps)[name]) for name in ("best", "least"))
    return best[:, :, 0] - best[:, :, 1], least[:, :, 1] - least[:, :, 0]


def per_doubling(values):
    """The slope of (widths, tasks) against log2 of the width: mean and standard error."""
    slopes = np.polyfit(np.log2(wide.WIDTHS), values, 1)[0]
    return slopes.mean(), slopes.std(ddof=1) / math.sqrt(len(slopes))


@pytest.mark.claim("obs-draw-remembered")
def test_after_32_steps_the_best_rate_hardly_depends_on_the_draw():
    rates, _ = narrow_over_wide(32)
    ratio = np.exp(rates[:, 0].mean(axis=-1))
    assert ratio.min() > 1.05 and ratio.max() < 1.55
    errors = rates[:, 0].std(axis=-1, ddof=1) / np.sqrt(rates.shape[-1])
    assert np.sum(np.log(ratio) < 2 * errors) == 3  # not told from 1
    trend, error = per_doubling(rates[:, 0])
    assert abs(trend) < 2.5 * error
    first = np.exp(narrow_over_wide(1)[0].mean(axis=-1))
    np.testing.assert_allclose(first, np.sqrt(np.array(wide.WIDTHS) / wide.R)[:, None] * [[1, 1]],
                               rtol=0.04)


@pytest.mark.claim("obs-draw-remembered")
def test_after_32_steps_the_wide_draw_leaves_more_loss_the_wider_the_layer():
    _, losses = narrow_over_wide(32)
    for i in range(2):  # the letters have one distribution
        gaps = np.exp(losses[:, i].mean(axis=-1))
        assert 0.98 < gaps[0] < 1.08 and 1.2 < gaps[-1] < 1.65
        trend, error = per_doubling(losses[:, i])
        assert trend > 3 * error


def moved(random, spread, n, steps=32):
    """Of A·x (B random: of the readouts of B): its move over its length, and its cosine."""
    i, j = wide.MATRICES.index(random), wide.SPREADS.index(spread)
    found = []
    for seed, lr in enumerate(wide.after(steps)["best"][wide.WIDTHS.index(n), i, j]):
        layer, Z = wide.draw(n, seed)
        pair = wide.pair(random, spread, Z)
        old, new = ((A @ layer.X.T, (layer.P @ B).T)[i]
                    for A, B in (pair, wide.last(layer, *pair, lr, steps)))
        length = np.linalg.norm(old)
        found.append((np.linalg.norm(new - old) / length,
                      np.vdot(old, new) / length / np.linalg.norm(new)))
    return np.mean(found, axis=0)


@pytest.mark.claim("obs-draw-remembered")
@pytest.mark.parametrize("random", wide.MATRICES)
def test_after_32_steps_the_wide_draw_is_not_forgotten(random):
    wide_draw = np.array([moved(random, BROAD, n) for n in (64, 512, 2048)])
    narrow = np.array([moved(random, NARROW, n) for n in (64, 512, 2048)])
    assert wide_draw[0, 0] == pytest.approx(1.05, abs=0.1)
    assert wide_draw[-1, 0] == pytest.approx(0.73, abs=0.06)
    assert (np.diff(wide_draw[:, 0]) < 0).all()
    assert wide_draw[-1, 1] == pytest.approx(0.68, abs=0.08)
    assert 1.6 < narrow[0, 0] < narrow[1, 0] < narrow[2, 0] < 4.8 and narrow[2, 0] > 3.5


def test_the_broad_draw_drifts_from_one_power_to_the_other():
    for random in wide.MATRICES:
        early, late = (slope("best", steps, random, BROAD) for steps in (4, 32))
        assert late[0] - early[0] > 4 * math.hypot(early[1], late[1])


@pytest.mark.parametrize("steps", [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize("spread", wide.SPREADS)
def test_swapping_the_letter_at_equal_spread_is_within_chance(spread, steps):
    one, other = (slope("best", steps, random, spread) for random in wide.MATRICES)
    assert abs(one[0] - other[0]) < 2.7 * math.hypot(one[1], other[1])
    losses = [np.log(wide.after(steps)["least"][:, i, wide.SPREADS.index(spread)])
              for i in range(2)]
    gap = (losses[1] - losses[0]).mean(axis=0)  # one number a seed
    assert abs(gap.mean()) < 3 * gap.std(ddof=1) / math.sqrt(len(gap))


@pytest.mark.claim("obs-eight-steps")
@pytest.mark.parametrize(("random", "spread", "want"), [
    (A_RANDOM, NARROW, 1 / 4), (B_RANDOM, NARROW, 1 / 4), (A_RANDOM, BROAD, 1 / 2),
    (B_RANDOM, BROAD, 0)])
def test_the_growth_of_a_x_after_eight_steps(random, spread, want):
    found, error = slope("reach", 8, random, spread)
    assert error < 0.03 and found == pytest.approx(want, abs=0.06)


@pytest.mark.claim("obs-eight-steps")
@pytest.mark.parametrize("random", wide.MATRICES)
def test_the_broad_draw_moves_little_whatever_the_letter(random):
    row, i, shares, seen = wide.WIDTHS.index(256), wide.MATRICES.index(random), {}, {}
    for j, spread in enumerate(wide.SPREADS):
        found = []
        for seed, lr in enumerate(wide.after(8)["best"][row, i, j]):
            layer, Z = wide.draw(256, seed)
            drawn = wide.pair(random, spread, Z)
            change = wide.last(layer, *drawn, lr, 8)[i] - drawn[i]
            found.append(np.linalg.norm(change) / np.linalg.norm(drawn[i]))
        shares[spread] = np.mean(found)
        seen[spread], _ = moved(random, spread, 256, steps=8)
    assert shares[BROAD] < 0.1 and shares[NARROW] == pytest.approx(0.4, abs=0.05)
    assert seen[BROAD] == pytest.approx(0.43, abs=0.06) and seen[NARROW] > 1.5


@pytest.mark.claim("obs-loraplus-ratio")
def test_a_ratio_of_the_rates_wins_little_and_a_ratio_of_n_loses():
    found = {}
    for n in (64, 256, 1024):
        losses = []
        for seed in range(10):
            layer, Z = wide.draw(n, seed)
            pair = wide.pair(A_RANDOM, NARROW, Z)
            losses.append([wide.train_rates(layer, *pair, np.array(wide.RATES) / rho**0.5, 8, rho)[
                0][:, 8] for rho in (1, 4, 16, 64, n)])
        wide.best_rates(np.array(losses))  # raises if one is at the edge
        one, *others = np.log(np.min(losses, axis=2)).T
        found[n] = np.exp([(other - one).mean() for other in others])
    four, sixteen, sixty_four, width = np.transpose(list(found.values()))
    assert four.min() > 0.935 and four.max() < 1.03
    assert sixteen[0] > 1.2 and sixteen[1:].min() > 0.935 and sixteen[1:].max() < 1.065
    assert sixty_four[:2].min() > 1.3 and sixty_four[2] == pytest.approx(1.06, abs=0.1)
    assert (np.diff(sixty_four) < 0).all() and width.min() > 1.7 and width.max() < 2.5


@pytest.mark.claim("obs-eight-steps")
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
    ratio = {t: np.exp(np.log(wide.after(t)["best"][-1]).mean(axis=-1)) for t in (1, 8)}
    first, later = (r[0, 0] / r[1, 1] for r in ratio.values())  # A, 1/√n against B, 1/√r
    assert first == pytest.approx(math.sqrt(2048 / wide.R), rel=0.3)
    assert 1.5 < later < first / 3
    small = np.exp(np.log(wide.after(8)["best"][0]).mean(axis=-1))
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
    figure = plain_figure(figures.which_zero(2048, B_RANDOM, BROAD, 32, 0.0033))
    said = figure["layout"]["meta"]["reading"]
    best = wide.best_rates(wide.study().loss[-1, 1, 1, :, :, 32])
    assert f"best η {np.exp(np.log(best).mean()):.5f}" in said and "n = 2048, B random" in said
    assert "to the power −0." in said
    share = np.median(wide.study().loss[-1, 1, 1, :, wide.RATES.index(0.0033), 32])
    assert next(t for t in figure["data"] if t["name"] == "this rate")["customdata"][0] == share
    assert f"loss {share:.2f} of its start" in said


def test_a_run_that_explodes_is_drawn_at_the_edge_and_said():
    figure = plain_figure(figures.which_zero(2048, A_RANDOM, BROAD, 1, 0.33))
    assert "10 times its start or more" in figure["layout"]["meta"]["reading"]
    mark = next(t for t in figure["data"] if t["name"] == "this rate")
    assert mark["y"][0] == np.log10(figures.HIGHEST)


def test_every_chosen_rate_and_width_is_within_the_axes():
    for steps in figures.STEPS:
        figure = plain_figure(figures.which_zero(steps=steps))
        low, high = figure["layout"]["yaxis2"]["range"]
        seen = np.concatenate([t["y"] for t in figure["data"] if t.get("yaxis") == "y2"])
        assert low < seen.min() and seen.max() < high
        figure = plain_figure(figures.reach(steps))
        for axis in ("y", "y2"):
            low, high = figure["layout"][f"yaxis{axis[1:]}"]["range"]
            seen = np.concatenate([t["y"] for t in figure["data"] if t.get("yaxis", "y") == axis])
            assert low < seen.min() and seen.max() < high
