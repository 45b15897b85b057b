"""The two fits, on curves whose answer is known."""

import numpy as np
import pytest

from lora_edu.chapters.shared.fits import exponent, vertex

UNEVEN = np.log([0.1, 0.2, 0.5, 1, 2, 4, 10])


def test_the_vertex_of_parabolas_on_uneven_rates():
    at = np.array([[-0.9, -0.2], [0.3, 0.7]])
    curves = 3 + 0.5 * (UNEVEN - at[..., None])**2
    np.testing.assert_allclose(vertex(UNEVEN, curves), at, rtol=1e-12)


def test_beside_an_infinite_loss_it_is_the_least_point_itself():
    above = np.array([9, 8, 7, 6, np.inf, np.inf, np.inf])
    curves = [above, above[::-1], [np.inf, 1, np.inf, *[np.inf] * 4]]
    np.testing.assert_array_equal(vertex(UNEVEN, curves), UNEVEN[[3, 3, 1]])


def test_a_minimum_at_an_end_is_refused_with_its_rate():
    with pytest.raises(ValueError, match=r"end of the rates tried, 0\.1, 10"):
        vertex(UNEVEN, [UNEVEN, -UNEVEN])


def test_the_exponent_of_powers_and_its_standard_error():
    x = np.array([2.0, 4, 16])
    mean, error = exponent(x, np.stack([5 * x**0.5, x**0.7], axis=1))
    assert mean == pytest.approx(0.6)
    assert error == pytest.approx(0.1)  # half the distance of two
