"""The foot of a figure: the numbers that are drawn, and the code that draws them."""

import csv
import io

import numpy as np
import pytest
from playwright.sync_api import expect

from lora_edu.explore import explore, show
from tests.site.explorers import press


def board(r=1):
    """A curve whose names and true values are troublesome, and a map."""
    return {"data": [
        {"x": [1, 2], "y": [0.1 * r, 1 / 3], "name": "a, <b>b</b>", "customdata": [r, 1e-7]},
        {"type": "heatmap", "z": [[r, 2], [3, 4]], "y0": 5, "name": "map", "showscale": False}]}


def table(root):
    return list(csv.reader(io.StringIO(root.locator("textarea").input_value())))


def test_the_numbers_are_those_that_are_shown(opened):
    root = opened(explore(board, r=[1, 2]).html()).show("board")
    assert not root.locator("textarea").is_visible()
    assert not root.locator('[data-do="code"]').is_visible()
    press(root, "numbers")
    root.locator("input").press("ArrowRight")
    head, *rows = table(root)
    assert head == ["curve", "x", "y", "value"]
    assert [row[0] for row in rows] == ["a, b"] * 2 + ["map"] * 4
    np.testing.assert_allclose(
        [list(map(float, row[1:])) for row in rows],
        [[1, 0.2, 2], [2, 1 / 3, 1e-7], [0, 5, 2], [1, 5, 2], [0, 6, 3], [1, 6, 4]], rtol=6e-5)
    link = root.get_by_role("link", name="download")
    assert link.get_attribute("download") == "board.csv"
    assert "a%2C%20b" in link.get_attribute("href")


BELOW_CAPTION = """(root) => root.getBoundingClientRect().bottom
  - root.querySelector("figcaption").getBoundingClientRect().bottom"""


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
    assert root.evaluate(BELOW_CAPTION) < 20  # px: no row is kept for them


def test_a_figure_without_controls_has_its_numbers(opened):
    root = opened(show(board(), name="still").html()).show("still")
    press(root, "numbers")
    assert len(table(root)) == 7


def test_the_code_is_folded_at_the_foot(visit):
    page = "book/part1/step-zero.html"
    here = visit(page)
    fold = here.page.locator(".cell > .explorer-code").first
    root = fold.locator("xpath=..").locator(".explorer").last
    assert fold.evaluate("(fold) => !fold.nextElementSibling")  # below the figure
    assert not fold.locator("summary").is_visible() and not fold.locator("pre").is_visible()
    root.dispatch_event("pointerdown")
    press(root, "code")
    assert "explore" in fold.locator("pre").inner_text()
    plain = visit(page, java_script_enabled=False).page.locator(".explorer-code > summary").first
    assert plain.inner_text().strip() == "code"
