"""A server with the settings that Binder's postBuild writes: chapters open as notebooks."""

import shutil

import pytest
from chapters import NOTEBOOKS, REPOSITORY
from driver import Lab, jupyterlab
from playwright.sync_api import expect
from test_binder import run_post_build

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """JupyterLab with no settings but those that postBuild has left at its prefix."""
    prefix, folder = (tmp_path_factory.mktemp(name) for name in ("prefix", "binder"))
    run_post_build(prefix)
    for page in NOTEBOOKS[:1]:
        (folder / page).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / f"{page}.md", folder / f"{page}.md")
    settings = f"--LabApp.app_settings_dir={prefix}/share/jupyter/lab/settings"
    with jupyterlab(folder, config=prefix / "etc" / "jupyter", options=[settings]) as port:
        yield port


def test_the_launch_buttons_address_opens_a_chapter_as_a_notebook_that_runs(context, port):
    lab = Lab(context, port, f"{NOTEBOOKS[0]}.md")
    assert lab.path() == f"{NOTEBOOKS[0]}.md"
    lab.restart_and_run_all()
    lab.wait_for_run()
    assert lab.cell_errors() == []
    output = lab.show_output(lab.cells_with_widgets()[0])
    expect(output.locator(".explorer-plot[data-drawn]")).to_have_count(1)
    lab.close()


def test_without_these_settings_a_chapter_opens_as_text(context, tmp_path):
    """So that the test above can fail."""
    page = NOTEBOOKS[0]
    (tmp_path / "chapter.md").write_text((REPOSITORY / f"{page}.md").read_text("utf-8"), "utf-8")
    with jupyterlab(tmp_path, config=tmp_path / "none") as port:
        tab = context.new_page()
        tab.goto(f"http://127.0.0.1:{port}/lab/tree/chapter.md?reset")
        tab.wait_for_selector(".jp-FileEditor")
        assert tab.locator(".jp-Notebook").count() == 0
        tab.close()
