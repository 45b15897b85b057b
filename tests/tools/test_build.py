"""A page asks for the script that the site has, also where only the script has changed."""

import re
import zlib

from tests.small_book import NOTEBOOK, build, cell, write

CONF = """
from pathlib import Path
from book._extensions import build
from lora_edu.explore import assets

extensions, html_theme = ["myst_nb", "lora_edu.explore.sphinx_ext"], "basic"
nb_execution_mode = "force"
ours, here = assets.page_script, Path(__file__).parent
assets.page_script = lambda bundles: ours(bundles) + (here / "word").read_text()
build.OWN_FILES = [here / "own.css"]

def setup(app):
    app.run_page = None
    app.connect("builder-inited", build.copy_own_files)
    app.connect("env-updated", build.pages_to_write_again)
    app.add_css_file("own.css")
"""
PAGE = f"{NOTEBOOK}# Title\n" + cell("""\
from lora_edu.explore import explore
explore(lambda y: {"data": [{"y": [y]}]}, name="one", y=[1, 2])""")


def test_a_page_names_the_checksum_of_what_it_asks_for(tmp_path):
    write(tmp_path, {"conf.py": CONF, "index.md": PAGE})
    seen = []
    for word in ("one", "two"):
        write(tmp_path, {"word": f"// {word}", "own.css": f"/* {word} */"})
        assert build(tmp_path).returncode == 0
        html = (tmp_path / "_out/html/index.html").read_text(encoding="utf-8")
        for name in ("explore.js", "explore.css", "own.css"):
            there = (tmp_path / "_out/html/_static" / name).read_bytes()
            asked = re.search(rf"{name}\?v=(\w+)", html)[1]
            assert asked == f"{zlib.crc32(there):08x}", (name, word)
            seen.append(asked)
    assert len(set(seen)) == 5  # explore.css alone is the same
