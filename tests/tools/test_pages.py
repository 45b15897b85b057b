"""The book's files: pages as JupyterLab writes them, and folded there as on the page."""


import jupytext
import pytest
from jupytext.config import load_jupytext_config

from tests.book import NOTEBOOKS, REPOSITORY, notebook, source

FOLDED = {"hide-input", "hide-cell", "remove-input"}


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_a_cell_is_folded_alike_on_page_and_in_notebook(page):
    wrong = [f"{cell.source[:40]!r}: write :jupyter: {{source_hidden: true}} just where the tags "
             "have one of hide-input, hide-cell, remove-input" for cell in notebook(page).cells
             if cell.cell_type == "code" and cell.metadata.get("jupyter", {}).get(
                 "source_hidden", False) != bool(FOLDED & set(cell.metadata.get("tags", ())))]
    assert wrong == []


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_jupyterlab_writes_a_chapter_as_it_stands(page):
    """With what it adds to an open notebook: versions, the language, where one has scrolled."""
    file = REPOSITORY / f"{page}.md"
    config = load_jupytext_config(str(file))
    opened = jupytext.read(file, config=config)
    opened.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3 (ipykernel)",
                                     "language": "python"}
    opened.metadata |= {"language_info": {"name": "python", "version": "3.13.0"},
                        "widgets": {"state": {}}}
    for cell in opened.cells:
        cell.metadata |= {"scrolled": True, "trusted": True, "collapsed": False, "editable": True,
                          "execution": {"iopub.status.busy": "2026-01-01"}}
    assert jupytext.writes(opened, fmt="md:myst", config=config) == source(page), (
        f"jupytext --to md:myst {page}.md puts the cells right; the header is as others have it")
