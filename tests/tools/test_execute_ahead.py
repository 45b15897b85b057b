"""What a cell prints is the same text wherever the kernel cut it into pieces."""

import itertools

import nbformat
import pytest
from myst_nb.core.utils import coalesce_streams

from book._extensions.notebooks.execute import join_streams

SAID = "one\n\n  two\nthree"


def notebook(*outputs):
    return nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_markdown_cell("Words."), nbformat.v4.new_code_cell(outputs=list(outputs))])


def stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


@pytest.mark.parametrize("cuts", list(itertools.combinations(range(1, len(SAID)), 2)))
def test_a_page_shows_what_was_printed_however_it_was_cut(cuts):
    ends = [0, *cuts, len(SAID)]
    cut = notebook(*(stream(SAID[a:b]) for a, b in itertools.pairwise(ends)))
    join_streams(cut)
    (shown,) = coalesce_streams(cut.cells[1].outputs)
    assert shown.text.removesuffix("\n") == SAID


def test_what_stands_between_and_another_stream_stay_where_they_are():
    picture = nbformat.v4.new_output("display_data", {"text/plain": "a picture"})
    made = notebook(stream("a"), stream("b"), stream("c", "stderr"), picture, stream("d"))
    join_streams(made)
    assert [output.get("text") for output in made.cells[1].outputs] == ["ab", "c", None, "d"]
