"""Other people's books, outside this repository: a Sphinx book and a Jupyter Book of two pages with
a slider each, one function in a module beside the page, one in the cell itself."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.site.pages import served

HEAD = """---
file_format: mystnb
kernelspec: {name: python3, display_name: Python 3}
---
"""
MODULE = '''\
import numpy as np
import plotly.graph_objects as go

def wave(frequency=2):
    x = np.linspace(0, 6, 50)
    figure = go.Figure(go.Scatter(x=x, y=np.sin(frequency * x), name="sine"))
    return figure.update_layout(title="A wave", meta={"reading": f"{frequency} waves"})
'''
PAGES = {
    "index.md": HEAD + """# Waves

```{code-cell} ipython3
from lora_edu.explore import explore
from waves import wave

explore(wave, frequency=(1, 4), caption="Where are the zeros?")
```

[Three of them](#wave?frequency=3), [a parabola](more/parabola.md#parabola?power=2).
""",
    "more/parabola.md": HEAD + """# A parabola

```{code-cell} ipython3
import numpy as np
from lora_edu.explore import explore

def parabola(power=1):
    x = np.linspace(-1, 1, 50)
    return {"data": [{"x": x, "y": x**power, "mode": "lines"}],
            "layout": {"meta": {"reading": f"to the power of {power}"}}}

explore(parabola, power=[1, 2, 3])
```
""",
    "waves.py": MODULE,
}
BOOKS = {
    "sphinx": {"conf.py": 'extensions = ["myst_nb", "lora_edu.explore.sphinx_ext"]\n'
                          'nb_execution_mode, nb_execution_raise_on_error = "force", True\n'
                          'exclude_patterns = ["_build"]\n',
               "index.md": PAGES["index.md"] + "\n```{toctree}\nmore/parabola\n```\n"},
    "jupyter-book": {
        "_config.yml": "title: Waves\nexecute: {execute_notebooks: force}\n"
                       "sphinx:\n  extra_extensions: [lora_edu.explore.sphinx_ext]\n"
                       "  config: {nb_execution_raise_on_error: true}\n",
        "_toc.yml": "format: jb-book\nroot: index\nchapters: [{file: more/parabola}]\n"},
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


@pytest.fixture
def reader(book, browser):
    """A page of a browser, and the address of the book."""
    context = browser.new_context()
    page, problems = context.new_page(), []
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: "THEBE_JS_URL" in str(error)  # Jupyter Book's own
            or problems.append(str(error)))
    with served(book / "_build" / "html") as address:
        yield page, address
        assert problems == []
        context.close()


def drawn(page, name):
    """(sentence, y of the first trace) of an explorer that plotly has drawn."""
    root = page.locator(f"#explorer-{name}")
    root.locator(".explorer-plot[data-drawn]").wait_for()
    y = root.evaluate("(root) => [...root.querySelector('.explorer-plot').data[0].y]")
    return root.locator(".explorer-reading > span").inner_text(), np.array(y)


def test_a_slider_moves_and_a_link_leads_to_one_on_another_page(reader):
    page, address = reader
    page.goto(address + "index.html")
    page.mouse.move(2, 2)
    x = np.linspace(0, 6, 50)
    np.testing.assert_allclose(drawn(page, "wave")[1], np.sin(2 * x), atol=1e-4)
    page.locator("#explorer-wave input[type=range]").press("ArrowRight")
    said, y = drawn(page, "wave")
    np.testing.assert_allclose(y, np.sin(3 * x), atol=1e-4)
    page.get_by_role("link", name="a parabola", exact=True).last.click()
    page.wait_for_url("**/parabola.html#*")
    assert (said, drawn(page, "parabola")[0]) == ("3 waves", "to the power of 2")


def test_a_page_has_the_explorers_script_links_to_positions_and_no_widget(book):
    html = (book / "_build" / "html" / "index.html").read_text(encoding="utf-8")
    assert html.count('id="explorer-wave"') == html.count("explore.js") == 1
    assert re.findall(r'class="explorer-link[^"]*" href="([^"]*)"', html) == [
        "#wave?frequency=3", "more/parabola.html#parabola?power=2"]
    assert "vnd.jupyter.widget" not in html


def test_a_changed_module_builds_its_pages_again_and_its_faults_stop_the_build(book):
    module = book / "waves.py"
    assert re.search("no targets are out of date|0 added, 0 changed, 0 removed", build(book).said)
    module.write_text(MODULE.replace("A wave", "Waves"), encoding="utf-8")
    assert "0 added, 1 changed, 0 removed" in build(book).said
    for before, after, words in (
            ("np.sin(", "np.log(0 * ", "frequency = 1): data[0].y[0] is -inf; figures must be"),
            ("frequency=2", "phase", "missing a required argument: 'phase'")):
        module.write_text(MODULE.replace(before, after), encoding="utf-8")
        again = build(book)
        assert again.code != 0 and words in again.said
