"""One JupyterLab and one notebook for all the tests; a Chromium that can ask nobody else."""

import pytest
from cells import CELLS
from driver import ELSEWHERE, Lab, jupyterlab, write_notebook


@pytest.fixture(scope="module")
def context(browser):
    """A browser context whose requests to other machines fail."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.route(ELSEWHERE, lambda route: route.abort())
    yield context
    context.close()


@pytest.fixture(scope="module")
def open_tab(context, tmp_path_factory):
    """Opens a tab with the notebook."""
    folder = tmp_path_factory.mktemp("lab")
    write_notebook(folder / "explorers.ipynb", CELLS)
    with jupyterlab(folder) as port:
        yield lambda: Lab(context, port, "explorers.ipynb")


@pytest.fixture(scope="module")
def lab(open_tab):
    """The tab in which all cells have been run once; ``first_run`` is how many bytes that sent."""
    lab = open_tab()
    lab.page.wait_for_timeout(1000)  # what JupyterLab fetches for itself
    before = lab.received
    lab.run()
    lab.page.wait_for_function(
        "n => document.querySelectorAll('.explorer-plot[data-drawn]').length === n", arg=8)
    lab.first_run = lab.received - before
    return lab
