"""The build sorts the keys of one citation, so no text may count on their order."""

import re

import pytest

from tests.book import in_toc, source

# Several keys, and in this sentence or the next a "first" that is no first step or first rank.
SENTENCE = r"(?:[^.\n]|\.\d)*"
ORDERED = re.compile(rf"\{{cite(?::t)?\}}`[^`]*,[^`]*`(?:{SENTENCE}\.)?{SENTENCE}"
                     r"\b[Tt]he (?:former|latter|(?:first|second)(?! [a-z]))\b")


@pytest.mark.parametrize("page", in_toc())
def test_no_page_names_a_source_by_its_place(page):
    assert ORDERED.findall(source(page)) == []
