"""Numbers as words: where one way of writing ends and the next begins."""

import pytest

from lora_edu.explore import words


@pytest.mark.parametrize(("value", "said"), [
    (0, "0 exactly"), (1e-3, "0.001"), (-1e-3, "-0.001"), (9.99e-4, "9.99·10⁻⁴"),
    (0.12345, "0.123"), (999, "999"), (1000, "1,000"), (-1234.5, "-1,234"), (999_999, "999,999"),
    (1e6, "1.00·10⁶"), (-2.346e-7, "-2.35·10⁻⁷")])
def test_about_three_digits_for_a_sentence(value, said):
    assert words.number(value) == said


@pytest.mark.parametrize(("value", "said"), [
    (0.5, "0.5"), (1e-6, "10⁻⁶"), (2e-6, "2·10⁻⁶"), (1e10, "10¹⁰"), (-1e-6, "-1·10⁻⁶"), (16, "16")])
def test_as_few_digits_as_it_takes(value, said):
    assert words.short(value) == said


@pytest.mark.parametrize(("exponent", "said"), [(0, "1"), (1, "10"), (2, "10²"), (-13, "10⁻¹³")])
def test_powers_of_ten(exponent, said):
    assert words.power(exponent) == said


@pytest.mark.parametrize(("value", "said"), [(-0.482, "−0.48"), (0.482, "+0.48"), (0, "+0.00")])
def test_a_sign_is_as_wide_as_a_plus(value, said):
    assert words.signed(value) == said
