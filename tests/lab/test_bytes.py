"""What the browser receives when a notebook with three explorers is run for the first time."""

import pytest

from lora_edu.explore import assets
from tests.lab.cells import EXPLORERS, NO_NPM, SETUP
from tests.lab.driver import Lab, write_notebook

SLIM = assets.npm_file(assets.NPM_FILES["cartesian"])


@pytest.mark.parametrize("before, allowed", [
    pytest.param("", 1_000_000, id="slim", marks=pytest.mark.skipif(not SLIM, reason="npm ci")),
    pytest.param(NO_NPM, 2_000_000, id="plotly.py's own"),
])
def test_three_explorers_send_at_most_2_MB_with_either_plotly(
        cold_context, server, before, allowed):
    """JupyterLab's own scripts count too, so nothing of ours may make it fetch its MathJax."""
    names = ["step-zero", "saddle", "again"]
    notebook = f"three-{allowed}.ipynb"
    write_notebook(server.folder / notebook, [before + SETUP, *(EXPLORERS[n] for n in names)])
    lab = Lab(cold_context, server.port, notebook)
    lab.page.wait_for_timeout(2000)  # what JupyterLab fetches for itself
    sent = lab.received
    lab.run()
    lab.page.wait_for_function(
        "n => document.querySelectorAll('.explorer-plot[data-drawn]').length === n", arg=3)
    lab.page.wait_for_timeout(500)
    sent = lab.received - sent
    lab.close()
    assert lab.errors == [] and lab.elsewhere == []
    assert 400_000 < sent < allowed
