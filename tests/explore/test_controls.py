"""Keyword arguments become controls as in ipywidgets.interact."""

import numpy as np
import pytest

from lora_edu.explore.controls import make_controls, value_key, value_text


def figure(r=8, alpha=16.0, start="both zero", log=False):
    """A figure function's signature; never called here."""


@pytest.mark.parametrize("given, values, texts", [
    (2 ** np.arange(4), (1, 2, 4, 8), ("1", "2", "4", "8")),
    (np.array([0.5, 8.0], dtype=np.float32), (0.5, 8.0), ("0.5", "8")),
    ((8, 10), (8, 9, 10), ("8", "9", "10")), ((2, 8, 3), (2, 5, 8), ("2", "5", "8")),
    ((5, 8, 3), (5, 8), ("5", "8")), ((7.8, 8.0), (7.8, 7.9, 8.0), ("7.8", "7.9", "8")),
    ({"few": 2, "many": 8}, (2, 8), ("few", "many")),
])
def test_values_may_come_as_interact_takes_them(given, values, texts):
    [control] = make_controls(figure, {"r": given}, {})
    assert (control.values, control.texts) == (values, texts)
    assert [*map(type, control.values)] == [*map(type, values)]
    assert control.kind == ("choice" if "few" in texts else "slider")
    assert control.values[control.start] == 8


def test_a_float_default_is_found_on_a_grid_that_rounds():
    [control] = make_controls(lambda q=0.3: None, {"q": np.linspace(0, 1, 11)}, {})
    assert control.start == 3 and control.values[3] != 0.3


def test_a_greek_letters_name_is_the_letter_unless_a_label_is_given():
    choices = {name: [8] for name in ("alpha", "omega", "Alpha", "lr", "alpha_1", "r")}
    controls = make_controls(lambda **anything: None, choices, {"r": "rank r"})
    assert [control.label for control in controls] == ["α", "ω", "Alpha", "lr", "alpha_1", "rank r"]


@pytest.mark.parametrize("value, text, key", [
    (1e-6, "10⁻⁶", "1e-6"), (2.5e10, "2.5·10¹⁰", "2.5e10"), (0.5, "0.5", "0.5"), (16.0, "16", "16"),
    (-3, "-3", "-3"), (True, "on", "on"), ("A random, B zero", "A random, B zero",
                                           "a-random-b-zero"),
])
def test_a_value_has_a_text_for_readers_and_a_key_for_links(value, text, key):
    assert (value_text(value), value_key(value)) == (text, key)
