"""A build executes the pages that it reads, all of them, side by side; and a page asks for the
scripts and style sheets that the site has, also where only these have changed."""

import re
import zlib
from pathlib import Path

import pytest

from lora_edu.parallel import usable_cores
from tests.small_book import NOTEBOOK, build, cell, write

CONF = """
from pathlib import Path
from book._extensions import build
from book._extensions.notebooks import execute
from lora_edu.explore import bundle

extensions, html_theme = ["myst_nb", "lora_edu.explore.sphinx_ext"], "basic"
nb_execution_mode, nb_execution_raise_on_error, exclude_patterns = "cache", True, ["_out"]
ours, here = bundle.page_script, Path(__file__).parent
bundle.page_script = lambda bundles: ours(bundles) + (here / "word").read_text()
build.OWN_FILES = [here / "own.css"]

def setup(app):
    app.run_page = None
    app.npm = False
    app.connect("builder-inited", build.copy_own_files)
    app.connect("env-before-read-docs", execute.execute_ahead)
    app.connect("env-updated", build.pages_to_write_again)
    app.add_css_file("own.css")
"""
MEET = """import pathlib, time
from lora_edu.explore import explore
pathlib.Path("{name}.here").touch()
while not pathlib.Path("{other}.here").exists():
    time.sleep(0.05)
print("said:", pathlib.Path("word").read_text())
explore(lambda y: dict(data=[dict(y=[y])]), name="one", y=[1, 2])"""


def page(name: str, other: str, text: str = "") -> dict[str, str]:
    """A page that ends when the other has begun, and says what stands in the file "word"."""
    code = MEET.format(name=name, other=other)
    return {f"{name}.md": f"{NOTEBOOK}# {name}\n\n{text}\n{cell(code)}"}


def built(folder: Path) -> tuple[str, list[str]]:
    """What Sphinx says, and what the two pages say, which ask for the files that lie there."""
    done = build(folder)
    printed = []
    assert done.returncode == 0, done.stderr
    for name in ("one", "two"):
        html = (folder / f"_out/html/{name}.html").read_text("utf-8")
        printed.append(re.search(r"said: (\w+)", html)[1])
        for file in ("explore.js", "explore.css", "own.css"):
            content = (folder / "_out/html/_static" / file).read_bytes()
            assert f"{file}?v={zlib.crc32(content):08x}" in html, (name, file)
    return done.stdout, printed


@pytest.mark.skipif(usable_cores() < 2, reason="one core runs one page at a time")
def test_pages_run_side_by_side_and_anew_whenever_they_are_read(tmp_path):
    book = tmp_path / ("long" * 30)  # longer than the address of a socket may be
    write(book, {"conf.py": CONF, "word": "first", "own.css": "p {}",
                 **page("one", "two"), **page("two", "one"),
                 "index.md": "# Book\n\n```{toctree}\none\ntwo\n```\n"})
    assert built(book)[1] == ["first", "first"]

    write(book, {"word": "second", "own.css": "b {}",
                 **page("two", "one", text="The same cells.")})
    told, printed = built(book)
    assert printed == ["first", "second"]
    static = book / "_out/html/_static"
    assert (static / "own.css").read_text() == "b {}"
    assert "second" in (static / "explore.js").read_text()
    assert "executed two" in told and "executed one" not in told
