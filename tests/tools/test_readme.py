"""The README's examples run and print what they say; LICENSE names whose data are here."""

import re
from pathlib import Path

import pytest

from book._extensions.content import answers
from tests.book import in_toc

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("code", EXAMPLES, ids=["core", "nn", "explore"])
def test_an_example_prints_what_its_comments_say(code, capsys):
    names = {}
    exec(code, names)
    wanted = re.findall(r"# (\[.*?\])", code)
    assert capsys.readouterr().out.split("\n")[:-1] == wanted


def test_the_table_of_contents_has_every_page_but_notes_in_its_order():
    listed = re.findall(r"^\| \[.*?\]\((book/\S+)\.md\) \|", README, re.MULTILINE)
    assert listed == [page for page in in_toc()
                      if not page.startswith("book/notes/") and page not in answers.PAGES]
