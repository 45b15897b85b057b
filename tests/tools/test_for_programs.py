"""llms.txt and the pages in Markdown: the verdicts are the book's, and nothing is lost."""

import re

import nbformat

from book._extensions.notebooks.myst_to_markdown import collect_names
from book._extensions.site import for_programs
from tests.book import REPOSITORY, in_toc, source

SITE = "https://book.example.org/"
SOURCES = {page: source(page) for page in in_toc()}
NAMES = collect_names([REPOSITORY / f"{page}.md" for page in SOURCES],
                      REPOSITORY / "book/references.bib", SITE)
TITLES = {page: page.rpartition("/")[2] for page in SOURCES}
ANSWER = re.compile(r"^\((answer-.+)\)=\n(?:[#%].*\n)+\n\*\*(.+?)\*\*", re.MULTILINE)


def test_it_has_a_line_for_each_page_and_each_verdict():
    asked, listed = for_programs.llms(TITLES, SOURCES, NAMES).split("## Pages")
    answers = [line for line in asked.splitlines() if line.startswith("- ")]
    verdicts = dict(ANSWER.findall("\n".join(SOURCES.values())))
    assert len(answers) == len(set(for_programs.VERDICTS)) == 20
    for label, line in zip(for_programs.VERDICTS, answers, strict=True):
        assert verdicts[label] in line and "{" not in line
    assert len(answers) + listed.count("\n  - ") == len(verdicts)
    pages = re.findall(r"^- \[.+\]\((.+)\): .{30}", listed, re.MULTILINE)
    assert pages == [f"{SITE}{page}.md" for page in TITLES]


def test_code_stands_with_what_it_printed(tmp_path):
    new = nbformat.v4
    outputs = [new.new_output("stream", text="4\n"),
               new.new_output("display_data", {"text/markdown": "| a |", "text/plain": "?"}),
               new.new_output("display_data", {"text/html": "<p>2</p>", "text/plain": "?"})]
    nbformat.write(new.new_notebook(cells=[
        new.new_markdown_cell("# Title"), new.new_code_cell("print(2 + 2)", outputs=outputs)]),
        tmp_path / "page.ipynb")
    assert list(for_programs.plain(tmp_path / "page.ipynb", "page", "", NAMES)) == [
        "# Title", "```python\nprint(2 + 2)\n```", "```text\n4\n```", "| a |"]
