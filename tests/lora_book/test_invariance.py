"""The chapter The Adam invariance: what the theorem needs, and what "roughly" hides."""

import itertools
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from peft import LoraConfig

from book._extensions.content.claims import HOME
from lora_book.invariance import figures, runs, runs_slide
from lora_book.shared.tasks import task_16
from lora_edu import SGD, Adam, AdamW, Adapter, Clipped, Momentum, initial
from lora_edu.explore.plain_figure import plain_figure
from tests.core.test_invariance import start, weights
from tests.lora_book.figure_words import reading
from tests.lora_book.oracles import span
from tests.nn import models

TASK = task_16()


PROBLEMS, ADAPTERS = zip(*(start(seed, name="both random") for seed in (0, 5)), strict=True)
ONE = ((1, 1), (1, 1))


def several(factors, optimiser):
    """Train two scaled adapters, each on a problem of its own, with all gradients in one optimiser.

    factors: of A and B of each. Returns ΔW of both at each of 40 steps of a warm-up and a decay.
    """
    params = []
    scalings = []
    for adapter, (a, b) in zip(ADAPTERS, factors, strict=True):
        params += [a * adapter.A, b * adapter.B]
        scalings.append(adapter.scaling / (a * b))
    state = optimiser.init(params)
    path = []
    for t in range(41):
        grads = []
        for problem, A, B, s in zip(PROBLEMS, params[::2], params[1::2], scalings, strict=True):
            path.append(s * (B @ A))
            G = problem.gradient(problem.W0 + path[-1])
            grads += [s * (B.T @ G), s * (G @ A.T)]
        moved, state = optimiser.step(params, grads, state)
        share = min(1.0, (t + 1) / 10) * 0.97**t  # of the learning rate, and so of the step
        params = [p + share * (new - p) for p, new in zip(params, moved, strict=True)]
    return np.array(path)


@pytest.mark.claim("thm-invariance", "cor-follow")
@pytest.mark.parametrize("factors", [((4, 2), (1 / 2, 8)), ((4, 4), (1, 1))],
                         ids=("each its own", "the other's settings kept"))
def test_adapters_may_have_factors_of_their_own(factors):
    flat = np.ravel(factors)
    optimiser = AdamW(0.01 * flat, eps=1e-8 / flat, weight_decay=0.3 / flat)
    ours = several(ONE, AdamW(0.01, weight_decay=0.3))
    assert np.array_equal(ours, several(factors, optimiser))
    assert not np.array_equal(ours, several(factors, replace(optimiser, lr=0.01)))


@pytest.mark.claim("cor-follow")
def test_clipping_needs_one_factor_for_all_adapters():
    """No limit makes up for a second factor, be it another adapter's or that of what is beside."""
    def run(first, second, limit):
        flat = np.array([first, first, second, second], dtype=float)
        return several(((first, first), (second, second)), Clipped(
            Adam(0.01 * flat, eps=1e-8 / flat), limit, eps=0.0))

    ours = run(1, 1, 0.5)
    free = run(1, 1, 1e9)
    assert np.abs(ours - free).max() > 0.01  # the limit acts
    assert np.array_equal(ours, run(4, 4, 0.5 / 4))
    for second in (2, 1):
        gaps = [np.abs(ours - run(4, second, limit)).max() for limit in np.geomspace(0.05, 1, 40)]
        assert min(gaps) > 1e-3
        assert np.array_equal(free, run(4, second, 1e9))  # where nothing is clipped


@pytest.mark.claim("cor-loraplus")
def test_loraplus_is_alpha():
    """From B = 0: ratio ρ between the learning rates, or ρ (SGD: √ρ) times the scaling."""
    rho = 16
    problem, adapter = start()
    rates = (0.01, rho * 0.01)
    decays = (0.1, 0.1 / rho)
    plus = {"lr": rates, "eps": (1e-8, 1e-8 / rho)}
    for theirs, ours, factor in (
            (Adam(**plus, weight_decay=(0.1, 0.1 / rho**2)), Adam(0.01, weight_decay=0.1), rho),
            (AdamW(**plus, weight_decay=decays), AdamW(0.01, weight_decay=0.1), rho),
            (SGD(rates, decays), SGD(0.01, 0.1), rho**0.5),
            (Momentum(rates, weight_decay=decays), Momentum(0.01, weight_decay=0.1), rho**0.5)):
        plain = Adapter(adapter.A, adapter.B, factor * adapter.scaling)
        path = weights(problem, plain, ours)
        assert np.array_equal(weights(problem, adapter, theirs), path)
        assert np.abs(path[-1]).max() > 1e-3


@pytest.mark.claim("obs-roughly")
@pytest.mark.parametrize(("setting", "ends"), [
    ("η (× 16, not × 4)", (300, 300)), ("initial A", (75, 83)), ("a decay of 0.5", (12, 21)),
    ("a clipping limit", (3.4, 5.6)), ("an ε of 10⁻⁴", (0.67, 1.6)),
    ("ε at its default", (0.92e-4, 1.8e-4))])
def test_the_size_of_each_roughly(setting, ends):
    """The largest gap in % between α × 16 and the run with all settings but one, in sixty steps."""
    gaps = runs.left_behind()[setting]
    assert span(100 * np.array(gaps)) == pytest.approx(ends, rel=0.05)


CHAPTER = (HOME / "book/part2/invariance.md").read_text("utf-8")
LINES_FOR_PEFT = CHAPTER.split("```python\n")[1].split("```")[0]


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
def test_the_lines_for_peft_widen_a_shared_start_once_and_nothing_else():
    """The block for PEFT, run as it stands in the chapter."""
    model = models.tied_in_peft()
    model.add_adapter("second", LoraConfig(r=2, target_modules=["q_proj"]))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    exec(LINES_FOR_PEFT, {"torch": torch, "model": model})
    widened = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert len(widened) == 3 and all("default" in name for name in widened)
    assert all(torch.equal(model.get_parameter(name), 4 * before[name]) for name in widened)


@pytest.mark.claim("thm-invariance", "obs-same-bits")
@pytest.mark.parametrize("dtype", (torch.float32, torch.bfloat16))
@pytest.mark.parametrize(("kind", "settings", "powers"), [
    (torch.optim.SGD, {"momentum": 0.9}, {"lr": 2, "weight_decay": -2}),
    (torch.optim.Adam, {"eps": 1e-6}, {"lr": 1, "weight_decay": -2, "eps": -1}),
    (torch.optim.AdamW, {"eps": 1e-6}, {"lr": 1, "weight_decay": -1, "eps": -1})])
def test_the_same_bits_with_torch(kind, settings, powers, dtype):
    """With dropout, too, where the masks are the same."""
    settings = {"lr": 0.01, "weight_decay": 0.1} | settings
    generator = torch.Generator().manual_seed(0)
    X, Y, W0, A0, B0 = (torch.randn(shape, generator=generator).to(dtype) for shape in
                        ((32, 9), (32, 12), (12, 9), (4, 9), (12, 4)))

    masks = torch.rand(50, 32, 9, generator=generator) > 0.25

    def run(c, width=None):
        A, B = (torch.nn.Parameter((width or c) * first) for first in (A0, B0))
        optimiser = kind([A, B], **{name: value * c**powers.get(name, 0)
                                    for name, value in settings.items()})
        outputs = []
        for kept in X * masks:
            optimiser.zero_grad()
            outputs.append(X @ W0.T + (kept @ A.T @ B.T) * (0.5 / c**2))
            ((outputs[-1] - Y) ** 2).mean().backward()
            optimiser.step()
        return torch.stack(outputs)

    ours = run(1)
    assert torch.isfinite(ours).all() and not torch.equal(ours[0], ours[-1])
    assert all(torch.equal(ours, run(c)) for c in (1 / 4, 2, 4))
    assert not torch.equal(ours, run(4, width=1))  # with the start left behind


# --- what α is worth where A's start stays ---

@pytest.mark.claim("obs-slide")
def test_half_way_eta_times_eight_is_worth_alpha_times_sixteen():
    worths = []
    for seed in range(5):
        assert (np.diff(runs_slide.useful_parts(seed)[0]) > 0).all()  # so there is one μ only
        moved, m = runs_slide.worth(16, seed)
        worths.append(np.interp(np.log([0.1, 1]), np.log(moved), m))
    tenth, whole = np.transpose(worths)
    assert min(tenth) > 7.95 and max(tenth) < 8.15
    assert min(whole) > 4.55 and max(whole) < 4.75
    words = reading(figures.slide(16))
    [shown] = re.findall(r"moved by 0.1 of its initial norm: η × ([\d.]+)", words)
    assert float(shown) == pytest.approx(tenth[0], rel=0.01)


@pytest.mark.claim("thm-slide")
@pytest.mark.parametrize("factor", (4, 16, 64))
def test_alpha_times_the_factor_does_what_that_rate_does(factor):
    """At rates between those of the grid, by running both; and at its ends."""
    rng = np.random.default_rng(0)
    A0, B0 = initial(runs_slide.SIDE, runs_slide.SIDE, runs_slide.R, rng=rng)
    G = rng.normal(size=(runs_slide.SIDE, runs_slide.SIDE))
    problem = SimpleNamespace(W0=0 * G, gradient=lambda W: G)

    def useful(lr, s):
        path = weights(problem, Adapter(A0, B0, s), Adam(lr, eps=1e-30), runs_slide.STEPS)
        return -np.vdot(path[-1], G)

    _, m = runs_slide.worth(factor)
    for lr in (2e-5, 7e-4, 0.03):
        worth = np.interp(np.log(lr), np.log(runs_slide.RATES[:len(m)]), m)
        assert useful(lr * worth, 1.0) == pytest.approx(useful(lr, float(factor)), rel=0.02)
    assert m[0] == pytest.approx(factor, rel=0.2) and (np.diff(m) < 0.01 * m[1:]).all()
    assert m[-1] == pytest.approx(factor**0.5, rel=0.01)


@pytest.mark.parametrize(("optimiser", "needed"), [("AdamW", "eta start eps decay"),
                                                   ("Momentum", "eta start decay")])
def test_the_gap_is_exactly_zero_where_all_that_is_needed_is_ticked(optimiser, needed):
    for boxes in itertools.product((False, True), repeat=4):
        ticked = dict(zip(("eta", "start", "eps", "decay"), boxes, strict=True))
        figure = figures.ticks(**ticked, optimiser=optimiser)
        same = all(ticked[name] for name in needed.split())
        assert plain_figure(figure)["data"][0]["customdata"].any() != same
        assert reading(figure).endswith("agree in every bit") == same


# --- the figures ---
