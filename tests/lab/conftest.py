"""One JupyterLab for all the tests; a Chromium that can ask nobody else."""

import shutil
from types import SimpleNamespace

import pytest
from cells import CELLS
from chapters import NOTEBOOKS, REPOSITORY
from driver import ELSEWHERE, Lab, jupyterlab, write_notebook


@pytest.fixture(scope="session")
def context(browser):
    """A browser context whose requests to other machines fail."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(90_000)  # the machine may be busy
    context.route(ELSEWHERE, lambda route: route.abort())
    yield context
    context.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """JupyterLab as `make lab` starts it: its port, and its folder, which holds copies of the
    chapters and nothing else of the book: they must run alone."""
    folder = tmp_path_factory.mktemp("lab")
    for page in NOTEBOOKS:
        (folder / page).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / f"{page}.md", folder / f"{page}.md")
    with jupyterlab(folder) as port:
        yield SimpleNamespace(port=port, folder=folder)


@pytest.fixture(scope="module")
def open_tab(context, server):
    """Opens a tab with the notebook of CELLS."""
    write_notebook(server.folder / "explorers.ipynb", CELLS)
    return lambda: Lab(context, server.port, "explorers.ipynb")


@pytest.fixture(scope="module")
def lab(open_tab):
    """The tab in which all cells have been run once."""
    lab = open_tab()
    lab.run()
    lab.page.wait_for_function(
        "n => document.querySelectorAll('.explorer-plot[data-drawn]').length === n", arg=8)
    yield lab
    lab.close()
