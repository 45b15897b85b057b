"""The foot of a figure: the numbers that are drawn, and the code that draws them."""

import csv
import io
from urllib.parse import unquote

import numpy as np
import pytest
from playwright.sync_api import expect

from lora_edu.explore import explore, show
from tests.site.explorers import press


def board(r=1):
    """A curve whose names and true values are troublesome, and a map."""
    return {"data": [
        {"x": [1, 2], "y": [0.1 * r, 1 / 3], "name": "a, <b>b</b>", "customdata": [r, 1e-7]},
        {"type": "heatmap", "z": [[r, 2], [3, 4]], "y0": 5, "name": "map", "showscale": False}],
        "layout": {"xaxis": {"title": {"text": "rank, <i>r</i>"}},
                   "yaxis": {"title": {"text": "η"}, "tickvals": [1], "ticktext": ["1/2"]}}}


def table(root):
    return list(csv.reader(io.StringIO(root.locator("textarea").input_value())))


def test_the_numbers_are_those_that_are_shown(opened):
    root = opened(explore(board, r=[1, 2]).html()).show("board")
    assert not root.locator("textarea").is_visible()
    assert not root.locator('[data-do="code"]').is_visible()
    press(root, "numbers")
    root.locator("input").press("ArrowRight")
    head, *rows = table(root)
    assert head == ["curve", "x: rank, r", "y", "value"]
    assert [row[0] for row in rows] == ["a, b"] * 2 + ["map"] * 4
    np.testing.assert_allclose(
        [list(map(float, row[1:])) for row in rows],
        [[1, 0.2, 2], [2, 1 / 3, 1e-7], [0, 5, 2], [1, 5, 2], [0, 6, 3], [1, 6, 4]], rtol=6e-5)
    link = root.get_by_role("link", name="download")
    assert link.get_attribute("download") == "board.csv"
    assert "a%2C%20b" in link.get_attribute("href")


SQUARE = [[1, 2], [3, 4]]
# A trace → its rows below the head, without the curve's name.
FOREIGN = {
    "centres": ({"z": SQUARE, "x": [10, 20], "y": [0.5, 2.5]},
                ["10,0.5,1", "20,0.5,2", "10,2.5,3", "20,2.5,4"]),
    "edges": ({"z": SQUARE, "x": [0, 10, 30], "y": ["low", "high"]},
              ["5,low,1", "20,low,2", "5,high,3", "20,high,4"]),
    "steps": ({"z": [SQUARE[0]], "x0": 5, "dx": 2.5}, ["5,0,1", "7.5,0,2"]),
    "turned": ({"z": SQUARE, "x": [10, 20], "transpose": True},
               ["10,0,1", "10,1,2", "20,0,3", "20,1,4"]),
    "words": ({"z": [SQUARE[0]], "text": [["a", "b"]], "customdata": [[7, [8, 9]]]},
              ["0,0,1,a; 7", "1,0,2,b; 8; 9"]),
    "column": ({"z": [1, 2], "x": [4, 5], "y": [6, 7]}, ["4,6,1", "5,7,2"]),
    "levels": ({"z": [SQUARE[0]], "meta": "levels"}, ["0,0,1", "1,0,2"]),
    "values": ({"z": [SQUARE[0]], "meta": "levels", "customdata": [[0.125, None]]},
               ["0,0,0.125", "1,0,"]),
    "curve": ({"type": "scatter", "y": [4, 5], "x0": "2020-01-01", "dx": 86400000},
              ["2020-01-01T00:00:00.000Z,4", "2020-01-02T00:00:00.000Z,5"]),
    "whole": ({"type": "scatter", "y": [1, 2], "customdata": [1000123, 1000150.5]},
              ["0,1,1000123", "1,2,1000150.5"]),
    "formulas": ({"type": "scatter", "y": [-3, -1e-7], "text": ['=HYPERLINK("a")', "-3"]},
                 ['0,-3,"\'=HYPERLINK(""a"")"', "1,-1e-7,-3"]),
    "signs": ({"type": "scatter", "y": [1, 2], "text": ["@a", "-b\rc"]},
              ["0,1,'@a", '1,2,"\'-b\rc"']),
}


def test_the_numbers_of_anybodys_figure_are_whole(opened):
    figures = [show({"data": [{"type": "heatmap", "name": "here", **trace}], "layout": {}},
                    name=kind) for kind, (trace, _) in FOREIGN.items()]
    tab = opened("".join(figure.html() for figure in figures))
    for kind, (_, rows) in FOREIGN.items():
        root = tab.show(kind)
        press(root, "numbers")
        file = root.get_by_role("link", name="download").get_attribute("href")
        head, *lines = unquote(file.partition(",")[2]).split("\n")
        assert lines == [f"here,{row}" for row in rows], kind
        assert ("colour" in head) == (kind == "levels")


@pytest.mark.parametrize("touch", [
    "(root) => root.querySelector('input').focus()",
    "(root) => root.querySelector('.explorer-plot').dispatchEvent(new Event('pointerdown', "
    "{ bubbles: true }))", "() => { location.hash = '#board?r=2'; }"])
def test_tools_are_seen_once_the_figure_is_touched(opened, touch):
    root = opened(explore(board, r=[1, 2]).html()).page.locator("#explorer-board")
    pin = root.locator('[data-do="pin"]')
    expect(pin).to_be_hidden()
    root.evaluate(touch)
    expect(pin).to_be_visible()


def test_a_figure_without_controls_has_its_numbers(opened):
    root = opened(show(board(), name="still").html()).show("still")
    press(root, "numbers")
    assert len(table(root)) == 7


def test_the_code_is_folded_at_the_foot(visit):
    page = "book/part1/step-zero.html"
    tab = visit(page)
    fold = tab.page.locator(".cell > .explorer-code").first
    root = fold.locator("xpath=..").locator(".explorer").last
    assert fold.evaluate("(fold) => !fold.nextElementSibling")  # below the figure
    assert not fold.locator("summary").is_visible() and not fold.locator("pre").is_visible()
    root.dispatch_event("pointerdown")
    press(root, "code")
    assert "explore" in fold.locator("pre").inner_text()
    unscripted = visit(page, java_script_enabled=False).page
    assert unscripted.locator(".explorer-code > summary").first.inner_text().strip() == "code"
