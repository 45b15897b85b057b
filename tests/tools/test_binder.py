"""Binder gets the tested versions of what chapters import, and the settings of make lab."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
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


def known_to_work() -> dict[str, str]:
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = [line.split("==") for line in lines if re.match(r"\w", line)]
    return {canonicalize_name(name): version for name, version in pinned}


@pytest.mark.parametrize("package", sorted(requirements(*EXTRAS)))
def test_the_version_known_to_work_is_one_that_is_allowed(package):
    if package == "torch":  # whose builds differ from machine to machine
        assert package not in known_to_work()
    else:
        assert known_to_work()[package] in requirements(*EXTRAS)[package]


def test_python_on_binder_is_one_that_the_package_allows():
    environment = yaml.safe_load((REPOSITORY / ".binder/environment.yml").read_text("utf-8"))
    python, pip = environment["dependencies"]
    assert python.removeprefix("python=") in SpecifierSet(PROJECT["requires-python"])
    assert pip == "pip" and environment["channels"] == ["conda-forge", "nodefaults"]


STUB = """#!/bin/sh
echo "$(basename "$0") $*" >> "{said}"
case "$*" in "-m book.lab"*) exec "{python}" "$@";; esac
exit {code}
"""


def run_post_build(folder: Path, npm_fails: bool = False) -> list[str]:
    """Run postBuild in a copy of the repository in ``folder``, for an environment beside it whose
    pip and npm do nothing but say it; what was said."""
    prefix, copy = folder / "prefix", folder / "repository"
    (prefix / "bin").mkdir(parents=True)
    for name, exit_code in (("python", 0), ("npm", int(npm_fails))):
        (prefix / "bin" / name).write_text(STUB.format(
            said=prefix / "said", python=sys.executable, code=exit_code))
        (prefix / "bin" / name).chmod(0o755)
    for part in (".binder", ".jupyter", "book", "lora_edu"):
        shutil.copytree(REPOSITORY / part, copy / part)
    for file in ("_toc.yml", "pyproject.toml", "constraints.txt"):
        shutil.copy(REPOSITORY / file, copy)
    subprocess.run([copy / ".binder/postBuild"], check=True, cwd=folder, env={
        **os.environ, "HOME": str(folder), "NB_PYTHON_PREFIX": str(prefix),
        "PATH": f"{prefix / 'bin'}:{os.environ['PATH']}"})
    return (prefix / "said").read_text().splitlines()


@pytest.mark.parametrize("npm_fails", [False, True])
def test_postbuild_makes_what_the_buttons_open(tmp_path, npm_fails):
    """It installs what chapters need as tested, the slim plotly if it can, and keeps what the
    server was told before."""
    config = tmp_path / "prefix/etc/jupyter/jupyter_server_config.py"
    config.parent.mkdir(parents=True)
    config.write_text("c.ServerApp.quit_button = False\n")
    torch, package, copies, npm = run_post_build(tmp_path, npm_fails)
    assert "--no-deps --index-url" in torch and str(requirements("nn")["torch"]) in torch
    (extras,) = re.findall(r"-c constraints\.txt -e \.\[(.*)\]$", package)
    assert "index" not in package
    brought = requirements(*extras.split(","))
    assert brought.keys() >= requirements("chapters", "torch", "peft", "lab").keys()
    assert not [name for name in brought if "sphinx" in name or "book" in name]
    assert copies == "python -m book.lab --copies"
    assert npm.startswith("npm ci --ignore-scripts")
    ours = (REPOSITORY / ".jupyter/jupyter_server_config.py").read_text()
    assert config.read_text() == "c.ServerApp.quit_button = False\n" + ours
    for page in NOTEBOOKS:
        button = {"url": f"https://mybinder.org/v2/gh/a/b/HEAD?urlpath=lab/tree/{page}.md"}
        open_copy(button, page)
        path = button["url"].partition("?urlpath=lab/tree/")[2]
        assert (tmp_path / "repository" / path).is_file()
