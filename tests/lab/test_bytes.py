"""What the browser receives when a notebook with three explorers is run for the first time."""

from tests.lab.cells import EXPLORERS, SETUP
from tests.lab.driver import Lab, write_notebook


def test_three_explorers_send_little(cold_context, server):
    """JupyterLab's own scripts count too, so nothing of ours may make it fetch its MathJax."""
    cells = [SETUP, *(EXPLORERS[name] for name in ("step-zero", "saddle", "power"))]
    write_notebook(server.folder / "three.ipynb", cells)
    lab = Lab(cold_context, server.port, "three.ipynb")
    lab.page.wait_for_timeout(2000)  # what JupyterLab fetches for itself
    sent = lab.received
    lab.run_all()
    lab.wait_for_drawn(3)
    lab.page.wait_for_timeout(500)
    sent = lab.received - sent
    lab.close()
    assert lab.errors == [] and lab.elsewhere == []
    assert 400_000 < sent < 1_000_000
