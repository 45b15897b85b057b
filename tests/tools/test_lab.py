"""The notebooks that python -m book.lab opens: copies that follow the book and keep what a reader
does."""

import nbformat
import pytest
from nbconvert import HTMLExporter
from traitlets.config.loader import PyFileConfigLoader

from book import lab
from lora_edu.explore import show
from tests.small_book import write

ONE = "notebooks/one.ipynb"
PAGE = """\
---
kernelspec: {{name: python3, display_name: Python 3}}
---

# {title}

[The other](sub/two.md#place), [the list](list.md), [the site](https://example.org/a.md).

```{{code-cell}} ipython3
:tags: [hide-input]

answer = None
```
"""


@pytest.fixture
def small(tmp_path):
    """A book of two pages with cells, a glossary, and a list that only the site has."""
    write(tmp_path / "book", {
        "one.md": PAGE.format(title="One"), "sub/two.md": PAGE.format(title="Two"),
        "list.md": "# List\n\n```{claims}\n```\n", "references.bib": ""})
    return tmp_path


def update(small):
    return lab.update(small / "notebooks", small / "book")


def work(small, source):
    """The reader types into the copy's cell and runs it, and JupyterLab adds an empty one."""
    file = small / ONE
    made = nbformat.read(file, as_version=4)
    made.cells[-1].source = source
    made.cells[-1].outputs = [nbformat.v4.new_output("stream", text="4\n")]
    made.cells.append(nbformat.v4.new_code_cell())
    nbformat.write(made, file)
    return file.read_bytes()


def test_copies_are_made_and_lead_to_each_other(small):
    (said,) = update(small)
    assert "2 notebooks" in said and not (small / "notebooks/list.ipynb").exists()
    made = nbformat.read(small / ONE, as_version=4)
    text = "\n".join(cell.source for cell in made.cells if cell.cell_type == "markdown")
    assert ("[The other](sub/two.ipynb#place), the list, [the site](https://example.org/a.md)."
            in text)
    assert made.cells[-1].metadata.jupyter.source_hidden  # folded as on the page
    assert made.metadata.kernelspec.name == "python3" and "jupytext" not in made.metadata


@pytest.mark.parametrize("typed, told, kept", [
    ("answer = 4", "so have you", True), ("answer = None", "1 notebooks", False)])
def test_a_copy_follows_the_book_unless_the_reader_changed_it(small, typed, told, kept):
    update(small)
    was, file = work(small, typed), small / ONE
    assert update(small) == []
    (small / "book/one.md").write_text(PAGE.format(title="Another"), "utf-8")
    (said,) = update(small)
    assert told in said and (file.read_bytes() == was) == kept
    assert ("# Another" in file.read_text("utf-8")) == (not kept)


def test_a_notebook_of_the_readers_own_is_kept(small):
    (small / "notebooks").mkdir()
    nbformat.write(nbformat.v4.new_notebook(), small / ONE)
    assert any("one.ipynb" in line and "yours stays" in line for line in update(small))


@pytest.mark.parametrize("damage", ["", "<<<<<<< HEAD\n", '{"cells": 5}'])
def test_a_damaged_copy_is_named_set_aside_and_made_anew(small, damage):
    update(small)
    file = small / ONE
    whole = nbformat.read(file, as_version=4)
    file.write_text(damage, "utf-8")
    lines = update(small)
    assert [line for line in lines if line.startswith(str(file)) and "one.damaged" in line]
    assert nbformat.read(file, as_version=4).metadata == whole.metadata
    assert file.with_suffix(".damaged").read_text("utf-8") == damage


def test_a_kill_while_copies_are_written_leaves_whole_notebooks(small, monkeypatch):
    def killed(notebook, file):
        file.write_text('{"cells": [')
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(nbformat, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            update(small)
    assert "2 notebooks" in update(small)[0]
    assert len(update(small)) == 0


def test_a_notebook_converted_to_html_shows_the_words_of_its_plots():
    """Also where the widget's state has been saved, which nbconvert would prefer."""
    data, metadata = show({"data": [{"y": [1]}]}, name="a", caption="Look.")._repr_mimebundle_()
    view = "application/vnd.jupyter.widget-view+json"
    output = nbformat.v4.new_output("display_data", data, metadata=metadata)
    state = {"application/vnd.jupyter.widget-state+json": {
        "version_major": 2, "version_minor": 0, "state": {data[view]["model_id"]: {}}}}
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(outputs=[output])], metadata={"widgets": state})
    settings = PyFileConfigLoader("jupyter_config.py", path=str(lab.SETTINGS)).load_config()
    html, _ = HTMLExporter(config=settings).from_notebook_node(notebook)
    assert data["text/html"] in html
