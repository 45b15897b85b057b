"""A move draws what it changes and no more, and never less."""

from playwright.sync_api import expect

from lora_edu.explore import explore
from tests.site.devices import TWO_FRAMES
from tests.site.explorers import drawn, is_drawn, line, looks


def curve(r, **keys):
    return {"x": [1, 2, 3], "y": [r, r + 1, 2 * r], **keys}


# Name → r → (traces, what the layout has beside ranges that are fixed). Of the first, plotly is
# given new numbers only; the others need more.
CASES = {
    "numbers": lambda r: ([curve(r, mode="lines+markers+text", text=[f"r {r}", "", "end"]),
                           curve(r + 1, fill="tonexty", line={"color": "#808080"})], {}),
    "own-ends": lambda r: ([curve(r)], {"yaxis": {}}),
    "legend": lambda r: ([curve(r, name=f"r = {r}"), curve(3)], {"showlegend": True}),
    "bars": lambda r: ([{"type": "bar", "x": list(range(r)), "y": list(range(1, 1 + r))}], {}),
    "colour": lambda r: ([curve(r, line={"dash": ["dot", "dash", "solid"][r - 1]})], {}),
    "note": lambda r: ([curve(r)], {"annotations": [{"x": r, "y": r, "text": f"here {r}"}]}),
}
FIXED = {"xaxis": {"range": [0, 5]}, "yaxis": {"range": [0, 9]}, "showlegend": False}


def explorer(name):
    """The explorer of a case."""
    def figure(r=1):
        traces, layout = CASES[name](r)
        return {"data": traces, "layout": FIXED | layout}

    return explore(figure, r=[1, 2, 3], name=name)


def test_moves_look_as_drawn_anew(opened):
    tab = opened("".join(explorer(name).html() for name in CASES), color_scheme="light")
    tab.show("numbers")
    tab.page.evaluate("""() => {
      globalThis.whole = 0;
      const { react } = Plotly;
      Plotly.react = (...given) => { whole += 1; return react(...given); };
    }""")
    for name in CASES:
        root = tab.show(name)
        pictures = [looks(root)]
        tab.page.evaluate("() => { whole = 0; }")
        for key in ("End", "Home", "ArrowRight"):
            root.get_by_role("slider").press(key)
            pictures.append(looks(root))
        assert tab.page.evaluate("whole") == (0 if name == "numbers" else 3), name
        assert pictures[0] == pictures[2] != pictures[1] != pictures[3] != pictures[0]
        assert looks(root, anew=True) == pictures[3]


def test_a_plot_taken_away_for_less_than_a_frame_is_drawn_again(opened):
    """As a notebook does with a cell that scrolls: nobody is told of a new size."""
    root = opened(explore(line, r=[1, 2], name="away").html()).show("away")
    plot = is_drawn(root)
    root.page.evaluate(TWO_FRAMES)
    drawings = int(plot.get_attribute("data-drawn"))
    root.evaluate("""async (root) => {
      const place = document.createElement("i");
      root.replaceWith(place);
      document.body.classList.add("other-colours");
      await null; // the class has been seen, and a drawing asked for
      requestAnimationFrame(() => place.replaceWith(root));
    }""")
    root.page.evaluate(TWO_FRAMES)
    expect(plot).to_have_attribute("data-drawn", str(drawings + 1), timeout=5000)
    root.get_by_role("slider").press("End")
    traces, _, _ = drawn(root)
    assert traces[0]["y"] == [2, 2]
