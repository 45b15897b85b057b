"""The notebooks that python -m book.lab opens: copies that follow the book and keep what a reader
does. And the book's pages, as JupyterLab writes them."""

import posixpath
import re
import sys
from importlib import util

import jupytext
import nbformat
import pytest
from jupytext.config import load_jupytext_config

from book import lab
from tests.book import NOTEBOOKS, REPOSITORY, in_toc, notebook

PAGE = """\
---
kernelspec: {{name: python3, display_name: Python 3}}
---

# {title}

[The other](sub/two.md#place), [the list](list.md), [the site](https://example.org/a.md).

```{{code-cell}} ipython3
answer = None
```
"""


@pytest.fixture
def small(tmp_path):
    """A book of two pages with cells, a glossary, and a list that only the site has."""
    book = tmp_path / "book"
    (book / "sub").mkdir(parents=True)
    (book / "one.md").write_text(PAGE.format(title="One"), "utf-8")
    (book / "sub" / "two.md").write_text(PAGE.format(title="Two"), "utf-8")
    (book / "list.md").write_text("# List\n\n```{claims}\n```\n", "utf-8")
    (book / "references.bib").touch()
    return tmp_path


def update(small):
    return lab.update(small / "notebooks", small / "book")


def change(small, title="Another", answer="None"):
    """The page changes in the book."""
    text = PAGE.format(title=title).replace("None", answer)
    (small / "book" / "one.md").write_text(text, "utf-8")


def work(small, source="answer = 4"):
    """The reader types into the copy's cell and runs it, and JupyterLab adds an empty one."""
    file = small / "notebooks" / "one.ipynb"
    made = nbformat.read(file, as_version=4)
    made.cells[-1].source = source
    made.cells[-1].outputs = [nbformat.v4.new_output("stream", text="4\n")]
    made.cells.append(nbformat.v4.new_code_cell())
    nbformat.write(made, file)
    return file.read_bytes()


def test_copies_are_made_and_lead_to_each_other(small):
    (said,) = update(small)
    assert "2 notebooks" in said and not (small / "notebooks" / "list.ipynb").exists()
    made = nbformat.read(small / "notebooks" / "one.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in made.cells if cell.cell_type == "markdown")
    assert ("[The other](sub/two.ipynb#place), the list, [the site](https://example.org/a.md)."
            in text)
    assert made.metadata.kernelspec.name == "python3" and "jupytext" not in made.metadata


def test_what_a_reader_has_run_and_typed_stays(small):
    update(small)
    was = work(small)
    assert update(small) == []
    assert (small / "notebooks" / "one.ipynb").read_bytes() == was


def test_a_copy_that_was_only_run_follows_the_book(small):
    update(small)
    work(small, "answer = None")
    change(small)
    (said,) = update(small)
    assert said.startswith("Renewed") and said.endswith(" one.ipynb")
    assert "# Another" in (small / "notebooks" / "one.ipynb").read_text("utf-8")
    assert update(small) == []


def test_a_copy_that_the_reader_changed_is_kept_and_named_when_the_book_changes(small):
    update(small)
    was = work(small)
    change(small)
    (said,) = update(small)
    assert "yours stay" in said and said.endswith(" one.ipynb")
    assert (small / "notebooks" / "one.ipynb").read_bytes() == was
    (small / "notebooks" / "one.ipynb").rename(small / "notebooks" / "mine.ipynb")
    assert "1 notebooks" in update(small)[0]


@pytest.mark.parametrize("text", ["", "{", '{"cells": [], "metadata": {}, "nbformat": 4, '
                                           '"nbformat_minor": 5}'])
def test_a_file_of_that_name_that_is_no_copy_is_kept(small, text):
    (small / "notebooks").mkdir()
    (small / "notebooks" / "one.ipynb").write_text(text)
    assert any("yours stay" in line and line.endswith(" one.ipynb") for line in update(small))
    assert (small / "notebooks" / "one.ipynb").read_text() == text


def test_afresh_puts_the_readers_work_aside_and_never_over_older_work(small):
    copies = small / "notebooks"
    assert lab.put_aside(copies) is None
    for number in (1, 2):
        update(small)
        was = work(small)
        assert lab.put_aside(copies) == small / f"notebooks-{number}"
        assert not copies.exists()
        assert (small / f"notebooks-{number}" / "one.ipynb").read_bytes() == was


def test_git_ignores_the_copies():
    assert "/notebooks*/" in (REPOSITORY / ".gitignore").read_text().splitlines()


NAMES = lab.names_of()


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_a_chapters_copy_has_its_cells_and_no_link_that_leads_nowhere(page):
    made = lab.as_notebook(page, NAMES)
    assert [cell.source for cell in made.cells if cell.cell_type == "code"] == [
        cell.source for cell in notebook(page).cells if cell.cell_type == "code"]
    assert made.cells[0].source.startswith("**Run ▸ Run All Cells**")
    text = "\n".join(cell.source for cell in made.cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\((?!\w+:)([^()\s#]+)[^()\s]*\)", text)
    there = [posixpath.normpath(posixpath.join(posixpath.dirname(page), link)) for link in links]
    assert [link for link in there if link.removesuffix(".ipynb") not in NOTEBOOKS
            and not (REPOSITORY / link).is_file()] == []
    assert ("word.png" in made.cells[0].source) == (page == "book/index")


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
    assert jupytext.writes(opened, fmt="md:myst", config=config) == file.read_text("utf-8"), (
        f"jupytext --to md:myst {page}.md puts the cells right; the header is as others have it")


@pytest.mark.parametrize("page", [page for page in in_toc() if page not in NOTEBOOKS])
def test_a_page_without_cells_is_edited_as_text(page):
    """JupyterLab, which opens it as a notebook, would make it one in its header."""
    header = (REPOSITORY / f"{page}.md").read_text("utf-8").split("---\n")[1]
    assert re.findall(r"^\w+", header, re.MULTILINE) == ["myst"]


def test_what_is_missing_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setattr(lab, "find_spec",
                        lambda name: None if name == "jupyterlab" else util.find_spec(name))
    monkeypatch.setattr(sys, "argv", ["lab"])
    with pytest.raises(SystemExit, match=r"^jupyterlab: not installed in ") as raised:
        lab.main()
    (line,) = re.findall(r"pip install (.*)", str(raised.value))
    assert line == '-c constraints.txt -e ".[peft,lab]"'


def test_other_options_are_jupyterlabs(monkeypatch, tmp_path):
    from jupyterlab.labapp import LabApp

    started = []
    monkeypatch.setattr(LabApp, "launch_instance", started.append)
    monkeypatch.setattr(lab, "update", lambda: [])
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["lab", "--allow-root", "--port", "8899"])
    lab.main()
    assert started[0][-3:] == ["--allow-root", "--port", "8899"]
    assert lab.os.environ["JUPYTER_CONFIG_PATH"].split(lab.os.pathsep) == [
        str(REPOSITORY / ".jupyter"), str(tmp_path)]
