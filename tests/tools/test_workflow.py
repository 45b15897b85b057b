"""The workflows take nothing that can be moved, and deploy what has passed everything."""

import re

from tests.book import REPOSITORY

WORKFLOWS = [file.read_text("utf-8") for file in REPOSITORY.glob(".github/workflows/*.yml")]


def made(name: str) -> set[str]:
    """The make targets that a script calls."""
    text = (REPOSITORY / name).read_text("utf-8")
    return set(" ".join(re.findall(r"(?:^| )make ([a-z][a-z -]*[a-z])", text, re.M)).split())


def test_actions_are_named_by_their_commit():
    used = [line for text in WORKFLOWS for line in re.findall(r"uses: (.*)", text)]
    assert used and [line for line in used
                     if not re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v[\d.]+", line)] == []


def test_what_is_deployed_has_passed_what_continuous_integration_runs():
    assert made(".github/workflows/book.yml") == made(".ci/run") - {"book"}  # test-browser's
