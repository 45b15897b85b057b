"""Nothing that a plot says is cut, or lies on another word: at every width, at 200 % zoom, in both
themes, and with each control at its ends. On a phone the controls are on the plot's screen."""

import re

import pytest

from lora_edu.explore import explore
from tests.book import sampled
from tests.site.fits import ALL_FAULTS, CONTROLS, FAULTS, TIGHT, WIDTHS
from tests.site.pages import EXPLORERS, PAGES, bare_page, served

PHONE = {"width": 390, "height": 664}  # with the browser's bars
HEADER = 64  # px of the page's header, and of what follows it closely
EXPLORERS_ALONE = """() => document.querySelectorAll("article section > *").forEach(
  (each) => each.matches("section, .explorer, :has(.explorer)") || each.remove())"""
LOADED = """(names) => Promise.all(names.map(
  async (name) => {
    const { explorer } = document.getElementById(`explorer-${name}`);
    explorer.load();
    await explorer.drawing;
  }))"""


def faults(here, names: list[str], widths=WIDTHS) -> dict:
    """{width and fault: positions} of the first frames, and of all that plotly draws."""
    found = {}
    here.page.locator(".explorer-alive").first.wait_for()
    for width in widths:
        here.resize(width, 664 if width < 600 else 900)
        for name in names:
            root = here.page.locator(f"#explorer-{name}")
            if root.locator(".explorer-frame").count():
                found |= {f"{width}, first frame of {name}: {fault}": name
                          for fault in root.evaluate(FAULTS)}
    here.touch()
    here.page.evaluate(LOADED, names)
    for width in widths:
        here.resize(width, 664 if width < 600 else 900)
        drawn = here.page.evaluate(ALL_FAULTS, [names, width in TIGHT])
        found |= {f"{width}, {fault}": where for fault, where in drawn.items()}
    return found


@pytest.mark.parametrize("page", sampled(PAGES))
def test_every_word_can_be_read(visit, page):
    names = [built.name for built in EXPLORERS if built.page == page]
    assert faults(visit(page), names) == {}


@pytest.mark.parametrize("page", sampled(PAGES))
def test_controls_keep_their_room_at_widths_in_between(visit, page):
    """Where a line of controls wraps depends on the width to a pixel."""
    here, names = visit(page), [built.name for built in EXPLORERS if built.page == page]
    here.page.locator(".explorer-alive").first.wait_for()
    here.page.evaluate(EXPLORERS_ALONE)
    found = {}
    for width in range(320, 1500, 20):
        here.resize(width, 900)
        for name in names:
            for fault in here.page.locator(f"#explorer-{name}").evaluate(CONTROLS):
                found.setdefault(f"{name}: {fault[1]}", []).append(width)
    assert found == {}


def test_a_dark_plot_has_its_words_where_a_light_one_has_them(visit):
    names = [built.name for built in EXPLORERS if built.page == PAGES[0]]
    assert faults(visit(PAGES[0], color_scheme="dark"), names) == {}


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    """The address of a page whose explorer has every fault in its last position, none before."""
    def plot(bad=False):
        note = {"showarrow": False, "x": 0, "y": 1, "xref": "x domain", "yref": "y domain",
                "xanchor": "left", "yanchor": "bottom"}
        axis = {"range": [-0.2, 1.2], "zeroline": False}
        return {"data": [{"x": [0.5], "y": [0.5], "mode": "markers", "marker": {"color": "#888"}}],
                "layout": {"margin": {"l": 60, "r": 30, "t": 40, "b": 50}, "showlegend": False,
                           "annotations": [{**note, "text": "short"},
                                           *([{**note, "text": "on it " * 40}] if bad else [])],
                           "xaxis": {**axis, **({"tickangle": 30} if bad else {})},
                           "yaxis": axis}}

    folder = tmp_path_factory.mktemp("crowded")
    bare_page(folder, "page.html", explore(plot, bad=bool, name="plot", height=300).html())
    with served(folder) as address:
        yield address


def test_a_word_that_cannot_be_read_is_noticed(visit, crowded):
    found = faults(visit("page.html", base=crowded), ["plot"], widths=[390])
    kinds = {re.search("cut|over|tilted", fault)[0] for fault in found}
    assert kinds == {"cut", "over", "tilted"}
    assert {where for all_of_it in found.values() for where in all_of_it} == {"#plot?bad=on"}


@pytest.mark.parametrize("page", sampled(PAGES))
def test_controls_and_plot_are_on_a_phones_screen_together(visit, page):
    here = visit(page, "phone", viewport=PHONE)
    tall = here.page.locator(".explorer-view").evaluate_all("""(views) => views.map((view) => [
      view.closest(".explorer").dataset.name, view.getBoundingClientRect().height])""")
    assert {name for name, _ in tall} == {one.name for one in EXPLORERS if one.page == page}
    assert [view for view in tall if view[1] > PHONE["height"] - HEADER] == []
