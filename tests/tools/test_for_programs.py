"""llms.txt and the pages in Markdown: the verdicts are the book's, and nothing is lost."""

import re
from dataclasses import replace

import nbformat
import pytest

from book._extensions.notebooks.myst_to_markdown import collect_names
from book._extensions.site import for_programs
from tests.book import REPOSITORY, in_toc, source

SITE = "https://book.example.org/"
PAGES = in_toc()
SOURCES = {page: source(page) for page in PAGES}
NAMES = replace(collect_names([REPOSITORY / f"{page}.md" for page in PAGES],
                              REPOSITORY / "book/references.bib", SITE),
                beside=frozenset(PAGES), ending=".md")
TITLES = {page: page.rpartition("/")[2] for page in PAGES}


def test_it_has_a_line_for_each_page_and_each_verdict():
    asked, pages = for_programs.llms(TITLES, SOURCES, NAMES).split("## Pages")
    answers = [line for line in asked.splitlines() if line.startswith("- ")]
    assert len(answers) == len(set(for_programs.VERDICTS)) == 20
    for label, line in zip(for_programs.VERDICTS, answers, strict=True):
        [text] = [text for text in SOURCES.values() if f"({label})=" in text]
        of_label = text.partition(f"({label})=")[2]
        verdict = re.search(r"^\*\*(.+?)\*\*", of_label, re.MULTILINE)[1]
        assert verdict in line and "{" not in line
    lines = pages.strip().splitlines()
    questions = {line for line in lines if line.startswith("  - ")}
    assert len(answers) + len(questions) == "".join(SOURCES.values()).count("\n(answer-")
    for page, line in zip(PAGES, [line for line in lines if line not in questions], strict=True):
        address, description = re.fullmatch(r"- \[.+\]\((.+)\): (.+)", line).groups()
        assert address == f"{SITE}{page}.md" and len(description) > 30


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_plain_markdown(tmp_path, page):
    text = "\n\n".join(for_programs.plain(tmp_path / "none", page, re.sub(
        r"```\{code-cell\}.*?\n```", "", SOURCES[page], flags=re.DOTALL), NAMES))
    outside = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    assert text.startswith("# ") and "{prf:" not in text
    assert not re.search(r"\{(cite|term|eq|only)\b", outside)
    for target in re.findall(r"\]\(([\w./-]+\.md)", outside):
        there = (REPOSITORY / page).parent / target
        assert there.resolve().is_file(), target


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
