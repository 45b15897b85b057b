"""The notebooks that python -m book.lab opens: copies that follow the book and keep what a reader
does."""

import nbformat
import pytest

from book import lab
from tests.small_book import write

ONE = "notebooks/00-one.ipynb"
TOC = "root: book/one\nchapters:\n- file: book/sub/two\n- file: book/list\n- file: book/words\n"
PAGE = """\
---
kernelspec: {{name: python3, display_name: Python 3}}
---

# {title}

[The other](sub/two.md#place), [the list](list.md), [a word](#answer-word),
[the site](https://example.org/a.md).

```{{code-cell}} ipython3
:tags: [hide-input]

answer = None
```
"""


@pytest.fixture
def small(tmp_path):
    """A book of two pages with cells, one of words, and a list that only the site has."""
    write(tmp_path / "book", {
        "one.md": PAGE.format(title="One"), "sub/two.md": PAGE.format(title="Two"),
        "list.md": "# List\n\n```{claims}\n```\n", "references.bib": "",
        "words.md": "# Words\n\n(answer-word)=\n### A word?\n"})
    write(tmp_path, {"_toc.yml": TOC})
    return tmp_path


def work(small, source):
    """The reader types into the copy's cell and runs it, and JupyterLab adds an empty one."""
    file = small / ONE
    copy = nbformat.read(file, as_version=4)
    copy.cells[-1].source = source
    copy.cells[-1].outputs = [nbformat.v4.new_output("stream", text="4\n")]
    copy.cells.append(nbformat.v4.new_code_cell())
    nbformat.write(copy, file)
    return file.read_bytes()


def test_copies_are_made_and_lead_to_each_other(small):
    [line] = lab.update(small)
    assert "3 notebooks" in line
    names = [file.name for file in sorted((small / "notebooks").iterdir())]
    assert names == ["00-one.ipynb", "01-two.ipynb", "02-words.ipynb"]  # in the book's order
    copy = nbformat.read(small / ONE, as_version=4)
    text = "\n".join(cell.source for cell in copy.cells if cell.cell_type == "markdown")
    assert ("[The other](01-two.ipynb#place), the list, [a word](02-words.ipynb#answer-word),\n"
            "[the site](https://example.org/a.md)." in text)
    assert copy.cells[-1].metadata.jupyter.source_hidden  # folded as on the page
    assert copy.metadata.kernelspec.name == "python3" and "jupytext" not in copy.metadata


@pytest.mark.parametrize("typed, told, kept", [
    ("answer = 4", "00-one.ipynb", True), ("answer = None", "1 notebooks", False)])
def test_a_copy_follows_the_book_unless_the_reader_changed_it(small, typed, told, kept):
    lab.update(small)
    before = work(small, typed)
    file = small / ONE
    assert lab.update(small) == []
    (small / "book/one.md").write_text(PAGE.format(title="Another"), "utf-8")
    [line] = lab.update(small)
    assert told in line and (file.read_bytes() == before) == kept
    assert ("# Another" in file.read_text("utf-8")) == (not kept)


def test_a_notebook_of_the_readers_own_is_kept(small):
    (small / "notebooks").mkdir()
    nbformat.write(nbformat.v4.new_notebook(), small / ONE)
    assert any("one.ipynb" in line for line in lab.update(small))


@pytest.mark.parametrize("is_changed", [True, False])
def test_a_copy_under_an_old_name_goes_unless_the_reader_changed_it(small, is_changed):
    lab.update(small)
    copies = small / "notebooks"
    old = copies / "07-two.ipynb"
    (copies / "01-two.ipynb").rename(old)
    if is_changed:
        copy = nbformat.read(old, as_version=4)
        copy.cells[-1].source = "answer = 4"
        nbformat.write(copy, old)
    told = [line for line in lab.update(small) if old.name in line]
    assert old.exists() == bool(told) == is_changed
    assert (copies / "01-two.ipynb").is_file()


def test_a_full_disk_is_a_sentence_and_leaves_no_half_of_a_notebook(small, monkeypatch):
    def full(notebook, file):
        file.write_text('{"cells": [')
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nbformat, "write", full)
    monkeypatch.setattr(lab, "REPOSITORY", small)
    with pytest.raises(SystemExit, match=r"cannot be written into .*notebooks: No space left"):
        lab.main()
    assert list((small / "notebooks").iterdir()) == []


def test_a_damaged_copy_is_named_set_aside_and_made_anew(small, damage="<<<<<<< HEAD\n"):
    lab.update(small)
    file = small / ONE
    whole = nbformat.read(file, as_version=4)
    file.write_text(damage, "utf-8")
    lines = lab.update(small)
    assert [line for line in lines if line.startswith(str(file)) and "one.damaged" in line]
    assert nbformat.read(file, as_version=4).metadata == whole.metadata
    assert file.with_suffix(".damaged").read_text("utf-8") == damage
