"""A server with what Binder's postBuild writes: the buttons' addresses open notebooks that run."""

from playwright.sync_api import expect

from tests.lab.driver import Lab, jupyterlab
from tests.tools.test_binder import run_post_build

CHAPTER = "notebooks/part1/step-zero.ipynb"


def test_a_launch_button_opens_a_chapter_that_runs(context, tmp_path):
    """With no settings but those that postBuild has left at its prefix; its kernel ends with it."""
    run_post_build(tmp_path)
    settings = f"--LabApp.app_settings_dir={tmp_path}/prefix/share/jupyter/lab/settings"
    with jupyterlab(tmp_path / "repository", config=tmp_path / "prefix/etc/jupyter",
                    options=[settings]) as port:
        lab = Lab(context, port, CHAPTER)
        lab.run_all()
        assert lab.cell_errors() == []
        view = lab.show_output(lab.cells_with_widgets()[0])
        expect(view.locator(".explorer-plot[data-drawn]")).to_have_count(1)
        lab.command("docmanager:save")
        lab.command("application:close")
        lab.wait_for_no_kernel()
        lab.page.close()
