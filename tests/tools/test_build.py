"""A page asks for the script that the site has, also where only the script has changed."""

import os
import re
import subprocess
import sys
import zlib

from tests.book import REPOSITORY

CONF = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(REPOSITORY)!r})
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
PAGE = """---
file_format: mystnb
kernelspec: {name: python3, display_name: Python 3}
---
# Title

```{code-cell} ipython3
from lora_edu.explore import explore
explore(lambda y: {"data": [{"y": [y]}]}, name="one", y=[1, 2])
```
"""


def test_a_page_names_the_checksum_of_what_it_asks_for(tmp_path):
    (tmp_path / "conf.py").write_text(CONF, encoding="utf-8")
    (tmp_path / "index.md").write_text(PAGE, encoding="utf-8")
    seen = []
    for word in ("// one", "// two"):
        (tmp_path / "word").write_text(word)
        (tmp_path / "own.css").write_text(f"/{word[1:].replace('/', '*')} */")
        subprocess.run([sys.executable, "-m", "sphinx", "-q", tmp_path, tmp_path / "_out"],
                       check=True, env=os.environ | {"TMPDIR": str(tmp_path)})
        html = (tmp_path / "_out/index.html").read_text(encoding="utf-8")
        for name in ("explore.js", "explore.css", "own.css"):
            there = (tmp_path / "_out/_static" / name).read_bytes()
            asked = re.search(rf"{name}\?v=(\w+)", html)[1]
            assert asked == f"{zlib.crc32(there):08x}", (name, word)
            seen.append(asked)
    assert len(set(seen)) == 5  # explore.css alone is the same
