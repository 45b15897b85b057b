"""The margins of a figure that gives none, or some, on a phone, as plotly drew them."""

import numpy as np

from lora_edu.explore import show
from tests.site.pages import bare_page

X = np.linspace(0, 6, 50)


def layout(**keys):
    return {"xaxis": {"title": {"text": "step"}}, "yaxis": {"title": {"text": "loss"}}, **keys}


FIGURES = {
    "plain": (layout(), 1), "large": (layout(), 1e9 / 7), "title": (layout(title={"text": "T"}), 1),
    "four": (layout(margin={"l": 150, "r": 100, "t": 10, "b": 90}), 1e9 / 7),
    "one": (layout(margin={"l": 150}), 1),
}
# Of a plot: its margins and width, and the px that its words leave at its left and lower edge.
SIZES = """(box) => {
  const { l, r, t, b } = box._fullLayout._size;
  const { left, bottom } = box.getBoundingClientRect();
  const words = [...box.querySelectorAll(".xtick text, .ytick text, .ytitle, .xtitle")].map(
    (text) => text.getBoundingClientRect());
  return { margin: [l, r, t, b], width: box.clientWidth,
           left: Math.min(...words.map((word) => word.left)) - left,
           below: bottom - Math.max(...words.map((word) => word.bottom)) };
}"""


def test_margins_leave_room_for_words_and_most_of_a_phone_for_the_plot(browser, tmp_path):
    bare_page(tmp_path, "index.html", *(
        show({"data": [{"y": size * np.sin(X)}], "layout": given}, name=name).html()
        for name, (given, size) in FIGURES.items()))
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto((tmp_path / "index.html").as_uri())
    sizes = {}
    for name in FIGURES:
        page.locator(f"#explorer-{name}").scroll_into_view_if_needed()
        page.locator(f"#explorer-{name} .explorer-plot[data-drawn]").wait_for()
        sizes[name] = page.locator(f"#explorer-{name} .explorer-plot").evaluate(SIZES)
    page.close()
    left, right, *others = sizes["plain"]["margin"]
    assert sizes["plain"]["width"] - left - right > 0.7 * sizes["plain"]["width"]
    for name in ("plain", "large", "title"):
        assert sizes[name]["left"] >= 0 and sizes[name]["below"] >= 0
    assert sizes["title"]["margin"][2] > others[0] + 20
    assert sizes["four"]["margin"] == [150, 100, 10, 90]
    assert sizes["one"]["margin"] == [150, right, *others]
