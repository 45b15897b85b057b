"""The back matter agrees with the package and with itself."""

import re
from pathlib import Path

import yaml

import lora_edu

BOOK = Path(__file__).parents[2] / "book"
CITATION = yaml.safe_load((BOOK.parent / "CITATION.cff").read_text(encoding="utf-8"))


def text(name):
    return (BOOK / name).read_text(encoding="utf-8")


def entries():
    """(terms, body) of each entry of the glossary."""
    found = []
    for block in re.findall(r"```\{glossary\}\n(.*?)```", text("glossary.md"), re.DOTALL):
        for entry in block.strip().split("\n\n"):
            lines = entry.split("\n")
            found.append(([line for line in lines if not line.startswith(" ")],
                          " ".join(line.strip() for line in lines if line.startswith(" "))))
    return found


def test_one_version_everywhere():
    newest = re.search(r"^## (\S+) \((\d\S+)\)$", text("changelog.md"), re.MULTILINE)  # released
    assert newest.groups() == (lora_edu.__version__, str(CITATION["date-released"]))
    assert CITATION["version"] == lora_edu.__version__


def test_each_term_is_explained_once_and_leads_to_its_section():
    terms = [term.lower() for names, _ in entries() for term in names]
    assert len(terms) == len(set(terms)) > 40
    for names, body in entries():
        assert names and re.search(r"\]\(([\w-]+/)?[\w-]+\.md(#[^)]+)?\)\.?$", body), names
        assert len(re.sub(r"\[.*", "", body)) < 240, names  # one or two sentences
