"""The workflows that publish the site and look after it do what they say, and little else."""

import re
from pathlib import Path

import pytest
import yaml

from tests.book import REPOSITORY

FILES = sorted((REPOSITORY / ".github/workflows").glob("*.yml"))
BOOK = yaml.safe_load((REPOSITORY / ".github/workflows/book.yml").read_text(encoding="utf-8"))
MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")


def made(file: Path) -> list[str]:
    """The make targets that a script calls."""
    lines = re.findall(r"(?:^| )make ([a-z][a-z -]*[a-z])", file.read_text("utf-8"), re.MULTILINE)
    return [target for line in lines for target in line.split()]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_actions_are_named_by_their_commit_and_packages_come_from_one_index(file):
    text = file.read_text(encoding="utf-8")
    uses = re.findall(r"uses: (.*)", text)
    assert uses and [line for line in uses
                     if not re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v[\d.]+", line)] == []
    assert "EXTRA_INDEX" not in text and "secrets." not in text


def test_a_workflow_names_one_commit_for_an_action():
    uses = {line for file in FILES for line in re.findall(r"uses: (.*)", file.read_text("utf-8"))}
    assert len(uses) == len({line.partition("@")[0] for line in uses})


@pytest.mark.parametrize("file", [*FILES, REPOSITORY / ".ci/run"], ids=lambda file: file.name)
def test_every_target_that_is_called_is_one_of_the_makefile(file):
    assert made(file) and [target for target in made(file)
                           if not re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)] == []


def test_a_site_is_deployed_only_from_main_when_continuous_integrations_targets_have_passed():
    jobs = BOOK["jobs"]
    assert jobs["build"]["needs"] == "test" and jobs["deploy"]["needs"] == "build"
    assert jobs["deploy"]["if"] == (
        "github.event_name != 'pull_request' && github.ref == 'refs/heads/main'")
    both = [set(made(REPOSITORY / file)) for file in (".github/workflows/book.yml", ".ci/run")]
    assert both[0] == both[1] - {"book"}  # which test-browser builds


def test_nothing_may_write_but_the_deployment():
    for file in FILES:
        workflow = yaml.safe_load(file.read_text(encoding="utf-8"))
        assert workflow["permissions"] == {"contents": "read"}
        rights = {name: job["permissions"] for name, job in workflow["jobs"].items()
                  if "permissions" in job}
        assert rights == ({} if file.stem != "book" else {
            "build": {"contents": "read", "pages": "read"},
            "deploy": {"pages": "write", "id-token": "write"}})


def test_no_cache_keeps_what_the_cells_printed():
    """Every build executes every cell; a cache is keyed on all that says what is installed."""
    (key,) = set(re.findall(r"key: (.*)", (REPOSITORY / ".github/workflows/book.yml").read_text()))
    assert {"pyproject.toml", "requirements*.txt", "constraints.txt",
            "package-lock.json"} <= set(re.findall(r"'([^']+)'", key))
    cached = {tuple(step["with"]["path"].split()) for job in BOOK["jobs"].values()
              for step in job["steps"] if step.get("uses", "").startswith("actions/cache")}
    assert cached == {(".venv", "node_modules")}
