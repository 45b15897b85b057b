"""The instrument in a real JupyterLab: Python makes its runs, and the reader's file where asked."""

import nbformat
import pytest
from playwright.sync_api import expect

from tests.lab.driver import Lab

CELLS = [
    "from lora_book.instrument.display import instrument\ninstrument('hat', step=30)",
    """from lora_book.workshop import file
right = "rule(B, grad_B, state_B, lr)"
file.write(file.whole().replace(right, "rule(B, -grad_B, state_B, lr)"))
instrument('mine', code='yours', step=30)"""]
PIXELS = """root => root.querySelector('[data-matrix="delta"]').toDataURL()"""


@pytest.fixture(scope="module")
def lab(context, server):
    """The tab in which both cells have been run."""
    new = nbformat.v4
    link = new.new_markdown_cell("[Rank 1](#hat?r=1&step=8), [momentum](#mine?optimiser=momentum)")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(new.new_notebook(cells=[*map(new.new_code_cell, CELLS), link], metadata=kernel),
                   server.folder / "instrument.ipynb")
    tab = Lab(context, server.port, "instrument.ipynb")
    tab.command("notebook:run-all-cells")
    assert tab.cell_errors() == []
    yield tab
    tab.close()
    assert tab.errors == [] and tab.elsewhere == []


def shown(lab, name):
    root = lab.page.locator(f"#{name}")
    root.scroll_into_view_if_needed()
    expect(root).to_have_class("instrument instrument-alive")
    return root


def test_a_slider_and_a_link_move_what_python_has_trained(lab):
    root = shown(lab, "hat")
    line = root.locator(".instrument-line")
    expect(line).to_contain_text("Step 30: 2.1\u00a0% of the loss is left. 512 numbers")
    before = root.evaluate(PIXELS)
    root.locator('[data-setting="r"]').press("ArrowRight")
    expect(line).to_contain_text("1,024 numbers")
    lab.page.wait_for_function(f"before => ({PIXELS})(document.querySelector('#hat')) !== before",
                               arg=before)
    lab.page.locator("a", has_text="Rank 1").click()
    expect(line).to_contain_text("Step 8")
    expect(line).to_contain_text("128 numbers")


def test_a_readers_wrong_train_changes_the_picture(lab):
    line = shown(lab, "mine").locator(".instrument-line")
    expect(line).to_contain_text("Step 30")
    expect(line).not_to_contain_text("2.1\u00a0%")
    lab.page.locator("a", has_text="momentum").click()
    expect(line).to_contain_text("optimiser must be Adam or SGD")
