"""One JupyterLab for all the tests; a Chromium that can ask nobody else."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from xdist.scheduler import LoadFileScheduling

from book.lab import update
from tests.lab.cells import CELLS, VIEWS
from tests.lab.driver import NO_PORTS, Lab, jupyterlab, write_notebook


def pytest_xdist_make_scheduler(config, log):
    """Of several processes that share the tests, one has all tests of a file, which share a tab."""
    return LoadFileScheduling(config, log)


@contextmanager
def new_context(browser):
    """A browser context with an empty cache, which is closed in the end."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(90_000)  # the machine may be busy
    yield context
    context.close()


@pytest.fixture(scope="session")
def context(browser):
    """A browser context for all tabs: JupyterLab's own scripts are fetched once."""
    with new_context(browser) as context:
        yield context


@pytest.fixture
def cold_context(browser):
    """A browser context that has fetched nothing yet."""
    with new_context(browser) as context:
        yield context


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """JupyterLab as `make lab` starts it: its port, and its folder, which holds the copies of the
    chapters and nothing else of the book: they must run alone."""
    folder = tmp_path_factory.mktemp("lab")
    update(folder / "notebooks")
    with jupyterlab(folder, options=[NO_PORTS]) as port:
        yield SimpleNamespace(port=port, folder=folder)


@pytest.fixture(scope="module")
def open_tab(context, server):
    """Opens a tab with the notebook of CELLS; ``script`` runs before the page's own."""
    write_notebook(server.folder / "explorers.ipynb", CELLS)
    return lambda script="": Lab(context, server.port, "explorers.ipynb", script)


@pytest.fixture(scope="module")
def lab(open_tab):
    """The tab in which all cells have been run once."""
    lab = open_tab()
    lab.run()
    lab.page.wait_for_function(
        "n => document.querySelectorAll('.explorer-plot[data-drawn]').length === n", arg=VIEWS)
    yield lab
    lab.close()
