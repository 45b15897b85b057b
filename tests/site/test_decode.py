"""The page's decoder and Python's read the same numbers from any packed string."""

import json
import random

import numpy as np

from lora_edu.explore import assets
from lora_edu.explore.codec import as_lists, pack
from tests.site.devices import AS_JSON
from tests.unpack import unpack


def some_states(seed):
    """Random states: constant and varying arrays of any shape, exact values, gaps, odd ones out."""
    rng, dice = np.random.default_rng(seed), random.Random(seed)
    shape = dice.choice([(0,), (1,), (7,), (3, 4), (2, 0), (2, 3, 2)])

    def numbers():
        values = rng.normal(size=shape) * 10.0 ** rng.integers(-37, 38, size=shape)
        return np.where(rng.random(shape) < 0.2, 0.0, values)

    curve = np.cumsum(np.cumsum(rng.random(50)))
    states = [{"data": [{"x": 1e6 + curve / 2**i, "y": curve * (1 + i / 64), "z": numbers(),
                         "name": f"n{i}", "ids": [2**40 + i, None, True, "2021-06-17", 0.1 * i]},
                        {"y": numbers()[:dice.randint(0, 3)]}],
               "layout": {"meta": {"reading": f"‖ΔW‖ = {i}"}, "width": i // 2}}
              for i in range(dice.randint(1, 6))]
    if seed % 5 == 0:
        states.append({"data": [], "layout": {"title": "nothing"}})
    return states


def test_javascript_and_python_decode_alike(visit):
    here = visit("search.html")
    here.page.add_script_tag(content=assets.read("decode.js"))
    packed = [pack(some_states(seed)) for seed in range(40)]
    text = here.page.evaluate(f"""async (all) => ({AS_JSON})(await Promise.all(all.map(
      async (packed) => {{
        const states = await decodeStates(packed);
        return Array.from({{length: states.count}}, (_, i) => states.figure(i));
      }})))""", packed)
    for have, each in zip(json.loads(text, parse_int=float), packed, strict=True):
        assert have == as_lists(unpack(each))


def test_no_two_states_share_a_part_that_plotly_could_write_into(visit):
    here = visit("search.html")
    here.page.add_script_tag(content=assets.read("decode.js"))
    same = {"data": [{"y": np.array([0.5, 1.5]), "ids": [1, 2]}], "layout": {"xaxis": {}}}
    left = here.page.evaluate("""async (packed) => {
      const states = await decodeStates(packed);
      const spoil = ({data: [trace], layout}) => {
        trace.y[0] = 7; trace.ids.push(7); layout.xaxis.range = [7, 7];
      };
      spoil(states.figure(0));
      const {data: [trace], layout} = states.figure(1);
      return [trace.y[0], trace.ids.length, Object.keys(layout.xaxis).length];
    }""", pack([same, same]))
    assert left == [0.5, 2, 0]
