"""Positions in files beside the page: fetched when near, unpacked when the reader moves."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from lora_edu.explore import explore, island
from tests.site.pages import bare_page, served


def dots(r=1):
    """Too many numbers to stand in the page, and a first frame."""
    axis = {"range": [-4, 40], "zeroline": False}
    y = r + np.random.default_rng(r).normal(size=800)
    return {"data": [{"x": np.linspace(0, 30, 800), "y": y, "mode": "lines", "name": "r",
                      "line": {"color": "red"}}],
            "layout": {"showlegend": False, "margin": {"l": 60, "r": 40, "t": 60, "b": 40},
                       "xaxis": axis, "yaxis": axis, "meta": {"reading": f"r = {r}"}}}


@pytest.fixture
def site(tmp_path):
    """The address of a site whose page has two explorers, one of them far below."""
    html = [explore(dots, name=name, r=range(1, 31)).html() for name in ("near", "far")]
    far = '<div style="height: 4000px"></div>'
    parted, names = island.part(far.join(html), tmp_path / "waiting")
    bare_page(tmp_path, "page.html", parted)
    island.publish(names, tmp_path / "waiting", tmp_path / island.FOLDER)
    with served(tmp_path) as address:
        yield address


def reading(root):
    return root.locator(".explorer-reading > span").inner_text()


def test_a_file_is_fetched_for_what_is_near_and_unpacked_once_the_reader_moves(visit, site):
    here = visit("page.html", base=site)
    near = here.page.locator("#explorer-near")
    here.page.wait_for_function("document.querySelectorAll('head script').length === 1")
    assert near.evaluate("root => root.explorer.states === undefined")
    near.locator("input").press("ArrowRight")
    near.locator(".explorer-plot[data-drawn]").wait_for()
    assert reading(near) == "r = 2"
    assert here.page.locator("#explorer-far").evaluate("root => root.explorer.states === undefined")


def test_without_its_file_a_plot_stays_what_it_was_and_the_next_move_tries_again(visit, site):
    here = visit("page.html", base=site,
                 answer={f"**/{island.FOLDER}/*": lambda route: route.abort()})
    near = here.page.locator("#explorer-near")
    near.locator("input").press("ArrowRight")
    expect(near.locator(".explorer-failed")).to_contain_text(
        re.compile("not here: could not load .*The next move tries again"))
    expect(near.locator("input")).to_have_value("0")  # the key and its move may each have tried
    assert reading(near) == "r = 1"
    assert near.locator(".explorer-frame").is_visible()
    here.page.unroute(f"**/{island.FOLDER}/*")
    here.expect("console: Failed to load resource")
    near.locator("input").press("ArrowRight")
    near.locator(".explorer-plot[data-drawn]").wait_for()
    assert reading(near) == "r = 2" and near.locator(".explorer-failed").count() == 0


def test_pin_as_the_first_thing_keeps_the_first_position(visit, site):
    here = visit("page.html", base=site)
    near = here.page.locator("#explorer-near")
    near.locator('[data-do="pin"]').evaluate("(button) => button.click()")  # no pointer came before
    near.locator(".explorer-plot[data-drawn]").wait_for()
    assert near.locator(".explorer-pinned").inner_text().startswith("Pinned: r = 1")
