"""One version everywhere: of the package, in the citation and in the changelog."""

import re

import yaml

import lora_edu
from tests.book import REPOSITORY


def test_one_version_everywhere():
    """A version that is not released yet stands at the head of the changelog as in preparation."""
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    newest, state = re.search(r"^## (\S+) \((.+)\)$", changelog, re.MULTILINE).groups()
    assert citation["version"] == lora_edu.__version__
    if state != "in preparation":
        assert (newest, state) == (lora_edu.__version__, str(citation["date-released"]))
