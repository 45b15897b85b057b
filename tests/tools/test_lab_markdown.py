"""A chapter's text for JupyterLab: what needs the whole book is replaced, all else is as it was."""

import re

import pytest
from lab_markdown import SETTINGS, book, for_lab, parts

from tests.book import NOTEBOOKS, REPOSITORY, in_toc, notebook

BOOK = book(REPOSITORY)
PAGES = [page for page in in_toc() if "```{" in (REPOSITORY / f"{page}.md").read_text("utf-8")]
ROLE = re.compile(r"\{([\w:]+)\}`(?:[^`<]*<)?([^`>]+)>?`")


def text(page):
    return (REPOSITORY / f"{page}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_no_role_is_left_that_needs_another_page(page):
    made = for_lab(text(page), page, BOOK)
    left = [(role, label) for role, label in ROLE.findall(made) if role != "abbr"]
    assert [role for role, label in left if role not in ("prf:ref", "eq")] == []
    assert [label for role, label in left if f"\n:label: {label}\n" not in made] == []


@pytest.mark.parametrize("page", PAGES)
def test_code_and_all_words_outside_roles_are_as_they_were(page):
    made = for_lab(text(page), page, BOOK)
    code = [[part for code, part in parts(t) if code] for t in (text(page), made)]
    assert code[0] == code[1]
    cells = [cell for cell in notebook(page).cells if cell.cell_type == "code"]
    assert len(cells) * (page in NOTEBOOKS) == sum(part.startswith("```{code") for part in code[0])
    touched = {text(page)[:role.start()].count("\n") + more for role in ROLE.finditer(text(page))
               for more in range(role[0].count("\n") + 1)}
    kept = [line for number, line in enumerate(text(page).splitlines()) if number not in touched]
    rest = iter(made.splitlines())
    assert len(kept) > 5 and [line for line in kept if line not in rest] == []


@pytest.mark.parametrize("page", PAGES)
def test_links_to_other_pages_lead_to_what_is_there(page):
    made = for_lab(text(page), page, BOOK)
    new = set(re.findall(r"\]\(([\w./-]+\.md)(?:#([\w-]+))?\)", made)) - set(
        re.findall(r"\]\(([\w./-]+\.md)(?:#([\w-]+))?\)", text(page)))
    for file, label in new:
        there = (REPOSITORY / page).parent / file
        assert not label or f":label: {label}\n" in there.read_text(encoding="utf-8")


def test_every_word_of_the_glossary_has_a_meaning_in_plain_words():
    entries = text("book/glossary").split("```{glossary}")[1:]
    words = [line.casefold() for part in entries for line in part.split("```")[0].splitlines()
             if line and line[0] != " "]
    assert list(BOOK.meanings) == words and len(words) > 40
    assert [meaning for meaning in BOOK.meanings.values()
            if re.search(r"[\\{}$`]|\]\(", meaning) or len(meaning) < 20] == []


@pytest.mark.parametrize("before, after", [
    ("A {term}`rank` and {term}`the ranks <rank>`.",
     "A [{abbr}`rank (RANK)`](../glossary.md) and [{abbr}`the ranks (RANK)`](../glossary.md)."),
    ("By {prf:ref}`thm-adam`, {prf:ref}`said\nthere <thm-adam>`",
     "By [{abbr}`Theorem 9 (The invariance)`](../part2/x.md#thm-adam), "
     "[said\nthere](../part2/x.md#thm-adam)"),
    ("{prf:ref}`thm-own` and {eq}`eq-own`", "{prf:ref}`thm-own` and {eq}`eq-own`"),
    ("{eq}`eq-other`", "[(2)](../part2/x.md#eq-other)"),
    ("Seen {cite}`one`.", "Seen ([Hu et al., 2022](https://a.org/1))."),
    ("```{prf:theorem} Own\n:label: thm-own\n\nIt is {term}`rank`.\n```\n",
     "```{prf:theorem} Own\n:label: thm-own\n:number: 4\n\nIt is "
     "[{abbr}`rank (RANK)`](../glossary.md).\n```\n"),
    ("```{prf:proof}\nClear.\n```\n", "```{prf:proof}\n:nonumber:\nClear.\n```\n"),
    ("```{math}\n:label: eq-own\nx\n```", "```{math}\n:label: eq-own\n:number: 1\n"
                                          ":enumerated: true\nx\n```"),
    ("````{solution} thm-own\n```python\n{term}`kept`\n```\n{cite:t}`one`\n````",
     "````{solution} thm-own\n```python\n{term}`kept`\n```\n"
     "[Hu et al. (2022)](https://a.org/1)\n````"),
    ("---\na: b\n---\n\n# T", "---\na: b\n---\n\n" + SETTINGS + "# T")])
def test_each_form(before, after):
    names = type(BOOK)(
        {"thm-adam": "Theorem *The invariance*"}, {"one": ("Hu et al.", "2022", "https://a.org/1")},
        numbers={"thm-adam": ("book/part2/x", "Theorem", 9), "eq-own": ("book/part1/one", "", 1),
                 "thm-own": ("book/part1/one", "Theorem", 4), "eq-other": ("book/part2/x", "", 2)},
        meanings={"rank": "RANK"})
    assert for_lab(before, "book/part1/one", names) == after


@pytest.mark.parametrize("words, named", [("{term}`nothing`", "does not have 'nothing'"),
                                          ("{prf:ref}`thm-x`", "labelled 'thm-x'"),
                                          ("{cite}`nobody`", "called 'nobody'")])
def test_what_the_book_does_not_have_is_refused_by_name(words, named):
    with pytest.raises(ValueError, match=f"book/one: .*{named}"):
        for_lab(words, "book/one", BOOK)
