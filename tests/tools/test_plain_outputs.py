"""A downloaded notebook's outputs say in words what only the site's scripts can draw."""

import re

import numpy as np
import plotly.graph_objects as go
from plain_outputs import INVITES, plain

from lora_edu.explore import explore, show

WORDS = re.compile(r"<p>|</p>|</?b>")


def figure(r=1):
    drawn = go.Figure(go.Scatter(x=np.arange(3), y=r * np.arange(3.0), name="a line"))
    drawn.update_layout(meta={"reading": f"r = {r}: a < b & c"})
    return drawn


def words(output):
    """The words of an output's HTML, as a list of paragraphs; none of its markup may be left."""
    text = plain(f"before {output.html()} after")
    before, *paragraphs, after = filter(None, re.split(r"</?p>", text))
    assert (before, after) == ("before ", " after")
    assert "<" not in WORDS.sub("", text)
    return [WORDS.sub("", paragraph) for paragraph in paragraphs]


def test_an_explorer_invites_says_its_sentence_and_its_caption():
    assert words(explore(figure, r=[1, 2], caption="Is it a line? <No>")) == [
        f"{INVITES[True]} r = 1: a &lt; b &amp; c", "Is it a line? &lt;No&gt;"]


def test_a_figure_without_controls_has_none():
    assert words(show(figure(), name="line", caption="A line.")) == [
        f"{INVITES[False]} r = 1: a &lt; b &amp; c", "A line."]


def test_without_sentence_and_caption_the_invitation_stays():
    silent = figure()
    silent.update_layout(meta=None)
    assert words(show(silent, name="line")) == [INVITES[False]]


def test_other_html_stays():
    assert plain("<table><tr><td>1</td></tr></table>") == "<table><tr><td>1</td></tr></table>"
