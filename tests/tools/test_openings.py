"""How every chapter opens: its question, and beside it, one click away, the short answer."""

import re

import pytest

from tests.book import REPOSITORY, in_toc

CHAPTERS = [page for page in in_toc() if re.match(r"book/part[123]/", page)]
QUESTION = re.compile(r"^# .+\n\n\*[^*\n]+\?\* \[The short answer\]\(#([\w-]+)\)\.\n", re.MULTILINE)
ANSWER = "```{{admonition}} {}\n:class: important\n:name: {}\n"


@pytest.mark.parametrize("page", CHAPTERS)
def test_the_short_answer_is_one_click_from_the_opening_question(page):
    source = (REPOSITORY / f"{page}.md").read_text(encoding="utf-8")
    (name,) = QUESTION.findall(source)
    assert name == f"{page.rpartition('/')[2]}-answer"
    titles = "The answer", "The answers", "The errand, in five minutes"
    assert sum(source.count(ANSWER.format(title, name)) for title in titles) == 1
