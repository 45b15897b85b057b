"""llms.txt: the verdicts are the book's. (Its pages: test_addresses.)"""

import re

from book._extensions.notebooks.myst_to_markdown import collect_names
from book._extensions.site import for_programs
from tests.book import REPOSITORY, in_toc, source

SITE = "https://book.example.org/"
SOURCES = {page: source(page) for page in in_toc()}
NAMES = collect_names(REPOSITORY, SOURCES, SITE)
TITLES = {page: page.rpartition("/")[2] for page in SOURCES}
ANSWER = re.compile(r"^\((answer-.+)\)=\n(?:[#%].*\n)+\n\*\*(.+?)\*\*", re.MULTILINE)


def test_it_has_a_line_for_each_verdict():
    asked, listed = for_programs.llms(TITLES, SOURCES, NAMES).split("## Pages")
    answers = [line for line in asked.splitlines() if line.startswith("- ")]
    verdicts = dict(ANSWER.findall("\n".join(SOURCES.values())))
    assert len(answers) == len(set(for_programs.VERDICTS)) == 20
    for label, line in zip(for_programs.VERDICTS, answers, strict=True):
        assert verdicts[label] in line and "{" not in line
    assert len(answers) + listed.count("\n  - ") == len(verdicts)
