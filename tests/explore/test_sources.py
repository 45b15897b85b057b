"""Behind a page stand the files that its cells import, one through the other, and no others."""

import json
import os
import subprocess
import sys

import pytest

from lora_edu.explore.sources import PACKAGE, Sources
from tests.book import NOTEBOOKS, REPOSITORY

FILES = {
    "one.md": "```{code-cell} ipython3\n:tags: [hide-input]\n%%time\nimport numpy as np, figures\n"
              "def late():\n    import pack.inner as inner\n```\n",
    "two.md": "````{note}\n```{code-cell}\nfrom pack.deep import (\n    end)\n```\n````\n",
    "three.ipynb": json.dumps({"cells": [
        {"cell_type": "code", "source": ["import os\n", "from loose.part import x"]}]}, indent=1),
    "four.md": "```{code-cell} r\nlibrary(stats) <- %in%\n```\n",
    "figures.py": "from helper import *\nimport plotly.graph_objects as go\n",
    "helper.py": "import figures\n",
    "unread.py": "", "beside.json": "{}",
    "pack/__init__.py": "", "pack/inner.py": "from . import sibling\nfrom .far import end\n",
    "pack/sibling.py": "", "pack/numbers.csv": "1", "pack/data/more.csv": "1",
    "pack/looks.css": "",
    "pack/deep/__init__.py": "", "pack/deep/end.py": "", "pack/deep/own.csv": "1",
    "pack/far/__init__.py": "from ..deep.end import nothing\n",
    "pack/other/__init__.py": "",
    "loose/part.py": "import numpy, missing\n",
}
PACK = {"pack/__init__.py", "pack/inner.py", "pack/sibling.py", "pack/numbers.csv",
        "pack/data/more.csv", "pack/deep/__init__.py", "pack/deep/end.py", "pack/deep/own.csv",
        "pack/far/__init__.py"}
BEHIND = {"one.md": {"figures.py", "helper.py"} | PACK, "two.md": PACK,
          "three.ipynb": {"loose/part.py"}, "four.md": set()}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("page", BEHIND)
def test_behind_a_page_stands_what_its_cells_import(folder, page):
    found = Sources().behind(folder / page)
    assert {str(file.relative_to(folder.resolve())) for file in found} == BEHIND[page]


@pytest.mark.parametrize("file", [name for name in FILES if "/" in name or name.endswith(".py")])
def test_a_changed_file_changes_exactly_the_pages_that_it_stands_behind(folder, file):
    before = {page: Sources().digest(folder / page) for page in BEHIND}
    (folder / file).write_text(FILES[file] + "\n", encoding="utf-8")
    after = {page: Sources().digest(folder / page) for page in BEHIND}
    assert {page for page in BEHIND if before[page] != after[page]} == {
        page for page, files in BEHIND.items() if file in files}


def test_a_new_module_takes_an_installed_ones_place(folder):
    page = folder / "other.md"
    page.write_text("```{code-cell}\nimport plotly\n```\n")
    assert Sources().behind(page) == set()
    (folder / "plotly.py").write_text("")
    assert Sources().behind(page) == {folder.resolve() / "plotly.py"}


def test_chapters_depend_on_the_core_and_on_their_own_code():
    sources = Sources()
    behind = {page: {str(file.relative_to(PACKAGE)) for file in
                     sources.behind(REPOSITORY / f"{page}.md")} for page in NOTEBOOKS}
    assert all("optim.py" in files for files in behind.values())
    step_zero = behind["book/part1/step-zero"]
    assert "chapters/step_zero/figures.py" in step_zero and "explore/codec.py" in step_zero
    assert not any(file.startswith(("nn/", "chapters/audit/")) for file in step_zero)
    assert any("chapters/small_gpt/data/" in file for file in behind["book/part3/small-gpt"])


def test_a_digest_is_the_same_in_every_process(folder):
    code = ("import sys; from pathlib import Path; from lora_edu.explore.sources import Sources; "
            "print(Sources().digest(Path(sys.argv[1])))")
    digests = {subprocess.run([sys.executable, "-c", code, str(folder / "one.md")], check=True,
                              cwd=REPOSITORY, capture_output=True, text=True,
                              env=os.environ | {"PYTHONHASHSEED": seed}).stdout
               for seed in ("0", "1", "2")}
    assert len(digests) == 1 and len(digests.pop().strip()) == 64
