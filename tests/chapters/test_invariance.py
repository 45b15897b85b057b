"""The chapter The Adam invariance: what the theorem needs, and what "roughly" hides."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model

from book._extensions.content.claims import HOME
from lora_edu import SGD, Adam, AdamW, Adapter, Clipped, Momentum, equivalent, initial
from lora_edu.chapters.invariance import figures, runs, runs_slide
from lora_edu.chapters.shared import word_run as word
from lora_edu.chapters.shared.tasks import task_16
from lora_edu.explore.plain_figure import plain_figure
from tests.chapters.figure_words import reading
from tests.core.test_invariance import start, weights
from tests.nn import models

TASK = task_16()


@pytest.fixture(scope="module")
def two():
    """Two problems, and an adapter for each."""
    return tuple(zip(*(start(seed, name="both random") for seed in (0, 5)), strict=True))


def several(two, factors, optimiser, schedule=lambda t: 1.0):
    """Train scaled adapters, all gradients in one optimiser; ΔW of all at each of 40 steps."""
    params = [factor * P for adapter, pair in zip(two[1], factors, strict=True)
              for factor, P in zip(pair, (adapter.A, adapter.B), strict=True)]
    scalings = [adapter.scaling / np.prod(pair)
                for adapter, pair in zip(two[1], factors, strict=True)]
    state, path = optimiser.init(params), []
    for t in range(41):
        grads, deltas = [], []
        for problem, A, B, s in zip(two[0], params[::2], params[1::2], scalings, strict=True):
            deltas.append(s * (B @ A))
            G = problem.gradient(problem.W0 + deltas[-1])
            grads += [s * (B.T @ G), s * (G @ A.T)]
        path.append(np.concatenate([delta.ravel() for delta in deltas]))
        now = optimiser if isinstance(optimiser, Clipped) else replace(
            optimiser, lr=np.multiply(optimiser.lr, schedule(t)).tolist())
        params, state = now.step(params, grads, state)
    return np.array(path)


ONE = ((1, 1), (1, 1))


@pytest.mark.claim("thm-invariance", "cor-follow")
@pytest.mark.parametrize("factors", [((4, 2), (1 / 2, 8)), ((4, 4), (1, 1))],
                         ids=("each its own", "the other's settings kept"))
@pytest.mark.parametrize("schedule", [lambda t: 1.0, lambda t: min(1.0, (t + 1) / 10) * 0.97**t],
                         ids=("constant", "warm-up and decay"))
def test_adapters_may_have_factors_of_their_own(two, factors, schedule):
    flat = np.ravel(factors)
    optimiser = AdamW(0.01 * flat, eps=1e-8 / flat, weight_decay=0.3 / flat)
    ours = several(two, ONE, AdamW(0.01, weight_decay=0.3), schedule)
    assert np.array_equal(ours, several(two, factors, optimiser, schedule))
    assert not np.array_equal(ours, several(two, factors, replace(optimiser, lr=0.01), schedule))


@pytest.mark.claim("cor-follow")
def test_clipping_needs_one_factor_for_all_adapters(two):
    """No limit makes up for a second factor, be it another adapter's or that of what is beside."""
    def run(first, second, limit):
        flat = np.array([first, first, second, second], dtype=float)
        return several(two, ((first, first), (second, second)), Clipped(
            Adam(0.01 * flat, eps=1e-8 / flat), limit, eps=0.0))

    ours, free = run(1, 1, 0.5), run(1, 1, 1e9)
    assert np.abs(ours - free).max() > 0.01  # the limit acts
    assert np.array_equal(ours, run(4, 4, 0.5 / 4))
    for second in (2, 1):
        gaps = [np.abs(ours - run(4, second, limit)).max() for limit in np.geomspace(0.05, 1, 40)]
        assert min(gaps) > 1e-3
        assert np.array_equal(free, run(4, second, 1e9))  # where nothing is clipped


@pytest.mark.claim("cor-loraplus")
@pytest.mark.parametrize("ratio", (4, 16))
def test_loraplus_is_alpha(ratio):
    """From B = 0: ratio ρ between the learning rates, or ρ (SGD: √ρ) times the scaling."""
    problem, adapter = start()
    plus = {"lr": (0.01, ratio * 0.01), "eps": (1e-8, 1e-8 / ratio)}
    both, root = (0.1, 0.1 / ratio), np.sqrt(ratio)
    for theirs, ours, factor in (
            (Adam(**plus), Adam(0.01), ratio),
            (Adam(**plus, weight_decay=(0.1, 0.1 / ratio**2)), Adam(0.01, weight_decay=0.1), ratio),
            (AdamW(**plus, weight_decay=both), AdamW(0.01, weight_decay=0.1), ratio),
            (SGD(plus["lr"], both), SGD(0.01, 0.1), root),
            (Momentum(plus["lr"], weight_decay=both), Momentum(0.01, weight_decay=0.1), root)):
        plain = Adapter(adapter.A, adapter.B, factor * adapter.scaling)
        ours = weights(problem, plain, ours)
        assert np.array_equal(weights(problem, adapter, theirs), ours)
        assert np.abs(ours[-1]).max() > 1e-3


@pytest.mark.claim("obs-roughly")
@pytest.mark.parametrize(("what", "most", "last"), [
    ("the exponent of η", (300, 300), (9, 24)), ("A’s start", (75, 83), (8, 26)),
    ("a decay of 0.5", (12, 21), (6, 21)), ("a clipping limit", (3.4, 5.6), (2.7, 3.9)),
    ("an ε of 10⁻⁴", (0.67, 1.6), (0.3, 0.44)), ("ε at its default", (0, 2e-4), (0, 1e-4))])
def test_the_size_of_each_roughly(what, most, last):
    """The gap in % between α × 16 and the run with all settings but one, in sixty steps."""
    *found, _ = runs.left_behind()[what]
    for gaps, (low, high) in zip(found, (most, last), strict=True):
        assert min(gaps) > 0 and 100 * max(gaps) < 1.05 * high
        if low:
            assert (100 * min(gaps), 100 * max(gaps)) == pytest.approx((low, high), rel=0.05)


CHAPTER = (HOME / "book/part2/invariance.md").read_text("utf-8")
LINES_FOR_PEFT = CHAPTER.split("```python\n")[1].split("```")[0]


def test_the_lines_for_peft_widen_the_start_and_nothing_else():
    """The block for PEFT, run as it stands in the chapter."""
    ids = models.token_ids(16, 3)

    def run(c):
        torch.manual_seed(0)
        model = get_peft_model(models.net(), LoraConfig(
            r=2, lora_alpha=32 / c**2, target_modules=models.TARGETS))
        if c == 4:
            exec(LINES_FOR_PEFT, {"torch": torch, "model": model})
        optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 0.01 * c,
                                      eps=1e-8 / c, weight_decay=0.1 / c)
        for _ in range(15):
            optimiser.zero_grad()
            out = model(ids)
            out.square().mean().backward()
            optimiser.step()
        return out.detach()

    assert torch.equal(run(1), run(4))
    assert not torch.equal(run(1), run(2))  # α ÷ 4 without the lines


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
def test_the_lines_for_peft_widen_a_shared_start_once_and_no_other_adapter():
    model = models.tied_in_peft()
    model.add_adapter("second", LoraConfig(r=2, target_modules=["q_proj"]))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    exec(LINES_FOR_PEFT, {"torch": torch, "model": model})
    widened = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert len(widened) == 3 and all("default" in name for name in widened)
    assert all(torch.equal(model.get_parameter(name), 4 * before[name]) for name in widened)


@pytest.mark.claim("thm-invariance", "obs-same-bits")
@pytest.mark.parametrize("dtype", (torch.float32, torch.bfloat16))
@pytest.mark.parametrize(("kind", "powers"), [
    ("SGD", {"lr": 2, "weight_decay": -2}), ("Adam", {"lr": 1, "weight_decay": -2, "eps": -1}),
    ("AdamW", {"lr": 1, "weight_decay": -1, "eps": -1})])
def test_the_same_bits_with_torch(kind, powers, dtype):
    """With dropout, too, if the masks are the same."""
    settings = {"lr": 0.01, "weight_decay": 0.1} | ({} if kind != "SGD" else {"momentum": 0.9}) | (
        {"eps": 1e-6} if "eps" in powers else {})
    generator = torch.Generator().manual_seed(0)
    X, Y, W0, A0, B0 = (torch.randn(shape, generator=generator).to(dtype) for shape in
                        ((32, 9), (32, 12), (12, 9), (4, 9), (12, 4)))

    def run(c, width=None, masks=0):
        A, B = (torch.nn.Parameter((width or c) * start) for start in (A0, B0))
        optimiser = getattr(torch.optim, kind)([A, B], **{
            name: value * c**powers.get(name, 0) for name, value in settings.items()})
        drawn, path = torch.Generator().manual_seed(masks), []
        for _ in range(50):
            optimiser.zero_grad()
            kept = X * (torch.rand(X.shape, generator=drawn) > 0.25)
            out = X @ W0.T + (kept @ A.T @ B.T) * (0.5 / c**2)
            ((out - Y) ** 2).mean().backward()
            optimiser.step()
            path.append(out.detach())
        return torch.stack(path)

    ours = run(1)
    assert torch.isfinite(ours).all() and not torch.equal(ours[0], ours[-1])
    for c in (1 / 4, 2, 4):
        assert torch.equal(ours, run(c))
    assert not torch.equal(ours, run(4, width=1))  # with the start left behind
    assert not torch.equal(ours, run(4, masks=1))


@pytest.mark.claim("obs-same-bits")
def test_other_factors_differ_by_rounding_only():
    """Adam in float64, sixty steps."""
    adapter = Adapter(*initial(16, 16, 4, rng=np.random.default_rng(1)), 8.0)
    ours, *theirs = (weights(TASK, *equivalent(adapter, Adam(0.01), c))
                     for c in (1, 2, 4, 1 / 8, 3, 0.7))
    gaps = [np.abs(ours - other).max() for other in theirs]
    assert gaps[:3] == [0, 0, 0] and min(gaps[3:]) > 0 and max(gaps[3:]) < 1e-15


# --- what α is worth where A's start stays ---

@pytest.mark.claim("obs-slide")
def test_half_way_eta_times_eight_is_worth_alpha_times_sixteen():
    found = []
    for seed in range(5):
        assert (np.diff(runs_slide.useful_parts(seed)[0]) > 0).all()  # so there is one μ only
        where, m = runs_slide.worth(16, seed)
        found.append(np.interp(np.log([0.1, 1]), np.log(where), m))
    (half, whole), (most_half, most_whole) = np.min(found, axis=0), np.max(found, axis=0)
    assert 7.95 < half < most_half < 8.15 and 4.55 < whole < most_whole < 4.75


@pytest.mark.claim("thm-slide")
@pytest.mark.parametrize("factor", (4, 16, 64))
def test_alpha_times_the_factor_does_what_that_rate_does(factor):
    """At rates between those of the grid, by running both; and at its ends."""
    rng, side = np.random.default_rng(0), runs_slide.SIDE
    A0, B0 = initial(side, side, runs_slide.R, rng=rng)
    G = rng.normal(size=(side, side))

    def useful(lr, s):
        optimiser, A, B = Adam(lr, eps=1e-30), A0, B0
        state = optimiser.init([A, B])
        for _ in range(runs_slide.STEPS):
            (A, B), state = optimiser.step([A, B], [s * B.T @ G, s * G @ A.T], state)
        return -s * np.vdot(B @ A, G)

    _, m = runs_slide.worth(factor)
    for lr in (2e-5, 7e-4, 0.03):
        worth = np.interp(np.log(lr), np.log(runs_slide.RATES[:len(m)]), m)
        assert useful(lr * worth, 1.0) == pytest.approx(useful(lr, float(factor)), rel=0.02)
    assert m[0] == pytest.approx(factor, rel=0.2) and (np.diff(m) < 0.01 * m[1:]).all()
    assert m[-1] == pytest.approx(factor**0.5, rel=0.01)


# --- the figures ---

def test_the_slide_says_what_a_factor_is_worth():
    moved, m = runs_slide.worth(16)
    tenth = np.exp(np.interp(np.log(0.1), np.log(moved), np.log(m)))
    assert f"A moved by 0.1 of its start: η × {tenth:.3g}" in reading(figures.slide(16))


@pytest.mark.parametrize("optimiser", runs.SETTINGS)
def test_the_gap_is_exactly_zero_with_all_boxes_ticked(optimiser):
    gaps = {}
    for boxes in itertools.product((False, True), repeat=4):
        figure = figures.ticks(*boxes, optimiser=optimiser)
        gaps[boxes] = plain_figure(figure)["data"][0]["customdata"].max()
        assert (gaps[boxes] == 0) == reading(figure).endswith("exactly 0: the same bits")
    needed = {boxes for boxes, gap in gaps.items() if gap == 0}
    without_eps = {(True, True, False, True)} if optimiser == "Momentum" else set()
    assert needed == {(True,) * 4} | without_eps
    assert gaps[True, False, False, False] > 0.5 > gaps[True, True, False, False] > 0.1
    if optimiser == "AdamW":
        assert 1e-5 > gaps[True, True, False, True] > 1e-7
        assert gaps[False, False, False, False] > gaps[True, False, False, False]


def test_one_run_is_written_twice_and_alpha_times_16_is_another():
    rates = word.LR, word.LR, word.LR / 4
    for (_, run), s, width, lr in zip(runs.three_words().items(), (1, 16, 16), (1, 1, 0.25), rates,
                                      strict=True):
        first = word.written()[0]
        path = weights(word.task(), Adapter(width * first.A, first.B, s), Adam(
            lr, eps=1e-8 / width), word.STEPS[-1])
        for t in word.STEPS:
            np.testing.assert_allclose(run[t].delta(), path[t], rtol=1e-9, atol=1e-12)
    for t in word.STEPS[1:]:
        one, large, fitted = (trace["z"] for trace in figures.three_runs(t)["data"][::3])
        assert np.array_equal(one, fitted) and not np.array_equal(one, large)


@pytest.mark.parametrize(("change", "stride", "turning"), [
    ("α × 16", 16, 1), ("η × 4, start × 4", 16, 1), ("η × 16", 16, 16), ("start × 16", 16, 1 / 16)])
def test_stride_and_turning_tell_settings_apart(change, stride, turning):
    lower, upper, *_ = (bar["x1"] for bar in figures.two_numbers(change)["layout"]["shapes"])
    assert (upper, lower) == pytest.approx((stride, turning), rel=1e-3)


def test_each_setting_that_stays_behind_has_its_place():
    medians = [np.median(gaps) for gaps, *_ in runs.left_behind().values()]
    places, texts = plain_figure(figures.roughly())["data"]
    assert medians[0] == 0 and list(places["x"]) == medians[1:] == sorted(medians[1:])[::-1]
    assert [float(text.strip(" %")) / 100 for text in texts["text"]] == pytest.approx(
        medians[1:], rel=0.05)
