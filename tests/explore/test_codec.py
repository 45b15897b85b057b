"""Packing keeps five digits of a number in an array, and moves it by at most 1/2000 of what is
shown of that array; of anything else it loses nothing."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lora_edu.explore.codec import pack
from lora_edu.explore.plain_figure import plain_figure
from tests.unpack import unpack

FINITE = st.floats(-1e300, 1e300)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
KEYS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-2**50, 2**50), FINITE, TEXT)
EXACT = st.one_of(SCALARS, st.lists(SCALARS, max_size=4))
SHAPES = hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=6)
ARRAYS = hnp.arrays(np.float64, SHAPES, elements=FINITE)


@st.composite
def figures(draw):
    """The plain figures of 1 … 5 states: of one form, or the last of another."""
    traces = draw(st.lists(st.sets(st.sampled_from(["x", "y", "name"])), max_size=3))
    alike = st.fixed_dictionaries({
        "data": st.tuples(*(st.fixed_dictionaries(dict.fromkeys(keys, EXACT | ARRAYS))
                            for keys in traces)).map(list),
        "layout": st.fixed_dictionaries(dict.fromkeys(draw(st.sets(KEYS, max_size=3)), EXACT))})
    states = draw(st.lists(alike, min_size=1, max_size=4))
    if draw(st.booleans()):
        states.append({"data": states[-1]["data"][:1], "layout": {"title": draw(EXACT)}})
    return states


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


@given(figures())
@example([{"data": [], "layout": {"a": value}} for value in (True, 1, True)])
@example([{"data": [{"y": np.array([0.5]), "text": ["\0"], "name": "\0</script>"}]}] * 2)
@example([{"data": [{"y": np.array([1e-50, 1.0]), "customdata": np.array([1e300, 1.0])}]}])
def test_what_is_packed_comes_back(states):
    for have, want in zip(unpack(pack(states), len(states)), states, strict=True):
        check_same(have, want)


@given(st.sampled_from(["linear", "log"]), st.floats(-1e30, 1e30), st.integers(0, 15),
       hnp.arrays(np.float64, st.integers(1, 8), elements=st.floats(-1, 1)), st.booleans())
@example("linear", 1e6, 6, np.sin(np.arange(9.0)), False)
@example("linear", 2024.0, 5, np.linspace(-1, 1, 9), True)
@example("log", 1e3, 4, np.linspace(-1, 1, 9), False)
@example("log", 1e3, 4, np.linspace(-1, 1, 9), True)
@example("log", 1e-50, 1, np.array([-0.5, 0.5]), True)
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


def test_a_given_range_of_dates_or_of_one_end_is_heeded():
    for ends in (["2021-06-17", "2021-06-18"], [1e6, None]):
        x = np.array([0, 1e6 + 0.25, 1e6 + 1])
        (back,) = unpack(pack([{"data": [{"x": x}], "layout": {"xaxis": {"range": ends}}}]), 1)
        assert abs(back["data"][0]["x"][1] - x[1]) <= 1 / 2000


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
