"""Binder gets the tested versions of what chapters import, and the settings of make lab."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from book._extensions.notebooks.download import open_copy
from tests.book import NOTEBOOKS, REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def requirements(*extras: str) -> dict[str, SpecifierSet]:
    """Package → versions, of extras of the package and of those that they name."""
    names, found = list(extras), {}
    for name in names:
        for line in map(Requirement, EXTRAS[name]):
            names += line.extras if line.name == PROJECT["name"] else []
            found[canonicalize_name(line.name)] = line.specifier
    return {name: found[name] for name in found if name != canonicalize_name(PROJECT["name"])}


def test_the_versions_known_to_work_are_allowed():
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    known = {canonicalize_name(name): version for name, _, version in (
        line.partition("==") for line in lines if re.match(r"\w", line))}
    wanted = requirements(*EXTRAS)
    assert wanted.keys() - known.keys() == {"torch"}  # whose builds differ between machines
    assert [name for name in known.keys() & wanted.keys() if known[name] not in wanted[name]] == []


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
    for part in (".binder", ".jupyter", "book", "lora_edu"):
        shutil.copytree(REPOSITORY / part, copy / part)
    for file in ("_toc.yml", "pyproject.toml", "constraints.txt"):
        shutil.copy(REPOSITORY / file, copy)
    subprocess.run([copy / ".binder/postBuild"], check=True, cwd=folder, env={
        **os.environ, "HOME": str(folder), "NB_PYTHON_PREFIX": str(prefix),
        "PATH": f"{prefix / 'bin'}:{os.environ['PATH']}"})
    return (prefix / "said").read_text().splitlines()


def test_postbuild_makes_what_the_buttons_open(tmp_path):
    """It installs what chapters need as tested, the slim plotly only if it can, and keeps what the
    server was told before."""
    config = tmp_path / "prefix/etc/jupyter/jupyter_server_config.py"
    config.parent.mkdir(parents=True)
    config.write_text("c.ServerApp.quit_button = False\n")
    torch, package, copies, npm = run_post_build(tmp_path)
    assert "--no-deps --index-url" in torch and str(requirements("nn")["torch"]) in torch
    assert package.endswith("-c constraints.txt -e .[peft,lab]") and "index" not in package
    assert copies == "python -m book.lab --copies" and npm.startswith("npm ci --ignore-scripts")
    ours = (REPOSITORY / ".jupyter/jupyter_server_config.py").read_text()
    assert config.read_text() == "c.ServerApp.quit_button = False\n" + ours
    for page in NOTEBOOKS:
        button = {"url": f"https://mybinder.org/v2/gh/a/b/HEAD?urlpath=lab/tree/{page}.md"}
        open_copy(button, page)
        path = button["url"].partition("?urlpath=lab/tree/")[2]
        assert (tmp_path / "repository" / path).is_file()
