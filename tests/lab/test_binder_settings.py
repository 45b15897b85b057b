"""A server with what Binder's postBuild writes: the buttons' addresses open notebooks that run."""

import tempfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.lab.driver import NO_PORTS, Lab, jupyterlab, kernels
from tests.tools.test_binder import run_post_build

CHAPTER = "notebooks/part1/step-zero.ipynb"


@pytest.fixture(scope="module")
def port():
    """JupyterLab with no settings but those that postBuild has left at its prefix."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_post_build(folder)
        settings = f"--LabApp.app_settings_dir={folder}/prefix/share/jupyter/lab/settings"
        with jupyterlab(folder / "repository", config=folder / "prefix/etc/jupyter",
                        options=[NO_PORTS, settings]) as port:
            yield port


def test_the_launch_buttons_address_opens_a_chapter_that_runs_and_ends_with_its_tab(context, port):
    lab = Lab(context, port, CHAPTER)
    assert lab.path() == CHAPTER
    assert lab.cells_with_widgets() == []
    lab.restart_and_run_all()
    lab.wait_for_run()
    assert lab.cell_errors() == []
    output = lab.show_output(lab.cells_with_widgets()[0])
    expect(output.locator(".explorer-plot[data-drawn]")).to_have_count(1)
    assert len(kernels(port)) == 1
    lab.command("docmanager:save")
    lab.command("application:close")
    lab.wait_for_no_kernel()
    lab.page.close()
