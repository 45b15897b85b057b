"""The build sorts the keys of one citation, so no text may count on their order."""

import re

import pytest

from tests.book import in_toc, source

# Several keys, and in this sentence or the next a "first" that is no first step or first rank.
SENTENCE = r"(?:[^.\n]|\.\d)*"
ORDERED = re.compile(rf"\{{cite(?::t)?\}}`[^`]*,[^`]*`(?:{SENTENCE}\.)?{SENTENCE}"
                     r"\b[Tt]he (?:former|latter|(?:first|second)(?! [a-z]))\b")


@pytest.mark.parametrize("text", [
    "{cite}`llava918,llava1301`. Advised was 0.0001 in the first; a tenth was the second's.",
    "{cite}`diffusers6087,diffusers3743`. In the first α was 8 in training.",
    "As in {cite}`b,a`, of which the latter is older."])
def test_a_source_named_by_its_place_is_found(text):
    assert ORDERED.search(text)


@pytest.mark.parametrize("text", ["{cite}`a,b`. After the first step it is zero.",
                                  "In {cite}`a` it is, in the first of them."])
def test_other_firsts_are_not(text):
    assert not ORDERED.search(text)


@pytest.mark.parametrize("page", in_toc())
def test_no_page_names_a_source_by_its_place(page):
    assert ORDERED.findall(source(page)) == []
