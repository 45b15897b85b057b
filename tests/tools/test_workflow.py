"""What continuous integration calls is there, and the workflows take nothing that can be moved."""

import re
from pathlib import Path

import pytest

from tests.book import REPOSITORY

FILES = sorted((REPOSITORY / ".github/workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text("utf-8"), re.M))


def made(file: Path) -> set[str]:
    """The make targets that a script calls."""
    lines = re.findall(r"(?:^| )make ([a-z][a-z -]*[a-z])", file.read_text("utf-8"), re.MULTILINE)
    return {target for line in lines for target in line.split()}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_actions_are_named_by_their_commit_and_targets_exist(file):
    text = file.read_text(encoding="utf-8")
    assert [line for line in re.findall(r"uses: (.*)", text)
            if not re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v[\d.]+", line)] == []
    assert "EXTRA_INDEX" not in text and "secrets." not in text
    assert made(file) and made(file) <= TARGETS


def test_what_is_deployed_has_passed_what_continuous_integration_runs():
    deployed, here = made(REPOSITORY / ".github/workflows/book.yml"), made(REPOSITORY / ".ci/run")
    assert deployed == here - {"book"}  # which test-browser builds
