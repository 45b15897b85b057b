"""What a reader does to an explorer, given as its element, and what it comes to show."""

import json

from playwright.sync_api import expect

from tests.site.devices import AS_JSON, PAINTED, TWO_FRAMES


def line(r=1, far=False):
    """A line through r, in words that a first frame knows."""
    axis = {"range": [-4, 40], "zeroline": False}
    trace = {"x": [0, 30], "y": [r, r], "mode": "lines", "name": "r", "line": {"color": "red"}}
    return {"data": [trace], "layout": {
        "showlegend": False, "margin": {"l": 60, "r": 40, "t": 60, "b": 40}, "xaxis": axis,
        "yaxis": axis, "meta": {"reading": f"r = {r}"}}}


def press(root, button: str) -> None:
    """Press one of the buttons below the plot."""
    root.locator(f'[data-do="{button}"]').click()


def type_into(root, label: str, number) -> None:
    """Type one's own value of a control, whose boxes are shown."""
    box = root.get_by_role("spinbutton", name=f"{label}, any number")
    box.fill(str(number))
    box.press("Enter")


def reads(root, sentence) -> None:
    """The sentence above the plot comes to be this."""
    expect(root.locator(".explorer-headline > span")).to_have_text(sentence)


def is_drawn(root):
    """The plot, once it is drawn."""
    plot = root.locator(".explorer-plot[data-drawn]")
    plot.wait_for()
    return plot


def drawn(root) -> tuple[list, dict, str]:
    """(traces that plotly holds, the ranges of its axes, the headline)."""
    root.page.evaluate(TWO_FRAMES)
    return json.loads(root.evaluate(f"""(root) => {{
      const {{ data, _fullLayout: full }} = root.querySelector(".explorer-plot");
      const axes = Object.keys(full).filter((key) => /^[xy]axis\\d*$/.test(key));
      const ranges = Object.fromEntries(axes.map((axis) => [axis, full[axis].range]));
      const said = root.querySelector(".explorer-headline > span")?.textContent || "";
      return ({AS_JSON})([data, ranges, said]);
    }}"""), parse_int=float)


def looks(root, anew: bool = False) -> list[str]:
    """What plotly has painted; anew: from nothing, when it has forgotten the plot."""
    if anew:
        root.evaluate("""(root) => {
          const box = root.querySelector(".explorer-plot"), { data, layout, _context } = box;
          return Plotly.newPlot(box, data, layout, { ..._context });
        }""")
    root.page.evaluate(TWO_FRAMES)
    return root.evaluate(PAINTED)
