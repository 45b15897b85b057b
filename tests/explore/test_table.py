"""The table of a figure: true values at places that have names, no coordinates of a drawing."""

import re
from html import unescape

from lora_edu.explore.table import table


def rows(data, **layout):
    """The table's rows as lists of words, its heads first."""
    return [[unescape(cell) for cell in re.findall("<t[hd][^>]*>(.*?)</t[hd]>", row)]
            for row in re.findall("<tr>(.*?)</tr>", table({"data": data, "layout": layout}))]


def test_true_values_stand_where_y_is_only_a_coordinate():
    assert rows([{"name": "norm", "x": ["step 0", "step 1"], "y": [-9, 1],
                  "customdata": [0.0, 12.345]}])[1:] == [["norm", "step 0", "0"],
                                                         ["norm", "step 1", "12.3"]]


def test_a_place_is_called_as_the_tick_there_and_other_places_are_left_out():
    """The marks of three curves stand a little beside each other, and a step at its root."""
    axis = {"tickvals": [0, 1, 2], "ticktext": ["start", "one", "four"], "title": {"text": "step"}}
    assert rows([{"name": "a", "x": [-0.04, 0.96, 1.41, 1.96], "y": [5, 6, 7, 8]}], xaxis=axis) == [
        ["curve", "step", "value"], ["a", "start", "5"], ["a", "one", "6"], ["a", "four", "8"]]


def test_a_height_on_an_axis_with_words_is_said_only_in_its_words():
    axis = {"tickvals": [-2, 0], "ticktext": ["10⁻²", "1"], "title": "error"}
    assert rows([{"name": "a", "y": [0, -1.3, -2]}], yaxis=axis) == [
        ["curve", "at", "error"], ["a", "0", "1"], ["a", "2", "10⁻²"]]


def test_words_that_are_the_numbers_and_a_log_scale_leave_the_numbers():
    for axis in ({"tickvals": [4, 8], "ticktext": ["4", "8"]},
                 {"tickvals": [1, 10], "ticktext": ["one", "ten"], "type": "log"}):
        assert rows([{"name": "a", "x": [4, 5], "y": [1, 2]}], xaxis=axis)[1:] == [
            ["a", "4", "1"], ["a", "5", "2"]]


def test_a_level_line_from_edge_to_edge_holds_everywhere():
    axis = {"tickvals": [0, 1], "ticktext": ["before", "after"]}
    assert rows([{"name": "frozen", "x": [-0.22, 1.22], "y": [0.488, 0.488]}], xaxis=axis)[1:] == [
        ["frozen", "everywhere", "0.488"]]
    assert rows([{"name": "slope", "x": [-0.22, 1.22], "y": [0, 1]}], xaxis=axis) == []


def test_first_middle_and_last_in_that_order():
    """300 points: 0, 150 and 299 are not in order in a set of Python's."""
    assert rows([{"name": "loss", "y": list(range(300))}])[1:] == [
        ["loss", "0", "0"], ["loss", "150", "150"], ["loss", "299", "299"]]


def test_each_panel_has_a_table_and_a_name_is_there_once():
    seeds = [{"name": "seed", "y": [i]} for i in range(3)]
    other = {"name": "seed", "y": [9], "xaxis": "x2"}
    assert rows([*seeds, other]) == [["curve", "at", "value"], ["seed", "0", "0"],
                                     ["curve", "at", "value"], ["seed", "0", "9"]]


def test_heads_say_what_they_are_heads_of():
    html = table({"data": [{"name": "<a>", "y": [1]}], "layout": {}})
    assert html.count('scope="col"') == 3
    assert html.count('<th scope="row">&lt;a&gt;</th>') == 1


def test_traces_without_values_or_with_several_at_a_point_are_left_out():
    assert rows([{"name": "map", "z": [[1, 2]]}, {"name": "none yet", "y": []},
                 {"y": [1]}, {"name": "pairs", "y": [1], "customdata": [[1, 2]]}]) == []
