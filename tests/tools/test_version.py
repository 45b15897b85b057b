"""One version everywhere: of both packages, in the citation, the glossary and the changelog."""

import re
import tomllib

import yaml

import lora_edu
from tests.book import REPOSITORY, source


def test_one_version_everywhere():
    """A version that is not released yet stands at the head of the changelog as in preparation."""
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    newest, state = re.search(r"^## (\S+) \((.+)\)$", changelog, re.MULTILINE).groups()
    book = tomllib.loads((REPOSITORY / "book/pyproject.toml").read_text(encoding="utf-8"))
    assert citation["version"] == lora_edu.__version__ == book["project"]["version"]
    bibtex = dict(re.findall(r"^  (\w+) += \{\{?([^}]+)\}", source("book/glossary"), re.MULTILINE))
    assert bibtex["version"] == citation["version"]
    assert bibtex["title"] == citation["title"]
    assert bibtex["author"] == citation["authors"][0]["name"]
    assert bibtex["year"] == str(citation["date-released"].year)
    if state != "in preparation":
        assert (newest, state) == (lora_edu.__version__, str(citation["date-released"]))
