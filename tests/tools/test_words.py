"""The prose of the pages says each of these things in standard English.

Only prose is read: fenced code, inline code, comments and quotations of the paper are left out. A
word that is right in one place and wrong in another has no rule.
"""

import re
from pathlib import Path

import pytest

BOOK = Path(__file__).parents[2] / "book"
PAGES = sorted(BOOK.rglob("*.md"))
NUMBERS = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|twenty|thirty|fifty"
# pattern → what to write
RULES = {
    r"\bmostly\b": "usually",
    r"\blikelier\b": "more likely",
    r"\brightly\b": "correctly",
    r"\banew\b": "again",
    r"\bone hears\b": "it is often said",
    r"\bof whom\b": "a sentence of its own",
    r"\bby as much\b": "by the same factor",
    r"\bthe more so\b": "even more so",
    r"\bleast loss(es)?\b": "lowest loss",
    r"\bin the place of\b": "instead of",
    rf"\bsome (\d[\d,]*|{NUMBERS}|a? ?hundreds?|a? ?thousands?)\b(?! of)": "about",
    r", for (it|they|he|she|we|this|that|these|there) (is|are|was|were|has|have)\b": "because",
    r"\bbeside (that|those) of\b": "compared with",
}
NO_PROSE = re.compile(
    r"\A---\n.*?\n---\n|^(`{3,}) *(?:\{code-cell\}|\{eval-rst\}|\w+ *$).*?^\1 *$"
    r"|^%.*?$|^> .*?$|`[^`\n]*`", re.DOTALL | re.MULTILINE)


def problems(text: str) -> list[str]:
    prose = NO_PROSE.sub(lambda match: "\n" * match[0].count("\n"), text)
    return [f"line {prose.count(chr(10), 0, match.start()) + 1}: “{match[0]}”: write “{better}”"
            for pattern, better in RULES.items()
            for match in re.finditer(pattern, prose, re.IGNORECASE)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(BOOK).as_posix())
def test_a_page_has_no_word_that_the_sheet_forbids(page):
    assert problems(page.read_text(encoding="utf-8")) == []
