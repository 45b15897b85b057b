"""What a page folds, a download folds too, in any viewer: as HTML, nothing of a solution, a hint or
an answer stands outside of closed <details>."""

import re

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from notebooks import READS_REPOSITORY, make_alone

from tests.book import NOTEBOOKS, REPOSITORY, code, notebook
from tests.tools.test_lab_markdown import BOOK

OFFERED = [page for page in NOTEBOOKS if READS_REPOSITORY not in code(page)]
GATED = re.compile(r"^([`:]{3,})\{(?:solution|dropdown)\}[^\n]*\n((?::\w+:[^\n]*\n)*)(.*?)^\1$",
                   re.MULTILINE | re.DOTALL)
NO_WORDS = re.compile(r"\$[^$]*\$|\]\([^)]*\)|\{[\w:]+\}`[^`]*`|^:\w+:.*$|^\d+\. |"
                      r"[`*{}\[\]()<>_\\\n&'\"|]", re.MULTILINE)
OF_CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def squeezed(text):
    return re.sub(r"\s", "", text)


def gated(page):
    """The bodies of what is folded in a page's text; a table of contents is not a notebook's."""
    cells = [cell.source for cell in notebook(page).cells if cell.cell_type == "markdown"]
    return [body for cell in cells for _, _, body in GATED.findall(cell)
            if not body.startswith("```{contents}")]


@pytest.fixture(scope="module")
def shown():
    """``shown(page)``: its download as HTML."""
    def made(page):
        own = nbformat.from_dict(notebook(page))
        own = nbformat.reads(nbformat.writes(own), as_version=4)  # the original is shared
        make_alone(own, REPOSITORY, page, BOOK)
        html, _ = HTMLExporter(template_name="lab").from_notebook_node(own)
        return BeautifulSoup(html, "html.parser")
    return made


@pytest.mark.parametrize("page", OFFERED)
def test_what_is_folded_stands_in_closed_details_and_nowhere_else(shown, page):
    html, blocks = shown(page), gated(page)
    details = html.find_all("details")
    assert len(details) == len(blocks)
    assert [part for part in details if part.has_attr("open") or not part.summary] == []
    inside = [squeezed(part.get_text()) for part in details]
    for part in details:
        part.extract()
    outside = squeezed(html.body.get_text())
    for body in blocks:
        lines = [squeezed(line) for part in OF_CODE.findall(body) for line in part.splitlines()
                 if len(squeezed(line)) > 25]
        words = [squeezed(words) for words in NO_WORDS.split(OF_CODE.sub("", body))
                 if len(squeezed(words)) > 25]
        for piece in [*lines, *words]:
            assert any(piece in found for found in inside), piece
            assert piece not in outside or piece in squeezed(code(page)), piece


def test_some_pages_fold_something():
    assert sum(len(gated(page)) for page in OFFERED) > 60
