"""A downloaded notebook's text: nothing of it is lost, and no viewer needs to know MyST."""

import re

import pytest
from notebooks import READS_REPOSITORY
from plain_markdown import Names, Page, sources, titles

from tests.book import NOTEBOOKS, REPOSITORY, code, in_toc, notebook

SOURCES = sources(REPOSITORY / "book/references.bib")
TITLES = {label: title for page in in_toc()
          for label, title in titles((REPOSITORY / f"{page}.md").read_text("utf-8")).items()}
SITE = "https://book.example.org/"
OFFERED = [page for page in NOTEBOOKS if READS_REPOSITORY not in code(page)]
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$|^`{3,}\{math\}\n:label: [^\n]*\n(.+?)\n`{3,}",
                     re.DOTALL | re.MULTILINE)


def cells(page):
    return [cell.source for cell in notebook(page).cells if cell.cell_type == "markdown"]


def converted(page, site=SITE):
    made = Page(page, cells(page), Names(TITLES, SOURCES, site))
    return "\n\n".join(map(made.plain, cells(page)))


def formulas(text):
    """All formulas in their order, without spaces and without the numbers of equations."""
    found = ("".join(filter(None, groups)) for groups in FORMULA.findall(text))
    return [re.sub(r"\\tag\{\d+\}|\s", "", formula) for formula in found]


@pytest.mark.parametrize("page", OFFERED)
def test_no_markup_is_left_that_only_myst_knows(page):
    shown = re.sub(r"^(`{3,})\w+\n.*?^\1$", "", converted(page), flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"\{[\w:-]+\}`|^\s*(?:`{3,}|:{3,})\{|^:\w+:|^\([\w-]+\)=|^: ",
                      shown, re.MULTILINE) == []


@pytest.mark.parametrize("page", OFFERED)
def test_every_formula_and_every_line_of_plain_words_arrives(page):
    before, after = "\n\n".join(cells(page)), converted(page)
    assert formulas(after) == formulas(before)
    words = [line.strip() for line in before.splitlines()
             if not re.search(r"[\[\](){}$<]|^\s*[`:]", line)]
    assert len(words) > 5
    assert [line for line in words if line not in after] == []


@pytest.mark.parametrize("page", OFFERED)
def test_without_a_site_no_link_leads_to_a_page_that_is_not_there(page):
    links = re.findall(r"\]\(([^()\s]+)\)", converted(page, site=""))
    assert [link for link in links if not re.match(r"https://|#[\w-]+\?", link)] == []


NAMES = Names({"thm-a": "Theorem *A claim*", "ex-b": "Exercise *Try it*"},
              {"one": ("Hu et al.", "2022", "https://a.org/1"), "two": ("me", "2020", "")}, SITE)


@pytest.mark.parametrize("text, expected", [
    ("A {term}`rank` and {term}`ranks <rank>`.", "A rank and ranks."),
    ("Seen {cite}`one,two`.", "Seen ([Hu et al., 2022](https://a.org/1); me, 2020)."),
    ("{cite:t}`one` say", "[Hu et al. (2022)](https://a.org/1) say"),
    ("It is {prf:ref}`said there <thm-a>`.", "It is said there."),
    ("By {prf:ref}`thm-a`, and\n{prf:ref}`ex-b`.",
     "By Theorem *A claim*, and\nExercise *Try it*."),
    ("```{prf:theorem} A claim\n:label: thm-a\n\nFor $a$,\n\n$$\na\n= b.\n$$\n```",
     "> **Theorem (A claim).** For $a$,\n>\n> $$ a = b. $$"),
    ("```{prf:proof}\nClear.\n```", "> *Proof.* Clear. ∎"),
    ("```{admonition} The answer\n:class: important\nYes.\n```", "> **The answer**\n>\n> Yes."),
    ("```{exercise} Try it\n:label: ex-b\n\nDo.\n\n:::{dropdown} Hint\nSo.\n:::\n```",
     "**Exercise: Try it.** Do.\n\n<details>\n<summary><b>Hint</b></summary>\n\nSo.\n\n</details>"),
    ("```{solution} ex-b\n:class: dropdown\n\nDone.\n```",
     "<details>\n<summary><b>Solution: Try it</b></summary>\n\nDone.\n\n</details>"),
    ("::::{grid} 1 1 2\n:gutter: 3\n\n:::{grid-item-card} A card\nWords.\n:::\n::::",
     "**A card**\n\nWords."),
    ("```{math}\n:label: eq-a\nx = 1\n```\nFrom {eq}`eq-a`.",
     "$$\nx = 1\n\\tag{1}\n$$\nFrom (1)."),
    ("Both zero\n: By accident.\n  Often.", "- **Both zero**: By accident.\n  Often."),
    ("(here)=\n## A heading", "## A heading"),
    ("```python\n{term}`kept` [as](it.md)\n```", "```python\n{term}`kept` [as](it.md)\n```"),
    ("[a](#plot?r=1) [b](#part) [c](two.md#x) [d](../e.md) [f](https://g.org)",
     "[a](#plot?r=1) [b](https://book.example.org/book/part1/one.html#part) "
     "[c](https://book.example.org/book/part1/two.html#x) "
     "[d](https://book.example.org/book/e.html) [f](https://g.org)"),
])
def test_each_form(text, expected):
    assert Page("book/part1/one", [text], NAMES).plain(text) == expected


@pytest.mark.parametrize("text, named", [("```{figure} a.png\n```", "directive 'figure'"),
                                         ("```{solution-start} ex-b\n```", "'solution-start'"),
                                         ("{doc}`one`", "role 'doc'"),
                                         ("{cite}`nobody2020`", "source .* 'nobody2020'")])
def test_what_has_no_plain_form_is_refused_by_name(text, named):
    with pytest.raises(ValueError, match=f"book/one: no .*{named}"):
        Page("book/one", [text], NAMES).plain(text)
