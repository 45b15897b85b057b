"""The chapter The Adam invariance: what the theorem needs, and what "roughly" hides."""

from dataclasses import replace
from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch

from book._extensions.content.claims import HOME
from lora_edu import SGD, Adam, AdamW, Adapter, Clipped, Momentum, equivalent, initial, train
from lora_edu.chapters.invariance import runs, runs_slide
from lora_edu.chapters.invariance.figures import invariance, slide, three_runs
from lora_edu.explore.plain import plain_figure
from tests.core.test_invariance import OPTIMISERS, start, weights

torch.set_num_threads(1)
TASK = runs.problem()


class ScheduleOnly(AdamW):
    """The decay of Loshchilov & Hutter's algorithm 2: by the schedule (here 1), not by lr."""

    def update(self, params, grads, state):
        for p in params:
            p *= 1 - self.weight_decay
        return self._move(params, grads, state)


@pytest.mark.claim("thm-invariance")
@pytest.mark.parametrize("c", (1 / 4, 8))
def test_a_decay_that_lr_does_not_multiply_must_not_change(c):
    """Where the old statement, "decoupled: λ/a", is false."""
    problem, adapter = start(name="both random")
    ours = weights(problem, adapter, ScheduleOnly(0.01, weight_decay=0.02))
    new, _ = equivalent(adapter, AdamW(0.01), c)
    theirs = {decay: weights(problem, new, ScheduleOnly(c * 0.01, eps=1e-8 / c, weight_decay=decay))
              for decay in (0.02, 0.02 / c)}
    assert np.array_equal(ours, theirs[0.02])
    assert np.abs(ours - theirs[0.02 / c]).max() > 0.01


def several(problems, adapters, optimiser, steps=40, bias=False, schedule=lambda t: 1.0):
    """Train adapters on a problem each, all gradients in one optimiser; ΔW of all at every step.

    bias: with one more parameter, a bias on the first problem's outputs.
    """
    params = [P for adapter in adapters for P in (adapter.A, adapter.B)]
    params += [np.zeros(problems[0].shape[0])] if bias else []
    state, path = optimiser.init(params), []
    for t in range(steps + 1):
        grads, deltas = [], []
        for i, (problem, adapter) in enumerate(zip(problems, adapters, strict=True)):
            A, B, s = *params[2 * i:2 * i + 2], adapter.scaling
            deltas.append(s * (B @ A))
            error = problem.X @ (problem.W0 + deltas[-1] - problem.W_star).T  # (n, d)
            if bias and i == 0:
                error = error + params[-1]
            G = error.T @ problem.X / len(problem.X)
            grads += [s * (B.T @ G), s * (G @ A.T)]
            if bias and i == 0:
                bias_gradient = error.mean(axis=0)
        path.append(np.concatenate([delta.ravel() for delta in deltas]))
        now = replace(optimiser, lr=np.multiply(optimiser.lr, schedule(t)).tolist()) if not (
            isinstance(optimiser, Clipped)) else optimiser
        params, state = now.step(params, grads + ([bias_gradient] if bias else []), state)
    return np.array(path)


def two_adapters():
    return zip(*(start(seed, name="both random") for seed in (0, 5)), strict=True)


def scaled(adapters, factors):
    return [Adapter(a * adapter.A, b * adapter.B, adapter.scaling / (a * b))
            for adapter, (a, b) in zip(adapters, factors, strict=True)]


@pytest.mark.claim("thm-invariance")
def test_adapters_may_have_factors_of_their_own():
    problems, adapters = two_adapters()
    factors = np.array([(4, 2), (1 / 2, 8)])
    flat = factors.ravel()
    ours = several(problems, adapters, AdamW(0.01, weight_decay=0.3))
    theirs = several(problems, scaled(adapters, factors), AdamW(
        0.01 * flat, eps=1e-8 / flat, weight_decay=0.3 / flat))
    assert np.array_equal(ours, theirs)


@pytest.mark.claim("thm-invariance")
def test_clipping_needs_one_factor_for_all_adapters():
    """The old statement asked for a = b in each adapter only; no limit makes up for the rest."""
    problems, adapters = two_adapters()

    def run(first, second, limit):
        flat = np.array([first, first, second, second], dtype=float)
        return several(problems, scaled(adapters, [(first, first), (second, second)]), Clipped(
            Adam(0.01 * flat, eps=1e-8 / flat), limit, eps=0.0))

    ours, free = run(1, 1, 0.5), run(1, 1, 1e9)
    assert np.abs(ours - free).max() > 0.01  # the limit acts
    assert np.array_equal(ours, run(4, 4, 0.5 / 4))
    assert min(np.abs(ours - run(4, 2, limit)).max() for limit in np.geomspace(0.05, 1, 40)) > 1e-3
    assert np.array_equal(free, run(4, 2, 1e9))  # where nothing is clipped they may differ


@pytest.mark.claim("thm-invariance")
def test_other_parameters_keep_their_settings_and_are_not_clipped_along():
    problems, adapters = two_adapters()
    one = np.array([1.0, 1, 1, 1, 1])
    four = np.array([4.0, 4, 4, 4, 1])  # the last is the bias

    def run(flat, lr_of_bias=0.01, limit=None):
        rule = Adam([*(0.01 * flat[:4]), lr_of_bias], eps=1e-8 / flat)
        return several(problems, scaled(adapters, [flat[:2], flat[2:4]]), rule if limit is None
                       else Clipped(rule, limit, eps=0.0), bias=True)

    assert np.array_equal(run(one), run(four))
    assert np.abs(run(one) - run(four, lr_of_bias=0.04)).max() > 1e-3
    ours = run(one, limit=0.5)
    assert min(np.abs(ours - run(four, limit=limit)).max()
               for limit in np.geomspace(0.05, 1, 40)) > 1e-4


@pytest.mark.claim("thm-invariance")
@pytest.mark.parametrize("name", ("Nesterov", "Adam with L2", "AdamW"))
def test_a_schedule_changes_nothing(name):
    problems, adapters = two_adapters()
    rule = OPTIMISERS[name]
    new, changed = zip(*(equivalent(adapter, rule, 4) for adapter in adapters), strict=True)

    def warm(t):
        return min(1.0, (t + 1) / 10) * 0.97**t

    assert np.array_equal(several(problems, adapters, rule, schedule=warm),
                          several(problems, new, changed[0], schedule=warm))


@pytest.mark.claim("thm-invariance")
def test_the_same_dropout_masks_are_needed():
    generator = torch.Generator().manual_seed(0)
    X, Y, A0 = (torch.randn(shape, generator=generator) for shape in ((32, 9), (32, 12), (4, 9)))

    def run(c, seed):
        A, B = torch.nn.Parameter(c * A0), torch.nn.Parameter(torch.zeros(12, 4))
        rule = torch.optim.AdamW([A, B], 0.01 * c, eps=1e-8 / c, weight_decay=0.1 / c)
        masks = torch.Generator().manual_seed(seed)
        for _ in range(20):
            rule.zero_grad()
            kept = X * (torch.rand(X.shape, generator=masks) > 0.3) / 0.7
            out = kept @ A.T @ B.T * (2 / c**2)
            ((out - Y) ** 2).mean().backward()
            rule.step()
        return (B @ A).detach() * (2 / c**2)

    assert torch.equal(run(1, 0), run(4, 0))
    assert not torch.allclose(run(1, 0), run(4, 1), rtol=0.01)


@pytest.mark.claim("thm-invariance")
def test_bits_are_lost_where_v_underflows():
    """In float32 below |g| = (1.2e-38/(1 − β₂))^½; ε is 0, so that v tells."""
    def moved(g, c):
        p = torch.nn.Parameter(torch.zeros(3, dtype=torch.float32))
        p.grad = torch.tensor(g, dtype=torch.float32) / c
        torch.optim.Adam([p], lr=0.01 * c, eps=0.0).step()
        return p.detach() / c

    g = np.array([1.0, 3.0, 0.7])
    assert torch.equal(moved(1e-10 * g, 1), moved(1e-10 * g, 4))
    assert not torch.equal(moved(3e-21 * g, 1), moved(3e-21 * g, 4))


@pytest.mark.claim("cor-loraplus")
@pytest.mark.parametrize("ratio", (4, 16))
def test_loraplus_is_alpha(ratio):
    """From B = 0: ratio ρ between the learning rates, or ρ (SGD: √ρ) times the scaling."""
    problem, adapter = start()

    def plain(factor):
        return Adapter(adapter.A, adapter.B, factor * adapter.scaling)

    plus = {"lr": (0.01, ratio * 0.01), "eps": (1e-8, 1e-8 / ratio)}
    assert equivalent(plain(ratio), Adam(0.01), 1, ratio)[1] == Adam(**plus)
    root = np.sqrt(ratio)
    for theirs, ours, factor in (
            (Adam(**plus), Adam(0.01), ratio),
            (Adam(**plus, weight_decay=(0.1, 0.1 / ratio**2)), Adam(0.01, weight_decay=0.1), ratio),
            (AdamW(**plus, weight_decay=(0.1, 0.1 / ratio)), AdamW(0.01, weight_decay=0.1), ratio),
            (SGD((0.01, ratio * 0.01), (0.1, 0.1 / ratio)), SGD(0.01, 0.1), root),
            (Momentum((0.01, ratio * 0.01), weight_decay=(0.1, 0.1 / ratio)),
             Momentum(0.01, weight_decay=0.1), root)):
        ours = weights(problem, plain(factor), ours)
        assert np.array_equal(weights(problem, adapter, theirs), ours)
        assert np.abs(ours[-1]).max() > 1e-3


def test_loraplus_with_bs_rate_kept_is_a_slower_A_with_the_same_first_step():
    """The other axis: rates (η/ρ, η) are plain LoRA at ρs with η/ρ."""
    problem, adapter = start()
    plus = weights(problem, adapter, Adam((0.01 / 4, 0.01), eps=(1e-8, 1e-8 / 4)))
    plain = weights(problem, Adapter(adapter.A, adapter.B, 4 * adapter.scaling), Adam(0.01 / 4))
    usual = weights(problem, adapter, Adam(0.01))
    assert np.array_equal(plus, plain)
    np.testing.assert_allclose(plus[1], usual[1], rtol=1e-4)  # up to ε
    assert np.abs(plus[5] - usual[5]).max() > 1e-3


def test_which_changes_of_basis_leave_a_run_unchanged():
    """The solution of the exercise: orthogonal ones under SGD, signed permutations under Adam."""
    problem, adapter = start(name="both random")
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    signed = np.eye(4)[[2, 0, 3, 1]] * rng.choice([-1.0, 1.0], size=4)
    shear = np.eye(4) + 0.3 * np.eye(4, k=1)

    def gap(Q, rule):
        turned = Adapter(Q @ adapter.A, adapter.B @ np.linalg.inv(Q), adapter.scaling)
        return np.abs(weights(problem, adapter, rule) - weights(problem, turned, rule)).max()

    assert gap(rotation, Momentum(0.01)) < 1e-13 and gap(signed, Momentum(0.01)) < 1e-13
    assert gap(signed, Adam(0.01)) < 1e-13
    assert gap(rotation, Adam(0.01)) > 1e-2 and gap(shear, Momentum(0.01)) > 1e-2


@pytest.mark.claim("obs-roughly")
@pytest.mark.parametrize(("rule", "left", "low", "high"), [
    (Adam(0.01), {"lr": 0.16}, 3.0, 3.0), (Adam(0.01), "start", 0.75, 0.83),
    (AdamW(0.01, weight_decay=0.5), {"weight_decay": 0.5}, 0.12, 0.21),
    (Clipped(Adam(0.01), 0.05), {"max_norm": 0.05}, 0.034, 0.056),
    (Adam(0.01, eps=1e-4), {"eps": 1e-4}, 0.0067, 0.016), (Adam(0.01), {"eps": 1e-8}, None, 2e-6)],
    ids=("power", "start", "decay", "clipping", "large eps", "eps"))
def test_the_size_of_each_roughly(rule, left, low, high):
    """The largest gap in sixty steps between α × 16 and the run with all settings but one."""
    gaps, acts = [], False
    for seed in range(1, 6):
        A, B = initial(16, 16, 4, rng=np.random.default_rng(seed))
        big = Adapter(A, B, 0.5 * 16)
        new, changed = equivalent(big, rule, 4)
        if left == "start":
            new = Adapter(A, B, new.scaling)
        else:
            changed = replace(changed, **left)
        ours, theirs = (weights(TASK, *run) for run in ((big, rule), (new, changed)))
        size = np.linalg.norm(ours[1:], axis=(1, 2))
        gaps.append((np.linalg.norm(ours[1:] - theirs[1:], axis=(1, 2)) / size).max())
        if isinstance(rule, Clipped):
            acts |= np.abs(ours - weights(TASK, big, rule.optimiser)).max() > 0.01
    if low is None:
        assert 0 < max(gaps) < high
    else:
        assert (min(gaps), max(gaps)) == pytest.approx((low, high), rel=0.05)
    assert acts or not isinstance(rule, Clipped)


def test_the_undo_of_a_larger_alpha():
    """The table of What the paper's sentence means, for c = 4, row by row."""
    problem, adapter = start(name="both random")
    wide = Adapter(adapter.A / 4, adapter.B / 4, 16 * adapter.scaling)
    for theirs, ours in (
            (Adam(0.01, eps=1e-6, weight_decay=0.1), Adam(0.01 / 4, eps=4e-6, weight_decay=1.6)),
            (AdamW(0.01, eps=1e-6, weight_decay=0.1), AdamW(0.01 / 4, eps=4e-6, weight_decay=0.4)),
            (Momentum(0.01, weight_decay=0.1), Momentum(0.01 / 16, weight_decay=1.6)),
            (Clipped(SGD(0.05), 0.05, eps=0.0), Clipped(SGD(0.05 / 16), 0.2, eps=0.0))):
        np.testing.assert_allclose(weights(problem, wide, ours),
                                   weights(problem, adapter, theirs), rtol=1e-12, atol=1e-14)
    problem, adapter = start()
    wide = Adapter(adapter.A, adapter.B, 16 * adapter.scaling)
    for theirs, ours in ((Adam(0.01, eps=1e-30), Adam(0.01 / 16, eps=1e-30)),
                         (SGD(0.05), SGD(0.05 / 256))):  # the start stays: the first step alone
        one, two = weights(problem, adapter, theirs), weights(problem, wide, ours)
        np.testing.assert_allclose(one[1], two[1], rtol=1e-12, atol=1e-15)
        assert np.abs(one[-1] - two[-1]).max() > 0.01
    for theirs, ours in (  # two rates undo α × 16 with A's start as it is
            (Adam(0.01), Adam((0.01, 0.01 / 16), eps=(1e-8, 16e-8))),
            (SGD(0.05), SGD((0.05, 0.05 / 256)))):
        assert np.array_equal(weights(problem, adapter, theirs), weights(problem, wide, ours))


def test_the_lines_for_peft_widen_the_start_and_nothing_else():
    """The block of What the paper's sentence means, run as it stands in the chapter."""
    peft = pytest.importorskip("peft")
    chapter = (HOME / "book/part2/invariance.md").read_text("utf-8")
    lines = chapter[chapter.index("with torch.no_grad():"):].split("```")[0]
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(20, (16, 3), generator=generator)
    targets = torch.randn(16, 3, 5, generator=generator)

    def run(c):
        torch.manual_seed(0)
        base = torch.nn.Sequential(torch.nn.Embedding(20, 8), torch.nn.Linear(8, 5))
        model = peft.get_peft_model(base, peft.LoraConfig(
            r=2, lora_alpha=32 / c**2, target_modules=["0", "1"]))
        if c == 4:
            exec(lines, {"torch": torch, "model": model})
        rule = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 0.01 * c,
                                 eps=1e-8 / c, weight_decay=0.1 / c)
        for _ in range(15):
            rule.zero_grad()
            out = model(tokens)
            ((out - targets) ** 2).mean().backward()
            rule.step()
        return out.detach()

    assert torch.equal(run(1), run(4))
    assert not torch.equal(run(1), run(2))  # α ÷ 4 without the lines


@pytest.mark.claim("thm-invariance", "obs-same-bits")
@pytest.mark.parametrize("dtype", (torch.float32, torch.bfloat16))
@pytest.mark.parametrize("kind", ("SGD", "Adam", "AdamW"))
@pytest.mark.parametrize("c", (1 / 4, 2, 4))
def test_the_same_bits_with_torch(kind, dtype, c):
    make = {
        "SGD": lambda p, c: torch.optim.SGD(p, 0.05 * c * c, momentum=0.9, weight_decay=0.1 / c**2),
        "Adam": lambda p, c: torch.optim.Adam(p, 0.01 * c, eps=1e-6 / c, weight_decay=0.1 / c**2),
        "AdamW": lambda p, c: torch.optim.AdamW(p, 0.01 * c, eps=1e-6 / c, weight_decay=0.1 / c),
    }[kind]
    generator = torch.Generator().manual_seed(0)
    X, Y, W0, A0, B0 = (torch.randn(shape, generator=generator).to(dtype) for shape in
                        ((32, 9), (32, 12), (12, 9), (4, 9), (12, 4)))

    def run(c, width=None):
        A, B = (torch.nn.Parameter((width or c) * start) for start in (A0, B0))
        optimiser, path = make([A, B], c), []
        for _ in range(50):
            optimiser.zero_grad()
            out = X @ W0.T + (X @ A.T @ B.T) * (0.5 / c**2)
            ((out - Y) ** 2).mean().backward()
            optimiser.step()
            path.append(out.detach())
        return torch.stack(path)

    ours, theirs = run(1), run(c)
    assert torch.isfinite(ours).all()
    assert not torch.equal(ours[0], ours[-1])
    assert torch.equal(ours, theirs)
    assert not torch.equal(ours, run(c, width=1))  # with the start left behind


@pytest.mark.claim("obs-same-bits")
def test_other_factors_differ_by_rounding_only():
    """Adam in float64, sixty steps."""
    A, B = initial(16, 16, 4, rng=np.random.default_rng(1))
    adapter = Adapter(A, B, 8.0)
    ours = weights(TASK, adapter, Adam(0.01))
    for c in (2, 4, 1 / 8):
        assert np.array_equal(ours, weights(TASK, *equivalent(adapter, Adam(0.01), c)))
    for c in (3, 0.7):
        gap = np.abs(ours - weights(TASK, *equivalent(adapter, Adam(0.01), c))).max()
        assert 0 < gap < 1e-15


def test_the_opening_picture_shows_one_run_twice():
    figure = plain_figure(three_runs())
    one, wide, third = (np.array(t["y"]) for t in figure["data"])
    A, B = initial(16, 16, 4, rng=np.random.default_rng(1))
    for said, s in ((one, 0.5), (wide, 8.0)):
        run = train(TASK, Adapter(A, B, s), Adam(0.01), 60)
        np.testing.assert_allclose(said, run.loss, rtol=1e-4)
    assert np.array_equal(one[::4], third) and not np.allclose(one, wide, rtol=0.1)
    assert "bit" not in figure["layout"]["meta"]["reading"]  # that is asked below it


@pytest.mark.parametrize(("optimiser", "words"), [
    ("SGD", "L2 decay ÷ 16"), ("Adam", "L2 decay ÷ 16"), ("AdamW", "decoupled decay ÷ 4")])
def test_the_reading_says_which_decay_follows(optimiser, words):
    assert words in plain_figure(invariance(optimiser, 4))["layout"]["meta"]["reading"]


# --- what α is worth where A's start stays ---

@pytest.mark.claim("thm-slide")
@pytest.mark.parametrize("factor", (4, 16, 64))
def test_it_slides_from_the_factor_to_its_root(factor):
    moved, m = runs_slide.worth(factor)
    assert (np.diff(moved) > 0).all()
    assert m[0] == pytest.approx(factor, rel=0.1 if factor < 64 else 0.2)
    assert m[-1] == pytest.approx(factor**0.5, rel=0.01)
    assert (np.diff(m) < 0.01 * m[1:]).all()  # and never rises, up to the grid of rates


@pytest.mark.claim("obs-slide")
def test_half_way_eta_times_eight_is_worth_alpha_times_sixteen():
    halves, wholes = [], []
    for seed in range(5):
        useful, _ = runs_slide.useful_parts(seed)
        assert (np.diff(useful) > 0).all()  # so that there is one μ only
        where, m = runs_slide.worth(16, seed)
        half, whole = np.interp(np.log([0.1, 1]), np.log(where), m)
        halves.append(half)
        wholes.append(whole)
    assert min(halves) > 7.95 and max(halves) < 8.15
    assert min(wholes) > 4.55 and max(wholes) < 4.75


def exact_useful(A0, G, eta, steps=8):
    """u(η) with ε = 0 and 0/0 = 0, in digits enough for ±1 to be ±1. A0 (r, k), G (d, k)."""
    beta = Decimal("0.9"), Decimal("0.999")
    params = [A0, np.full((G.shape[0], A0.shape[0]), Decimal(0))]
    m, v = [0 * p for p in params], [0 * p for p in params]
    for t in range(1, steps + 1):
        A, B = params
        for i, g in enumerate((B.T @ G, G @ A.T)):
            m[i] = beta[0] * m[i] + (1 - beta[0]) * g
            v[i] = beta[1] * v[i] + (1 - beta[1]) * g * g
            quotient = [(x / y.sqrt()) if y else Decimal(0) for x, y in
                        zip(m[i].ravel() / (1 - beta[0]**t), v[i].ravel() / (1 - beta[1]**t),
                            strict=True)]
            params[i] = params[i] - eta * np.reshape(quotient, g.shape)
    return -((params[1] @ params[0]) * G).sum()


@pytest.mark.claim("thm-slide")
@pytest.mark.parametrize("seed", range(3))
def test_both_limits_exist_also_where_gradients_cancel(seed):
    """G of ±1: entries of BᵀG are exactly zero on the limiting path, where Adam jumps."""
    rng = np.random.default_rng(seed)
    exact = np.vectorize(lambda x: Decimal(float(x)), otypes=[object])
    start, signs = rng.normal(size=(2, 6)), rng.choice([-1.0, 1.0], size=(6, 6))
    assert (np.sign(signs @ start.T).T @ signs == 0).any()
    with localcontext() as context:
        context.prec = 260
        A0, G = exact(start), exact(signs)
        small = [float(exact_useful(A0, G, Decimal(10)**-e) * Decimal(10)**e) for e in (8, 10)]
        large = [float(exact_useful(A0, G, Decimal(10)**e) / Decimal(10)**(2 * e))
                 for e in (8, 12, 16)]
        scale = float(exact_useful(A0, 7 * G, Decimal("0.3")) / 7)
        assert scale == pytest.approx(float(exact_useful(A0, G, Decimal("0.3"))), rel=1e-12)
    assert small == pytest.approx([8 * np.abs(signs @ start.T).sum()] * 2, rel=1e-5)
    assert abs(large[1] / large[0] - 1) < 1e-6 and abs(large[2] / large[1] - 1) < 1e-10
    assert large[2] > 0


@pytest.mark.claim("thm-slide")
@pytest.mark.parametrize("factor", (4, 16))
def test_alpha_times_the_factor_does_what_that_rate_does(factor):
    """At a rate between those of the grid, by running both."""
    rng = np.random.default_rng(0)
    A0, B0 = initial(runs_slide.SIDE, runs_slide.SIDE, runs_slide.R, rng=rng)
    G = rng.normal(size=(runs_slide.SIDE, runs_slide.SIDE))

    def useful(lr, s):
        rule, A, B = Adam(lr, eps=1e-30), A0, B0
        state = rule.init([A, B])
        for _ in range(runs_slide.STEPS):
            (A, B), state = rule.step([A, B], [s * B.T @ G, s * G @ A.T], state)
        return -s * np.vdot(B @ A, G)

    _, m = runs_slide.worth(factor)
    for lr in (2e-5, 7e-4, 0.03):
        worth = np.interp(np.log(lr), np.log(runs_slide.RATES[:len(m)]), m)
        assert useful(lr * worth, 1.0) == pytest.approx(useful(lr, float(factor)), rel=0.02)


def test_the_explorer_says_what_a_factor_is_worth():
    moved, m = runs_slide.worth(16)
    half = np.exp(np.interp(np.log(0.1), np.log(moved), np.log(m)))
    assert f"A moved by 0.1 of its start: η × {half:.3g}" in slide(16)["layout"]["meta"]["reading"]
