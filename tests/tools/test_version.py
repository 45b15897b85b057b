"""One version everywhere: of the package, in the citation and in the changelog."""

import re

import yaml

import lora_edu
from tests.book import REPOSITORY


def test_one_version_everywhere():
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (REPOSITORY / "book/changelog.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+) \((\d\S+)\)$", changelog, re.MULTILINE)  # released
    assert newest.groups() == (lora_edu.__version__, str(citation["date-released"]))
    assert citation["version"] == lora_edu.__version__
