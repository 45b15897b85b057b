"""Binder gets the versions of requirements.txt, all that the chapters import, and no more."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from chapters import NOTEBOOKS, REPOSITORY, code
from notebooks import requirements
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

CONDA_NAMES = {"pytorch-cpu": "torch"}
NOT_FOR_CHAPTERS = {"python", "pip"}
ENVIRONMENT = yaml.safe_load((REPOSITORY / ".binder/environment.yml").read_text(encoding="utf-8"))


def conda() -> dict[str, SpecifierSet]:
    """Package, by its name on PyPI → versions, of Binder's environment."""
    found = {}
    for line in ENVIRONMENT["dependencies"]:
        name, versions = re.fullmatch(r"([\w-]+)(.*)", line).groups()
        exact = re.sub(r"^=(?=\d)", "==", versions) + (".*" if versions.startswith("=") else "")
        found[CONDA_NAMES.get(name, name)] = SpecifierSet(exact)
    return found


def pip(file: str) -> dict[str, SpecifierSet]:
    """Package → versions, of a requirements file."""
    lines = (REPOSITORY / file).read_text(encoding="utf-8").splitlines()
    made = [Requirement(line) for line in lines if re.match(r"\w", line)]
    return {requirement.name: requirement.specifier for requirement in made}


CHAPTERS_NEED = conda().keys() - NOT_FOR_CHAPTERS


@pytest.mark.parametrize("package", sorted(CHAPTERS_NEED))
def test_a_version_on_binder_is_that_of_the_requirements(package):
    assert conda()[package] == pip("requirements.txt")[package]
    known_to_work = pip("constraints.txt").get(package, SpecifierSet())
    assert all(conda()[package].contains(exact.version) for exact in known_to_work)
    assert known_to_work or package == "torch"  # whose builds differ from machine to machine


def test_python_on_binder_is_one_that_the_package_allows():
    allowed = re.search(r'requires-python = "(.*)"', (REPOSITORY / "pyproject.toml").read_text())[1]
    (python,) = conda()["python"]
    assert SpecifierSet(allowed).contains(python.version.removesuffix(".*"))


@pytest.mark.parametrize("chapter", NOTEBOOKS)
def test_all_that_a_chapter_imports_is_on_binder(chapter):
    needs = {Requirement(line).name for line in requirements(code(chapter), REPOSITORY).values()}
    assert needs and needs <= CHAPTERS_NEED


def test_binder_builds_no_book_and_has_pytorch_for_the_cpu():
    assert not [name for name in conda() if "sphinx" in name or "book" in name]
    assert ENVIRONMENT["channels"] == ["conda-forge", "nodefaults"]
    assert any(line.startswith("pytorch-cpu") for line in ENVIRONMENT["dependencies"])


STUB = '#!/bin/sh\necho "$(basename "$0") $*" >> "{said}"\nexit {code}\n'


def run_post_build(prefix: Path, npm_fails: bool = False) -> list[str]:
    """Run postBuild for an environment at ``prefix`` whose pip and npm do nothing but say it."""
    (prefix / "bin").mkdir(parents=True)
    for name, exit_code in (("python", 0), ("npm", int(npm_fails))):
        (prefix / "bin" / name).write_text(STUB.format(said=prefix / "said", code=exit_code))
        (prefix / "bin" / name).chmod(0o755)
    subprocess.run([REPOSITORY / ".binder/postBuild"], check=True, cwd="/", stdout=subprocess.PIPE,
                   env=os.environ | {"NB_PYTHON_PREFIX": str(prefix),
                                     "PATH": f"{prefix / 'bin'}:{os.environ['PATH']}"})
    return (prefix / "said").read_text().splitlines()


@pytest.mark.parametrize("npm_fails", [False, True])
def test_postbuild_installs_the_package_alone_and_the_slim_plotly_if_it_can(tmp_path, npm_fails):
    pip_said, npm_said = run_post_build(tmp_path / "prefix", npm_fails)
    assert "pip install" in pip_said and "--no-deps" in pip_said and pip_said.endswith("-e .")
    assert npm_said.startswith("npm ci --ignore-scripts")


def test_postbuild_keeps_what_the_server_was_told_before(tmp_path):
    config = tmp_path / "etc/jupyter/jupyter_server_config.py"
    config.parent.mkdir(parents=True)
    config.write_text("c.ServerApp.quit_button = False\n")
    run_post_build(tmp_path)
    ours = (REPOSITORY / ".jupyter/jupyter_server_config.py").read_text()
    assert config.read_text() == "c.ServerApp.quit_button = False\n" + ours
