"""What a notebook gets of an explorer: one live view, with its caption."""

from lora_edu.explore import explore


def figure(r=2):
    return {"data": [{"y": [r, 1]}], "layout": {"meta": {"reading": f"r = {r}"}}}


def test_the_live_view_has_the_caption_and_the_height_of_its_explorer():
    html = explore(figure, r=[1, 2], caption="look", height=300).live().html
    assert "<figcaption>look</figcaption>" in html and "--explorer-height:300px" in html


def test_an_explorer_shown_twice_has_one_live_view():
    made = explore(figure, r=[1, 2])
    first = made.live()
    assert made.live() is first
    first.inputs["r"].value = 1
    assert made.live().figure["layout"]["meta"]["reading"] == "r = 1"
