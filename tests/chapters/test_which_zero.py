"""Which matrix is zero: what a task prefers, what is never seen, and what the spread does."""

import math

import numpy as np
import pytest

from lora_edu import SGD, STARTS, Adam, AdamW, Adapter, Momentum, Regression, initial, sweep, train
from lora_edu.chapters.shared.drawing import fill
from lora_edu.chapters.shared.fits import exponent
from lora_edu.chapters.which_zero import figures
from lora_edu.chapters.which_zero import runs as wide

(A_RANDOM, B_RANDOM), (NARROW, BROAD) = wide.MATRICES, wide.SPREADS


def narrow_inputs(d, k, m, seed):
    rng = np.random.default_rng(seed)
    S = rng.normal(size=(d, 4)) @ rng.normal(size=(4, k))
    X = np.sqrt(k) * np.linalg.qr(rng.normal(size=(k, m)))[0].T
    return Regression(np.zeros((d, k)), S / np.linalg.norm(S), X)


def caught(S, X, r, rng):
    """Shares of the loss that a frozen A and a frozen B remove, by least squares, (2,)."""
    Y = X @ S.T  # (n, d): what the update is to produce
    features = X @ rng.normal(size=(S.shape[1], r))  # (n, r)
    B = rng.normal(size=(len(S), r))
    rests = (Y - features @ np.linalg.lstsq(features, Y, rcond=None)[0],
             Y.T - B @ np.linalg.lstsq(B, Y.T, rcond=None)[0])
    return np.array([1 - (rest**2).sum() / (Y**2).sum() for rest in rests])


@pytest.mark.claim("thm-frozen")
@pytest.mark.parametrize("m", [30, 10, 4])
def test_a_frozen_draw_catches_r_of_its_directions_for_a_fixed_target(m):
    d, k, r = 20, 30, 4
    task, rng = narrow_inputs(d, k, m, 0), np.random.default_rng(1000)
    shares = np.array([caught(task.W_star, task.X, r, rng) for _ in range(400)])
    for share, want in zip(shares.T, (r / m, r / d), strict=True):
        assert share.mean() == pytest.approx(want, abs=max(3.5 * share.std() / 20, 1e-9))


@pytest.mark.claim("thm-frozen")
@pytest.mark.parametrize("power", [0, 0.5, 2])
@pytest.mark.parametrize("r", [1, 3])
def test_a_frozen_a_catches_more_where_inputs_vary_unequally(power, r):
    d, k = 8, 12
    rng = np.random.default_rng(5)
    gamma = np.arange(1, k + 1.0)**-power  # eigenvalues of the covariance
    turn = np.linalg.qr(rng.normal(size=(k, k)))[0]
    X = gamma[:, None]**0.5 * turn.T  # XᵀX is the covariance
    removed, start = [], []
    for _ in range(1500):
        S = rng.normal(size=(d, k))  # prefers no input
        start.append(((X @ S.T)**2).sum())
        removed.append(caught(S, X, r, rng) * start[-1])
    share = np.array(removed) / np.mean(start)
    means, errors = share.mean(axis=0), share.std(axis=0) / math.sqrt(len(share))
    assert means[1] == pytest.approx(r / d, abs=3.5 * errors[1])
    if power == 0:
        assert means[0] == pytest.approx(r / k, abs=3.5 * errors[0])
    else:
        assert r / k + 4 * errors[0] < means[0] < gamma[:r].sum() / gamma.sum()
    if r == 1:  # the share in closed form, from the squares of one Gaussian row
        squares = gamma * rng.normal(size=(200_000, k))**2
        want = (gamma @ (squares / squares.sum(axis=1, keepdims=True)).mean(axis=0)) / gamma.sum()
        assert means[0] == pytest.approx(want, abs=4 * errors[0])


def log_left(d, k, m, steps):
    """log of the share of the loss left by A random and by B random, each at its best rate, and
    of B's over A's: means and standard errors of twelve tasks."""
    logs = []
    for seed in range(12):
        runs = sweep(narrow_inputs(d, k, m, seed), r=4, alpha=4, start=STARTS[:2], steps=steps,
                     lr=np.geomspace(0.003, 0.5, 16).round(4), seed=100 + seed,
                     distribution=k**-0.5)
        loss = runs.loss[0, 0, :, :, 0]  # (rates, starts, steps + 1)
        at = loss[..., -1].argmin(axis=0)
        assert at.min() > 0 and at.max() < len(loss) - 1
        left = np.log((loss[..., -1] / loss[..., 0]).min(axis=0))
        logs.append([*left, left[1] - left[0]])
    return np.mean(logs, axis=0), np.std(logs, axis=0, ddof=1) / math.sqrt(len(logs))


@pytest.mark.claim("obs-few-inputs")
def test_few_directions_in_put_a_random_a_ahead_the_fewer_the_more():
    means, errors = np.transpose([log_left(64, 64, m, steps=10) for m in (64, 32, 16, 8, 4)],
                                 (1, 2, 0))  # of A random, of B random, of B over A
    assert 5 < math.exp(means[2, -1]) < 7.2
    assert abs(means[2, 0]) < 2 * errors[2, 0]
    assert (means[2, 1:] > 4 * errors[2, 1:]).all()
    assert (np.diff(means[2]) > 0).all() and (np.diff(means[1]) > 0).all()


@pytest.mark.claim("cor-wide-draw")
@pytest.mark.parametrize("random", wide.MATRICES)
def test_a_draw_four_times_too_wide_is_a_pair_of_unequal_rates_bit_for_bit(random):
    layer, Z = wide.draw(64, seed=0)
    A, B = wide.pair(random, NARROW, Z)
    c, lr, eps = 4.0, 0.01, 1e-8
    up, down = (c * lr, lr / c), (eps / c, c * eps)  # for the zero matrix, for the random one
    order = slice(None, None, -1 if random == A_RANDOM else 1)
    losses = [train(layer, Adapter(a * A, a * B, 1.0), Adam(lr=rates, eps=epsilons), 50).loss
              for a, rates, epsilons in ((c, lr, eps), (1.0, up[order], down[order]))]
    assert np.array_equal(*losses)
    fair = train(layer, Adapter(A, B, 1.0), Adam(lr, eps=eps), 50).loss
    undone = train(layer, Adapter(c * A, c * B, 1.0),
                   Adam(lr=up[::-1][order], eps=down[::-1][order]), 50).loss
    assert np.array_equal(fair, undone) and not np.allclose(fair, losses[0], rtol=0.01)


OPTIMISERS = [SGD(0.05), SGD(0.05, weight_decay=0.1), Momentum(0.02), Adam(0.01),
              Adam(0.01, weight_decay=0.1), AdamW(0.01, weight_decay=0.5)]


@pytest.mark.claim("thm-unseen")
@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_what_training_never_sees_stays_if_a_starts_at_zero(optimiser):
    """A direction orthogonal to all inputs; under Adam, only one of the coordinate axes."""
    task = narrow_inputs(12, 20, 5, 0)
    axis = Regression(task.W0, task.W_star, task.X * (np.arange(20) > 0))
    for given, x in ((task, np.linalg.svd(task.X)[2][-1]), (axis, np.eye(20)[0])):
        keeps = given is axis or not isinstance(optimiser, Adam)
        for start in STARTS[:2]:
            A, B = initial(12, 20, 3, start, 0.2, rng=np.random.default_rng(1))
            end = train(given, Adapter(A, B, 1.0), optimiser, 40).adapter
            if optimiser.weight_decay == 0:
                assert np.allclose(end.A @ x, A @ x, rtol=0, atol=1e-12) == keeps
            stays = np.allclose(end.delta() @ x, 0, atol=1e-12)
            assert stays == (keeps and not A.any())


def last_losses(random, spread, seeds):
    """The loss after three steps of Adam, of a fresh wide layer for each seed."""
    losses = []
    for seed in seeds:
        layer, Z = wide.draw(24, seed)
        loss, _ = wide.train_rates(layer, *wide.pair(random, spread, Z), [0.02], 3)
        losses.append(loss[0, -1])
    return np.sort(losses)


def distance(one, other):
    """The largest gap between two empirical distributions of the same size."""
    both = np.concatenate([one, other])
    below = [np.searchsorted(sample, both, side="right") / len(sample) for sample in (one, other)]
    return np.abs(below[0] - below[1]).max()


@pytest.mark.claim("thm-same-law")
def test_the_letters_have_one_distribution_of_losses_and_the_spreads_two():
    count = 400
    samples = [last_losses(*start, range(i * count, (i + 1) * count))
               for i, start in enumerate([(A_RANDOM, NARROW), (B_RANDOM, NARROW),
                                          (B_RANDOM, BROAD)])]
    limit = 1.95 * math.sqrt(2 / count)  # of the Kolmogorov–Smirnov distance, one in a thousand
    assert distance(*samples[:2]) < limit < distance(*samples[1:]) / 1.5


@pytest.mark.claim("thm-one-step-spread")
@pytest.mark.parametrize("random", wide.MATRICES)
def test_after_one_step_only_the_product_of_rate_and_spread_counts(random):
    layer, Z = wide.draw(64, seed=0)
    ratio = math.sqrt(64 / wide.R)  # of the two spreads
    rates = np.geomspace(0.001, 0.02, 5)
    one, other = (wide.train_rates(layer, *wide.pair(random, spread, Z), values, 1)[0][:, 1]
                  for spread, values in ((BROAD, rates), (NARROW, ratio * rates)))
    np.testing.assert_allclose(one, other, rtol=1e-4)  # Adam's ε is not quite zero


@pytest.mark.claim("thm-one-step-spread")
@pytest.mark.parametrize(("start", "axis"), [(STARTS[0], 1), (STARTS[1], 0)])
def test_the_useful_part_of_the_first_step_is_the_sum_of_the_norms(start, axis):
    rng = np.random.default_rng(0)
    d, k, r, lr, s, sigma = 12, 20, 3, 0.01, 1.5, 0.3
    task = Regression(np.zeros((d, k)), rng.normal(size=(d, k)), rng.normal(size=(50, k)))
    G = task.gradient(task.W0)
    useful = [train(task, Adapter(*initial(d, k, r, start, sigma, rng=np.random.default_rng(i)),
                                  s), Adam(lr, eps=1e-30), 1).useful[1] for i in range(600)]
    want = lr * s * sigma * r * math.sqrt(2 / math.pi) * np.linalg.norm(G, axis=axis).sum()
    error = np.std(useful) / math.sqrt(len(useful))
    assert error < 0.01 * want
    assert np.mean(useful) == pytest.approx(want, abs=3.5 * error)


def first_rate(n, seed, random=A_RANDOM):
    """σ·n times the rate that is best for the first step, in closed form."""
    layer, Z = wide.draw(n, seed)
    if random == A_RANDOM:
        AX = Z @ layer.X.T  # (r, m)
        N = layer.P @ np.sign(layer.P.T @ (layer.target @ AX.T)) @ AX  # change over ησ
    else:
        PB = layer.P @ Z.T  # (m, r)
        N = PB @ np.sign((PB.T @ layer.target) @ layer.X) @ layer.X.T
    return n * np.vdot(layer.target, N) / np.vdot(N, N)


def limit_rate(seed):
    rng = np.random.default_rng(seed)
    Y, T = rng.normal(size=(wide.R, wide.ENDS)), rng.normal(size=(wide.ENDS, wide.ENDS))
    V = T @ Y.T
    N = math.sqrt(2 / math.pi) * (V / np.linalg.norm(V, axis=0)) @ Y
    return np.vdot(T, N) / np.vdot(N, N)


@pytest.mark.claim("thm-wide-step")
@pytest.mark.parametrize("random", wide.MATRICES)
def test_the_best_first_rate_has_the_limit_of_the_theorem(random):
    limit = np.log([limit_rate(i) for i in range(2000)])
    found = np.log([[first_rate(n, i, random) for i in range(200)] for n in (64, 256, 2048)])
    means = found.mean(axis=1)
    assert means[-1] == pytest.approx(limit.mean(), abs=3.5 * limit.std() / math.sqrt(200))
    for quantile in (0.1, 0.25, 0.5, 0.75, 0.9):  # the share of the found below the limit's
        below = np.mean(found[-1] < np.quantile(limit, quantile))
        error = math.sqrt(quantile * (1 - quantile) / 200)
        assert below == pytest.approx(quantile, abs=3.5 * error)
    # Readouts disturb each other at small widths: "some hundredths" in the slope.
    slope = np.polyfit(np.log([64, 256, 2048]), means, 1)[0]
    assert 0.01 < slope < 0.07


@pytest.mark.parametrize("random", wide.MATRICES)
@pytest.mark.parametrize("ratio", [1.0, 8.0])
def test_a_stack_of_wide_runs_is_each_run_trained_alone(random, ratio):
    layer, Z = wide.draw(40, seed=2)
    A, B = wide.pair(random, BROAD, Z)
    losses, reaches = wide.train_rates(layer, A, B, [0.001, 0.01], 12, ratio)
    for lr, loss, reach in zip([0.001, 0.01], losses, reaches, strict=True):
        alone = train(layer, Adapter(A, B, 1.0), Adam((lr, ratio * lr)), 12)
        np.testing.assert_allclose(loss, alone.loss, rtol=1e-9)
        last = layer.X @ alone.adapter.A.T
        assert reach[-1] == pytest.approx(np.sqrt((last**2).mean()), rel=1e-9)


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


@pytest.mark.claim("obs-draw-remembered")
def test_after_32_steps_the_draws_have_nearly_one_rate_and_two_losses():
    """A random, as in the printed table; the slopes are those against log2 of the width."""
    rates, losses = (values[:, 0] for values in narrow_over_wide(32))  # (widths, tasks)
    ratio, gaps = (np.exp(values.mean(axis=-1)) for values in (rates, losses))
    assert ratio.min() > 1.05 and ratio.max() < 1.55
    errors = rates.std(axis=-1, ddof=1) / np.sqrt(rates.shape[-1])
    assert np.sum(np.log(ratio) < 2 * errors) == 3  # not told from 1
    assert 0.98 < gaps[0] < 1.08 and 1.2 < gaps[-1] < 1.65
    for values, grows in ((rates, False), (losses, True)):
        slopes = np.polyfit(np.log2(wide.WIDTHS), values, 1)[0]
        error = slopes.std(ddof=1) / math.sqrt(len(slopes))
        assert slopes.mean() > 3 * error if grows else abs(slopes.mean()) < 2.5 * error
    first = np.exp(narrow_over_wide(1)[0].mean(axis=-1))
    np.testing.assert_allclose(first, np.sqrt(np.array(wide.WIDTHS) / wide.R)[:, None] * [[1, 1]],
                               rtol=0.04)


# --- the figures

def test_the_figure_says_what_the_study_found():
    figure = figures.which_zero(2048, B_RANDOM, BROAD, 32, 0.0033)
    said, study = figure["layout"]["meta"]["reading"], wide.study().loss[-1, 1, 1, ..., 32]
    best = np.exp(np.log(wide.best_rates(study)).mean())
    share = np.median(study[:, wide.RATES.index(0.0033)])
    for words in (f"best η {best:.5f}", f"loss {share:.2f} of its start", "to the power −0."):
        assert words in said
    assert next(t for t in figure["data"] if t["name"] == "this rate")["customdata"][0] == share


def test_on_its_side_is_the_transpose_cell_by_cell():
    d, k, r = 4, 6, 2
    shapes = figures.on_its_side(d, k, r)["layout"]["shapes"]

    def split(axis, *sizes):
        colours = [shape["fillcolor"] for shape in shapes if shape["xref"] == axis]
        parts = np.split(colours, np.cumsum([rows * columns for rows, columns in sizes])[:-1])
        return map(np.reshape, parts, sizes)

    B, W, A = split("x", (d, r), (d, k), (r, k))
    for there, here in zip(split("x2", (k, r), (k, d), (r, d)), (A, W, B), strict=True):
        np.testing.assert_array_equal(there, here.T)
    assert set(B.ravel()) == {fill("B", 0)} != set(A.ravel())


def test_the_ends_and_the_adapter_stay_as_the_layer_grows():
    drawn = [(4 * (box["x1"] - box["x0"]), 4 * (box["y1"] - box["y0"]))
             for box in figures.wide_layer((32, 64))["layout"]["shapes"]]
    for n, layer in ((32, drawn[:6]), (64, drawn[6:])):  # P, A, B, W, Xᵀ, T
        np.testing.assert_allclose(layer, [(n, 8), (n, 4), (4, n), (n, n), (8, n), (8, 8)])
