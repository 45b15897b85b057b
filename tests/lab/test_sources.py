"""Reading, running and saving in a real JupyterLab leaves the book's pages as they were: readers
work on copies; a page that a contributor opens is written as it stands.

Tests save by command. JupyterLab's autosave does the same every two minutes; made to come sooner,
it would come again before a slow save had ended, and ask what to do with a file that has changed.
"""

import json
import shutil
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from tests.book import REPOSITORY
from tests.lab.driver import NO_PORTS, Lab, jupyterlab, kernels

CHAPTER = "part1/hundred-steps"
NOTE = "# what I think"
IGNORED = {"__pycache__", ".ipynb_checkpoints"}  # also by git


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A copy of the book, opened by its own command."""
    folder = tmp_path_factory.mktemp("repository")
    for part in ("book", ".jupyter"):
        shutil.copytree(REPOSITORY / part, folder / part)
    shutil.copy(REPOSITORY / "_toc.yml", folder)
    with jupyterlab(folder, config=folder / "none", options=[NO_PORTS],
                    module="book.lab") as port:
        yield SimpleNamespace(port=port, folder=folder, texts=texts(folder))


def texts(folder):
    return {file.relative_to(folder): file.read_bytes() for file in (folder / "book").rglob("*")
            if file.is_file() and not IGNORED & set(file.parts)}


def run_and_save(tab):
    """Saved are the widgets that have come by then."""
    tab.run()
    assert tab.cell_errors() == []
    drawn(tab)
    tab.command("docmanager:save")


def drawn(tab):
    """The last explorer, which has controls, once it is drawn."""
    view = tab.show_output(tab.cells_with_widgets()[-1])
    expect(view.locator(".explorer-plot[data-drawn]")).to_have_count(1)
    return view


def expect_a_kept_view(tab):
    """The last explorer is drawn without its kernel, and says so.

    ipywidgets brings no view back before the new kernel has answered it. Now and then a server that
    is busy loses this answer as it starts; then the page is loaded again."""
    view = tab.show_output(tab.cells_with_widgets()[-1])
    try:
        expect(view.locator(".explorer-plot")).to_have_count(1, timeout=30_000)
    except AssertionError:
        tab.page.reload()
        tab.ready()
    expect(drawn(tab).locator(".explorer-dead")).to_contain_text("run this cell again")


def test_what_a_reader_does_stays_in_the_copy(context, book):
    tab = Lab(context, book.port, f"notebooks/{CHAPTER}.ipynb")
    tab.page.evaluate("text => { jupyterapp.shell.currentWidget.content.widgets.find("
                      "c => c.model.type === 'code').model.sharedModel.source += text; }",
                      f"\n{NOTE}")
    run_and_save(tab)
    copy = json.loads((book.folder / f"notebooks/{CHAPTER}.ipynb").read_text("utf-8"))
    code = [cell for cell in copy["cells"] if cell["cell_type"] == "code"]
    assert NOTE in "".join(code[0]["source"])
    assert any(cell["outputs"] for cell in code)
    assert texts(book.folder) == book.texts
    tab.page.close()


def test_a_closed_tab_ends_its_kernel_and_the_copy_keeps_its_views(context, book):
    tab = Lab(context, book.port, f"notebooks/{CHAPTER}.ipynb")
    assert len(kernels(book.port)) == 1
    # A save before the widgets are back would store none: so it is with ipywidgets' manager.
    expect_a_kept_view(tab)
    tab.command("docmanager:save")
    tab.command("application:close")
    tab.wait_for_no_kernel()
    tab.page.close()
    tab = Lab(context, book.port, f"notebooks/{CHAPTER}.ipynb")
    expect_a_kept_view(tab)
    assert tab.errors == []
    tab.page.close()


def test_a_page_that_a_contributor_runs_and_saves_is_written_as_it_stands(context, book):
    page = book.folder / f"book/{CHAPTER}.md"
    before = page.stat().st_mtime_ns
    tab = Lab(context, book.port, f"book/{CHAPTER}.md")
    run_and_save(tab)
    assert page.stat().st_mtime_ns > before
    assert texts(book.folder) == book.texts
    tab.page.close()
