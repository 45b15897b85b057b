"""The table of a figure: true values at places that have names, no coordinates of a drawing."""

import re
from html import unescape

import pytest

from lora_edu.explore.table import table

WORDS = {"tickvals": [0, 1, 2], "ticktext": ["start", "one", "four"], "title": {"text": "step"}}
HEIGHTS = {"tickvals": [-2, 0], "ticktext": ["10⁻²", "1"], "title": {"text": "error"}}
LOG = {"tickvals": [1, 10], "ticktext": ["one", "ten"], "type": "log"}
HEAD = ["curve", "at", "value"]


@pytest.mark.parametrize("data, layout, want", [
    # customdata holds the true values where y is a coordinate
    ([{"name": "norm", "x": ["step 0", "step 1"], "y": [-9, 1], "customdata": [0.0, 12.345]}], {},
     [HEAD, ["norm", "step 0", "0"], ["norm", "step 1", "12.3"]]),
    # a place is called as the tick there, and one between ticks is left out
    ([{"name": "a", "x": [-0.04, 0.96, 1.41, 1.96], "y": [5, 6, 7, 8]}], {"xaxis": WORDS},
     [["curve", "step", "value"], ["a", "start", "5"], ["a", "one", "6"], ["a", "four", "8"]]),
    ([{"name": "a", "y": [0, -1.3, -2]}], {"yaxis": HEIGHTS},
     [["curve", "at", "error"], ["a", "0", "1"], ["a", "2", "10⁻²"]]),
    # words on a log scale change nothing
    ([{"name": "a", "x": [4, 5], "y": [1, 2]}], {"xaxis": LOG},
     [HEAD, ["a", "4", "1"], ["a", "5", "2"]]),
    # a line that is level between ticks
    ([{"name": "a", "x": [0.4, 0.6], "y": [7, 7]}], {"xaxis": WORDS},
     [["curve", "step", "value"], ["a", "everywhere", "7"]]),
    # the first, the middle and the last of many points
    ([{"name": "loss", "y": list(range(300))}], {},
     [HEAD, ["loss", "0", "0"], ["loss", "150", "150"], ["loss", "299", "299"]]),
    # a table a panel, each name once; nothing of maps, empty or nameless traces, or pairs
    ([{"name": "seed", "y": [0]}, {"name": "seed", "y": [1]},
      {"name": "seed", "y": [9], "xaxis": "x2"}, {"name": "map", "z": [[1, 2]]},
      {"name": "none yet", "y": []}, {"y": [1]}, {"name": "two", "y": [1], "customdata": [[1, 2]]}],
     {}, [HEAD, ["seed", "0", "0"], HEAD, ["seed", "0", "9"]]),
    ([{"name": "<a>", "x": [0], "y": [1]}], {"xaxis": {"tickvals": [0], "ticktext": ["<a>"]}},
     [HEAD, ["<a>", "<a>", "1"]]),
])
def test_a_table_says_true_values_at_named_places(data, layout, want):
    html = table({"data": data, "layout": layout})
    assert [[unescape(cell) for cell in re.findall("<t[hd][^>]*>(.*?)</t[hd]>", row)]
            for row in re.findall("<tr>(.*?)</tr>", html)] == want
    assert "<a>" not in html
