"""Packing keeps five digits of a number in an array, and moves it by at most 1/2000 of what is
shown of that array; of anything else it loses nothing."""

import numpy as np
import pytest

from lora_edu.explore.codec import pack
from lora_edu.explore.plain_figure import plain_figure
from tests.unpack import unpack

NOISE = np.random.default_rng(0).normal(size=(4, 3))
PACKED = {  # the states of a figure
    "one": [{"data": [{"x": [1, None, "a"], "y": NOISE}], "layout": {"title": ""}}],
    "numbers beside truth": [{"data": [], "layout": {"a": value}} for value in (True, 1, True)],
    "arrays that vary, and one that does not": [
        {"data": [{"x": NOISE[0], "y": NOISE[i], "name": "é"}], "layout": {}} for i in range(3)],
    "arrays of other shapes": [
        {"data": [{"y": NOISE[:i, :i]}, {"y": [i, [None, 1.5]]}], "layout": {}} for i in range(3)],
    "no text ends a script": [
        {"data": [{"y": np.array([0.5]), "text": ["\0"], "name": "\0</script>"}]}] * 2,
    "far sizes": [{"data": [{"y": np.array([1e-50, 1.0]), "customdata": np.array([1e300, 1.0])}]}],
    "another form": [{"data": [{"y": NOISE[0]}], "layout": {"a": 1}},
                     {"data": [], "layout": {"title": {"b": [1, 2]}}}]}


def check_same(have, want):
    """Exact, also what is true and what is 1; arrays to five digits of each number."""
    if isinstance(want, np.ndarray):
        np.testing.assert_allclose(np.reshape(have, want.shape), want, rtol=5e-5)
    elif isinstance(want, (dict, list)):
        assert type(have) is type(want) and len(have) == len(want)
        for key in want if isinstance(want, dict) else range(len(want)):
            check_same(have[key], want[key])
    else:
        assert (have, isinstance(have, bool)) == (want, isinstance(want, bool))


@pytest.mark.parametrize("case", PACKED)
def test_what_is_packed_comes_back(case):
    states = PACKED[case]
    for have, want in zip(unpack(pack(states), len(states)), states, strict=True):
        check_same(have, want)


@pytest.mark.parametrize(("kind", "middle", "close", "parts", "ends"), [
    ("linear", 1e6, 6, np.sin(np.arange(9.0)), False),
    ("linear", 2024.0, 5, np.linspace(-1, 1, 9), True),
    ("linear", -3e-20, 0, NOISE[0], True),
    ("log", 1e3, 4, np.linspace(-1, 1, 9), False),
    ("log", 1e3, 4, np.linspace(-1, 1, 9), True),
    ("log", 1e-50, 1, np.array([-0.5, 0.5]), True)])
def test_no_number_stands_farther_off_than_a_2000th_of_its_axis(kind, middle, close, parts, ends):
    y = middle + middle * 10.0**-close * parts
    axis = {"type": kind}
    if kind == "log":
        y = np.abs(y) + 1e-300
    place = np.log10 if kind == "log" else np.asarray
    low = place(y).min()
    high = place(y).max()
    if ends:
        axis["range"] = [low, high]
    (back,) = unpack(pack([{"data": [{"y": y}], "layout": {"yaxis": axis}}]), 1)
    off = np.abs(place(back["data"][0]["y"]) - place(y)) / (high - low or 2.0)
    assert (off <= (1 + 1e-6) / 2000).all()


THIRDS = np.arange(1.0, 101.0).reshape(10, 10) / 3
FEW = "%{customdata:.3g}, %{customdata[0]:.1e}"


@pytest.mark.parametrize("trace, exact", [
    ({"z": THIRDS}, False), ({"z": THIRDS + 50_000}, False), ({"text": THIRDS}, True),
    ({"customdata": THIRDS}, True),
    ({"customdata": THIRDS, "hovertemplate": "%{customdata}"}, True),
    ({"customdata": THIRDS, "hovertemplate": FEW}, False),
    ({"low": THIRDS + 50_000}, True)])
def test_what_is_no_place_or_is_written_out_keeps_all_digits(trace, exact):
    key, want = next(iter(trace.items()))
    (back,) = unpack(pack([plain_figure({"data": [trace]})]), 1)
    assert (np.array(back["data"][0][key]) == want).all() == exact


def test_what_never_varies_is_stored_once_and_an_odd_state_costs_little():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=500)
    states = [{"data": [{"y": noise}], "layout": {"i": i}} for i in range(100)]
    assert len(pack(states)) < len(pack(states[:1])) + 800
    alike = [{"data": [{"y": rng.normal(size=100)}], "layout": {"i": i}} for i in range(50)]
    odd = {"data": [], "layout": {"title": "not possible"}}
    assert len(pack([*alike[:25], odd, *alike[25:]])) < len(pack(alike)) + 400
