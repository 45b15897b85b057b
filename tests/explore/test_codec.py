"""Packing loses at most 2⁻¹⁷ of a number in an array, and nothing of anything else."""

import base64
import json
import struct
import zlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lora_edu.explore.codec import pack, unpack
from lora_edu.explore.plain import LARGEST, SMALLEST

NUMBERS = st.one_of(
    st.just(0.0), st.integers(-300, 300).map(float),
    st.floats(SMALLEST, LARGEST, exclude_min=True, exclude_max=True).flatmap(
        lambda size: st.sampled_from([size, -size])))
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-2**50, 2**50), st.floats(allow_nan=False,
    allow_infinity=False), TEXT, st.dates().map(str))
EXACT = st.one_of(SCALARS, st.lists(SCALARS, max_size=4))
ARRAYS = hnp.arrays(np.float64, hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=5),
                    elements=NUMBERS)


@st.composite
def varying(draw, count):
    """One place of a figure: its value in each of ``count`` states."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=6))
    alike = hnp.arrays(np.float64, shape, elements=NUMBERS)
    kind = draw(st.sampled_from([EXACT, ARRAYS, alike, st.one_of(EXACT, ARRAYS)]))
    if draw(st.booleans()):
        return [draw(kind)] * count
    return draw(st.lists(kind, min_size=count, max_size=count))


@st.composite
def figures(draw):
    """The plain figures of 1 … 5 states: places that vary or not, at two depths."""
    count = draw(st.integers(1, 5))
    traces = draw(st.lists(st.dictionaries(st.sampled_from(["x", "y", "name", "text"]),
                                           varying(count)), max_size=3))
    layout = draw(st.dictionaries(TEXT, varying(count), max_size=3))
    states = [{"data": [{key: values[i] for key, values in trace.items()} for trace in traces],
               "layout": {key: values[i] for key, values in layout.items()}}
              for i in range(count)]
    if draw(st.booleans()):  # a state that is built otherwise than the rest
        states[-1] = {"data": states[-1]["data"][:1], "layout": {"title": draw(EXACT)}}
    return states


def check_same(have, want):
    """Exact, types too; arrays to 2⁻¹⁷ of each number."""
    if isinstance(want, np.ndarray):
        assert isinstance(have, np.ndarray) and have.shape == want.shape
        assert (np.abs(have - want) <= 2.0**-17 * np.abs(want)).all()
        assert ((have == 0) == (want == 0)).all()
    elif isinstance(want, (dict, list)):
        assert type(have) is type(want) and len(have) == len(want)
        for key in want if isinstance(want, dict) else range(len(want)):
            check_same(have[key], want[key])
    else:
        assert type(have) is type(want) and have == want


def header(packed):
    block = zlib.decompress(base64.b64decode(packed))
    (length,) = struct.unpack_from("<I", block)
    return json.loads(block[4:4 + length])


@given(figures())
@example([{"data": [], "layout": {"a": True}}, {"data": [], "layout": {"a": 1}}])
@example([{"data": [], "layout": {"a": 1}}, {"data": [], "layout": {"a": 1.0}}])
@example([{"data": [{"y": np.array([1 + 2.0**-17 - 2.0**-26])}], "layout": {}}])
@example([{"data": [{"y": np.array([2**24 + 1.0])}], "layout": {"a": 2**24 + 1}}])
def test_what_is_packed_comes_back(states):
    back = unpack(pack(states))
    assert len(back) == len(states)
    for have, want in zip(back, states, strict=True):
        check_same(have, want)


@given(hnp.arrays(np.float64, 7, elements=NUMBERS))
def test_packing_again_loses_nothing_more(values):
    once = unpack(pack([{"y": values}]))
    twice = unpack(pack(once))
    np.testing.assert_array_equal(twice[0]["y"], once[0]["y"])


def test_a_state_that_is_built_otherwise_costs_little():
    rng = np.random.default_rng(0)
    alike = [{"data": [{"y": rng.normal(size=100)}], "layout": {"i": i}} for i in range(50)]
    odd = {"data": [], "layout": {"title": "not possible"}}
    assert len(pack([*alike[:25], odd, *alike[25:]])) < len(pack(alike)) + 400


def test_what_never_varies_is_stored_once():
    noise = np.random.default_rng(0).normal(size=500)
    one, many = ([{"y": noise, "i": i} for i in range(count)] for count in (1, 100))
    assert len(pack(many)) < len(pack(one)) + 800


NOISE = 1 + np.random.default_rng(1).random((3, 400)) / 2
STEPS = np.arange(40)


@pytest.mark.parametrize("order, arrays", [
    (0, [NOISE[0] + row / 512 for row in NOISE]),
    (1, [*NOISE]),
    (2, [1 + STEPS**2 / 2.0**16]),
    (3, [1 + STEPS**3 / 2.0**16]),
])
def test_each_way_of_differencing_is_chosen_where_it_packs_smallest(order, arrays):
    packed = pack([{"y": array} for array in arrays])
    assert header(packed)["columns"][0]["order"] == order
    for have, want in zip(unpack(packed), arrays, strict=True):
        check_same(have["y"], want)
