"""What the page draws is what the Python function computes, in every state and after every move."""

import json

import numpy as np
import pytest

from lora_edu.explore import assets
from lora_edu.explore.codec import pack
from tests.book import sampled
from tests.site.devices import AS_JSON
from tests.site.pages import EXPLORERS, MOVABLE, check_figure, computed, named


@pytest.mark.parametrize("built", **named(EXPLORERS))
def test_every_state_is_the_functions_figure(reader, built):
    here = reader(built.page)
    root = here.page.locator(f"#explorer-{built.name}")
    text = root.evaluate(f"""async (root) => {{
      await root.explorer.ready;
      const {{ states }} = root.explorer;
      return ({AS_JSON})(Array.from({{length: states.count}}, (_, i) => states.figure(i)));
    }}""")
    decoded, packed, wanted = json.loads(text, parse_int=float), built.packed(), computed(built)
    assert len(decoded) == len(packed) == len(wanted)
    check_figure(decoded, packed, rtol=0)
    check_figure(decoded, wanted)


DECODE = f"""async (packed) => {{
  const states = await decodeStates(packed), seen = [];
  for (let state = 0; state < states.count; state++) {{
    const figure = states.figure(state);
    seen.push(({AS_JSON})(figure));
    figure.data[0].y[0] = 7; // plotly writes into what it draws, and another state must not have it
    figure.data[0].ids.push(7);
  }}
  return seen;
}}"""


def test_what_the_book_lacks_is_decoded_too(opened):
    """Exact numbers, gaps, lengths that vary; and no two states share a part."""
    states = [{"data": [{"x": np.array([2.0**-120, 0.0, np.nan, -1e30 * r]),
                         "y": np.arange(1.0 + r),
                         "ids": [2**40 + r, None, True, "2021-06-17", 0.1 * r],
                         "z": np.arange(6.0).reshape(2, 3) + r / 64}],
               "layout": {"width": 7 // r, "xaxis": {}}} for r in (1, 2, 3, 3)]
    here = opened("")
    here.page.add_script_tag(content=assets.read("decode.js"))
    seen = [json.loads(text) for text in here.page.evaluate(DECODE, pack(states))]
    for have, want in zip(seen, states, strict=True):
        x = [None if np.isnan(x) else x for x in want["data"][0].pop("x")]
        assert np.allclose(*(np.nan_to_num(np.array(each, float)) for each in (
            have["data"][0].pop("x"), x)), rtol=1e-5, atol=0)
        for key in ("y", "z"):
            assert np.allclose(have["data"][0].pop(key), want["data"][0].pop(key), rtol=1e-5)
        assert have == want


def check_drawn(here, root, built, values):
    """The plot, its axes and its sentence are those of the state at ``values``."""
    want = computed(built)[built.number(values)]
    data, ranges, said = here.drawn(root)
    check_figure(data, want["data"])
    check_figure(ranges, {axis: want["layout"][axis]["range"] for axis in ranges
                          if "range" in want["layout"].get(axis, {})})
    assert said == (want["layout"].get("meta") or {}).get("reading", "")


def picks(control):
    """Both extremes and a middle."""
    last = len(control.values) - 1
    return [last, last // 2, 0]


def is_menu(part):
    return part.locator("select").count()


def by_keyboard(here, part, control, at):
    if is_menu(part):
        part.locator("select").press("Home")
        for _ in range(at):
            here.page.keyboard.press("ArrowDown")
        return
    inputs = part.locator("input")
    if control.kind == "switch":
        if inputs.is_checked() != control.values[at]:
            inputs.press("Space")
    elif control.kind == "slider":
        inputs.press("End" if at == len(control.values) - 1 else "Home")
        for _ in range(at % (len(control.values) - 1 or 1)):
            here.page.keyboard.press("ArrowRight")
    else:
        have = inputs.evaluate_all("(all) => all.findIndex((one) => one.checked)")
        for _ in range(abs(at - have)):
            part.locator("input:checked").press("ArrowRight" if at > have else "ArrowLeft")


def spot(part, control, at):
    """Where on the screen one points to choose a position."""
    if control.kind != "slider":
        box = (part.locator("label").nth(at) if control.kind == "choice" else part).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    box, thumb = part.locator("input").bounding_box(), 16
    share = at / (len(control.values) - 1)
    return box["x"] + thumb / 2 + share * (box["width"] - thumb), box["y"] + box["height"] / 2


def by_pointer(here, part, control, at, press=None):
    if control.kind == "switch" and part.locator("input").is_checked() == control.values[at]:
        return
    if is_menu(part):  # its list is the browser's own, and not in the page
        part.locator("select").select_option(index=at)
        return
    choice = part.locator("label").nth(at) if control.kind == "choice" else part
    choice.scroll_into_view_if_needed()
    (press or here.page.mouse.click)(*spot(part, control, at))


def by_touch(here, part, control, at):
    by_pointer(here, part, control, at, here.page.touchscreen.tap)


@pytest.mark.parametrize("built", sampled(MOVABLE))
@pytest.mark.parametrize("move, device", [
    (by_keyboard, "desk"), (by_pointer, "desk"), (by_touch, "phone")])
def test_a_moved_control_draws_the_functions_figure(
        reader, built, move, device):
    here = reader(built.page, device)
    root = here.start(built.name)
    values = {c.name: c.values[root.evaluate("(root, i) => root.explorer.start[i]", i)]
              for i, c in enumerate(built.controls)}
    check_drawn(here, root, built, values)
    for control in built.controls:
        part = root.locator(f'[data-control="{control.name}"]')
        for at in picks(control):
            move(here, part, control, at)
            values[control.name] = control.values[at]
            check_drawn(here, root, built, values)
            if move is by_keyboard:  # the moves on the way have left nothing behind
                assert here.looks(root) == here.looks_drawn_anew(root)
