"""Other people's books, outside this repository: a Sphinx book and a Jupyter Book of two pages with
a slider each, one function in a module of their own, one in the cell itself."""

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

[Three of them](#wave?frequency=3), [a parabola](parabola.md#parabola?power=2).
%s""",
    "parabola.md": HEAD + """# A parabola

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
    "sphinx": {
        "conf.py": 'extensions = ["myst_nb", "lora_edu.explore.sphinx_ext"]\n'
                   'nb_execution_mode, nb_execution_raise_on_error = "force", True\n'
                   'exclude_patterns = ["_build"]\n',
        "toctree": "\n```{toctree}\nparabola\n```\n"},
    "jupyter-book": {
        "_config.yml": "title: Waves\nexecute: {execute_notebooks: force}\n"
                       "sphinx:\n  extra_extensions: [lora_edu.explore.sphinx_ext]\n"
                       "  config: {nb_execution_raise_on_error: true}\n",
        "_toc.yml": "format: jb-book\nroot: index\nchapters: [{file: parabola}]\n",
        "toctree": ""},
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
    return SimpleNamespace(code=run.returncode,
                           said=re.sub(r"\x1b\[[\d;]*m", "", run.stdout + run.stderr))


@pytest.fixture(scope="module", params=BOOKS)
def book(request, tmp_path_factory):
    """The folder of a book that has been built, and what the build said."""
    folder = tmp_path_factory.mktemp(request.param)
    own = dict(BOOKS[request.param])
    toctree = own.pop("toctree")
    for name, text in {**PAGES, **own}.items():
        text = text % toctree if name == "index.md" else text
        (folder / name).write_text(text, encoding="utf-8")
    first = build(folder)
    assert first.code == 0, first.said
    return SimpleNamespace(kind=request.param, folder=folder, said=first.said,
                           html=folder / "_build" / "html")


@pytest.fixture
def reader(book, browser):
    """A page of a browser, and the address of the book."""
    context = browser.new_context()
    page, problems = context.new_page(), []
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: "THEBE_JS_URL" in str(error)  # Jupyter Book's own
            or problems.append(str(error)))
    with served(book.html) as address:
        yield page, address
        assert problems == []
        context.close()


def drawn(page, name):
    """(sentence, y of the first trace) of an explorer that plotly has drawn."""
    root = page.locator(f"#explorer-{name}")
    root.locator(".explorer-plot[data-drawn]").wait_for()
    y = root.evaluate("(root) => [...root.querySelector('.explorer-plot').data[0].y]")
    return root.locator(".explorer-reading > span").inner_text(), np.array(y)


@pytest.mark.parametrize("place, name, start, moved", [
    ("index.html", "wave", lambda x: np.sin(2 * x), lambda x: np.sin(3 * x)),
    ("parabola.html", "parabola", lambda x: x, lambda x: x**2),
])
def test_a_slider_moves_in_the_browser(reader, place, name, start, moved):
    page, address = reader
    page.goto(address + place)
    page.mouse.move(2, 2)
    x = np.linspace(0, 6, 50) if name == "wave" else np.linspace(-1, 1, 50)
    np.testing.assert_allclose(drawn(page, name)[1], start(x), atol=1e-4)
    page.locator(f"#explorer-{name} input[type=range]").press("ArrowRight")
    said, y = drawn(page, name)
    assert said == {"wave": "3 waves", "parabola": "to the power of 2"}[name]
    np.testing.assert_allclose(y, moved(x), atol=1e-4)


def test_a_link_moves_a_slider_on_another_page(reader):
    page, address = reader
    page.goto(address + "index.html")
    page.get_by_role("link", name="a parabola", exact=True).last.click()
    page.wait_for_url("**/parabola.html#*")
    assert drawn(page, "parabola")[0] == "to the power of 2"


def test_only_the_page_whose_figures_module_has_changed_is_built_again(book, reader):
    page, address = reader
    module = book.folder / "waves.py"
    again = build(book.folder).said
    assert "no targets are out of date" in again or "0 added, 0 changed, 0 removed" in again
    module.write_text(MODULE.replace("np.sin(", "np.cos("), encoding="utf-8")
    said = build(book.folder).said
    module.write_text(MODULE, encoding="utf-8")
    assert "0 added, 1 changed, 0 removed" in said
    page.goto(address + "index.html")
    page.mouse.move(2, 2)
    np.testing.assert_allclose(drawn(page, "wave")[1], np.cos(2 * np.linspace(0, 6, 50)),
                               atol=1e-4)


WRONG = {
    "sphinx": ("np.sin(", "np.log(0 * ", "frequency = 1): data[0].y[0] is -inf; figures must be"),
    "jupyter-book": ("def wave(frequency=2)", "def wave(phase)", "no argument named frequency"),
}


def test_what_is_wrong_with_a_figure_function_is_said_in_its_authors_words(book):
    module = book.folder / "waves.py"
    before, after, words = WRONG[book.kind]
    module.write_text(MODULE.replace(before, after), encoding="utf-8")
    again = build(book.folder)
    module.write_text(MODULE, encoding="utf-8")
    assert again.code != 0 and words in " ".join(again.said.split())
