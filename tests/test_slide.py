"""What α is worth in η when A's start stays: the two ends of the slide, and the way between."""

import numpy as np
import pytest

from lora_edu import Adam, initial
from lora_edu.figures import slide


@pytest.mark.parametrize("factor", (4, 16, 64))
def test_it_slides_from_the_factor_to_its_root(factor):
    moved, m = slide.worth(factor)
    assert (np.diff(moved) > 0).all()
    assert m[0] == pytest.approx(factor, rel=0.1 if factor < 64 else 0.2)
    assert m[-1] == pytest.approx(factor**0.5, rel=0.01)
    assert (np.diff(m) < 0.01 * m[1:]).all()  # and never rises, up to the grid of rates


@pytest.mark.parametrize("factor", (4, 16))
def test_alpha_times_the_factor_does_what_that_rate_does(factor):
    """At a rate between those of the grid, by running both."""
    rng = np.random.default_rng(0)
    A0, B0 = initial(slide.SIDE, slide.SIDE, slide.R, rng=rng)
    G = rng.normal(size=(slide.SIDE, slide.SIDE))

    def useful(lr, s):
        rule, A, B = Adam(lr, eps=1e-30), A0, B0
        state = rule.init([A, B])
        for _ in range(slide.STEPS):
            (A, B), state = rule.step([A, B], [s * B.T @ G, s * G @ A.T], state)
        return -s * np.vdot(B @ A, G)

    _, m = slide.worth(factor)
    for lr in (2e-5, 7e-4, 0.03):
        worth = np.interp(np.log(lr), np.log(slide.RATES[:len(m)]), m)
        assert useful(lr * worth, 1.0) == pytest.approx(useful(lr, float(factor)), rel=0.02)
