"""One JupyterLab for all the tests; a Chromium that can ask nobody else."""

import shutil
from types import SimpleNamespace

import pytest

from tests.book import REPOSITORY

pytest.register_assert_rewrite("tests.lab.driver")  # before its import: it then says what differs

from tests.lab.driver import jupyterlab  # noqa: E402


@pytest.fixture(scope="session")
def context(browser):
    """A browser context for all tabs: JupyterLab's own scripts are fetched once."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(90_000)  # the machine may be busy
    yield context
    context.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A copy of the book, opened by its own command: the server's port and folder."""
    folder = tmp_path_factory.mktemp("lab")
    for part in ("book", ".jupyter", "lora_edu"):  # a page shows a file of lora_edu
        shutil.copytree(REPOSITORY / part, folder / part)
    shutil.copy(REPOSITORY / "_toc.yml", folder)
    with jupyterlab(folder) as port:
        yield SimpleNamespace(port=port, folder=folder)
