"""Numbers as words: where one way of writing ends and the next begins."""

import pytest

from lora_edu.explore.words import number, power, signed


@pytest.mark.parametrize(("say", "value", "said"), [
    (number, 0, "0 exactly"), (number, 1e-3, "0.001"), (number, 9.99e-4, "9.99·10⁻⁴"),
    (number, 0.12345, "0.123"), (number, 999, "999"), (number, 1000, "1,000"),
    (number, 999_999, "999,999"), (number, 1e6, "1.00·10⁶"), (number, -2.346e-7, "-2.35·10⁻⁷"),
    (power, 0, "1"), (power, 1, "10"), (power, -13, "10⁻¹³"),
    (signed, -0.482, "−0.48"), (signed, 0, "+0.00")])
def test_a_number_is_said_in_as_few_digits_as_it_takes(say, value, said):
    assert say(value) == said
