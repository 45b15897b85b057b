"""Binder gets the tested versions of what chapters import, and the settings of make lab."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from book._extensions.notebooks.copies import copy_names
from tests.book import NOTEBOOKS, REPOSITORY

PROJECTS = [tomllib.loads((REPOSITORY / name).read_text(encoding="utf-8"))["project"]
            for name in ("pyproject.toml", "book/pyproject.toml")]
OURS = {project["name"] for project in PROJECTS}
# The tools of Your settings have an environment of their own.
EXTRAS = [lines for project in PROJECTS
          for name, lines in project["optional-dependencies"].items() if name != "tools"]
WANTED = [line for lines in (*(project["dependencies"] for project in PROJECTS), *EXTRAS)
          for line in map(Requirement, lines) if line.name not in OURS]


def test_each_has_a_known_version():
    """But torch, whose builds differ between machines. (pip refuses one that is not allowed.)"""
    text = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8")
    known = set(map(canonicalize_name, re.findall(r"^([\w.-]+)==", text, re.MULTILINE)))
    assert {canonicalize_name(line.name) for line in WANTED} - known == {"torch"}


STUB = """#!/bin/sh
echo "$(basename "$0") $*" >> "{said}"
case "$*" in "-m book.lab"*) exec "{python}" "$@";; "ci "*) exit 1;; esac
"""


def run_post_build(folder: Path) -> list[str]:
    """Run postBuild in a copy of the repository in ``folder``, for an environment beside it whose
    pip does nothing but say it, and whose npm fails; what was said."""
    prefix, copy = folder / "prefix", folder / "repository"
    (prefix / "bin").mkdir(parents=True)
    for name in ("python", "npm"):
        (prefix / "bin" / name).write_text(STUB.format(said=prefix / "said", python=sys.executable))
        (prefix / "bin" / name).chmod(0o755)
    copy.mkdir()
    parts = (".binder", ".jupyter", "book", "lora_edu", "_toc.yml", "pyproject.toml")
    subprocess.run(["cp", "-r", *parts, copy], check=True, cwd=REPOSITORY)
    subprocess.run([copy / ".binder/postBuild"], check=True, cwd=folder, env={
        **os.environ, "HOME": str(folder), "NB_PYTHON_PREFIX": str(prefix),
        "PATH": f"{prefix / 'bin'}:{os.environ['PATH']}"})
    return (prefix / "said").read_text().splitlines()


def test_postbuild_makes_what_the_buttons_open(tmp_path):
    """It installs what chapters need as tested, and the slim plotly only if it can."""
    torch, package, copies, npm = run_post_build(tmp_path)
    assert "--no-deps --index-url" in torch
    assert torch.split()[-1] in {str(line) for line in WANTED}
    assert package.endswith("-c constraints.txt -e . -e ./book[peft,lab]")
    assert "index" not in package
    assert copies == "python -m book.lab --copies" and npm.startswith("npm ci --ignore-scripts")
    ours = REPOSITORY / ".jupyter/jupyter_server_config.py"
    config = tmp_path / "prefix/etc/jupyter/jupyter_server_config.py"
    assert config.read_text() == ours.read_text()
    assert (config.parent / "jupyter_config.py").is_file()
    names = copy_names(REPOSITORY)
    assert set(NOTEBOOKS) <= set(names)
    for name in names.values():
        assert (tmp_path / "repository/notebooks" / name).is_file()
