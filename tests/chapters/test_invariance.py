"""The chapter The Adam invariance: what α is worth in η when A's start stays."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

from lora_edu import Adam, initial
from lora_edu.chapters.invariance import runs_slide
from lora_edu.chapters.invariance.figures import slide


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
