"""What the browser receives when a notebook with three explorers is run for the first time."""

from tests.lab.cells import EXPLORERS, SETUP
from tests.lab.driver import Lab, write_notebook


def test_three_explorers_send_little(browser, server):
    """JupyterLab's own scripts count too, so nothing of ours may make it fetch its MathJax."""
    cells = [SETUP, *(EXPLORERS[name] for name in ("step-zero", "saddle", "power"))]
    write_notebook(server.folder / "three.ipynb", cells)
    with browser.new_context() as context:  # which has fetched nothing yet
        lab = Lab(context, server.port, "three.ipynb")
        lab.page.wait_for_timeout(2000)  # what JupyterLab fetches for itself
        before = lab.received
        lab.run_all()
        lab.wait_for_drawn(3)
        lab.page.wait_for_timeout(500)
        assert 400_000 < lab.received - before < 1_000_000
        lab.close()
        assert lab.errors == [] and lab.elsewhere == []
