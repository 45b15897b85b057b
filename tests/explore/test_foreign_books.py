"""Other people's books, outside this repository: a Sphinx book and a Jupyter Book with a slider,
whose function stands in a module beside the page, and a link to it on another page."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.site.pages import served

INDEX = """---
file_format: mystnb
kernelspec: {name: python3, display_name: Python 3}
---
# Waves

```{code-cell} ipython3
from lora_edu.explore import explore
from waves import wave

explore(wave, frequency=(1, 4), caption="Where are the zeros?")
```
"""
MODULE = '''\
import numpy as np
import plotly.graph_objects as go

def wave(frequency=2):
    x = np.linspace(0, 6, 50)
    figure = go.Figure(go.Scatter(x=x, y=np.sin(frequency * x), name="sine"))
    return figure.update_layout(title="A wave", meta={"reading": f"{frequency} waves"})
'''
PAGES = {"index.md": INDEX, "waves.py": MODULE,
         "more/about.md": "# About\n\n[Three waves](../index.md#wave?frequency=3).\n"}
BOOKS = {
    "sphinx": {"conf.py": 'extensions = ["myst_nb", "lora_edu.explore.sphinx_ext"]\n'
                          'nb_execution_mode, nb_execution_raise_on_error = "force", True\n'
                          'exclude_patterns = ["_build"]\n',
               "index.md": INDEX + "\n```{toctree}\nmore/about\n```\n"},
    "jupyter-book": {
        "_config.yml": "title: Waves\nexecute: {execute_notebooks: force}\n"
                       "sphinx:\n  extra_extensions: [lora_edu.explore.sphinx_ext]\n"
                       "  config: {nb_execution_raise_on_error: true}\n",
        "_toc.yml": "format: jb-book\nroot: index\nchapters: [{file: more/about}]\n"},
}


def build(folder):
    """Build the book in a folder as its author would; what the build said."""
    if (folder / "conf.py").exists():
        tool = ["sphinx-build", folder, folder / "_build" / "html"]
    else:
        tool = ["jupyter-book", "build", folder]
    tool[0] = Path(sys.executable).with_name(tool[0])
    own = {"NO_COLOR": "1", "TMPDIR": str(folder), "LORA_EDU_STRICT": ""}
    run = subprocess.run(tool, env=os.environ | own, cwd=folder.parent,
                         text=True, encoding="utf-8", capture_output=True, timeout=300)
    said = re.sub(r"\x1b\[[\d;]*m", "", run.stdout + run.stderr)
    return SimpleNamespace(code=run.returncode, said=" ".join(said.split()))


@pytest.fixture(scope="module", params=[
    "sphinx", pytest.param("jupyter-book", marks=pytest.mark.thorough)])
def book(request, tmp_path_factory):
    """The folder of a book that has been built."""
    folder = tmp_path_factory.mktemp(request.param)
    for name, text in {**PAGES, **BOOKS[request.param]}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    first = build(folder)
    assert first.code == 0, first.said
    assert "fall back on plotly.py's full plotly.js" in first.said
    return folder


def test_a_link_leads_to_a_slider_that_moves(book, browser):
    page, problems = browser.new_page(), []
    page.on("pageerror", lambda error: "THEBE_JS_URL" in str(error)  # Jupyter Book's own
            or problems.append(str(error)))
    with served(book / "_build" / "html") as address:
        page.goto(address + "more/about.html")
        page.locator('a.explorer-link[href="../index.html#wave?frequency=3"]').click()
        root = page.locator("#explorer-wave")
        for said in (3, 4):
            root.locator(".explorer-plot[data-drawn]").wait_for()
            assert root.locator(".explorer-reading > span").inner_text() == f"{said} waves"
            y = root.evaluate("(root) => [...root.querySelector('.explorer-plot').data[0].y]")
            np.testing.assert_allclose(y, np.sin(said * np.linspace(0, 6, 50)), atol=1e-4)
            root.locator("input[type=range]").press("ArrowRight")
        assert "vnd.jupyter.widget" not in page.content()
    page.close()
    assert problems == []


def test_a_changed_module_builds_its_pages_again_and_its_faults_stop_the_build(book):
    module = book / "waves.py"
    assert re.search("no targets are out of date|0 added, 0 changed, 0 removed", build(book).said)
    module.write_text(MODULE.replace("A wave", "Waves"), encoding="utf-8")
    assert "0 added, 1 changed, 0 removed" in build(book).said
    module.write_text(MODULE.replace("np.sin(", "np.log(0 * "), encoding="utf-8")
    again = build(book)
    assert again.code != 0
    assert "frequency = 1): data[0].y[0] is -inf; figures must be" in again.said
