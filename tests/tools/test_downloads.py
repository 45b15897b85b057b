"""What leaves the repository: the wheel, complete; and notebooks in Markdown that any viewer shows,
with nothing lost and what is folded still folded."""

import re
import subprocess
import sys
import zipfile

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter

from book._extensions import myst
from book._extensions.notebooks.download import READS_REPOSITORY, make_alone
from book._extensions.notebooks.first_cell import extra_for, first_cell
from book._extensions.notebooks.plain import Names, Page, names
from book._extensions.notebooks.wheel import build_wheel, wheel_name
from tests.book import NOTEBOOKS, REPOSITORY, code, in_toc, notebook

SITE = "https://book.example.org/"
BOOK = names([REPOSITORY / f"{page}.md" for page in in_toc()], REPOSITORY / "book/references.bib",
             SITE)
OFFERED = [page for page in NOTEBOOKS if READS_REPOSITORY not in code(page)]
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$|^`{3,}\{math\}\n:label: [^\n]*\n(.+?)\n`{3,}",
                     re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built in a copy of the repository without asking anybody."""
    return build_wheel(REPOSITORY, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_the_package_with_chapters_and_data(wheel):
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = (REPOSITORY / "lora_edu").rglob("*")
    assert held == {file.relative_to(REPOSITORY).as_posix() for file in files
                    if file.is_file() and "__pycache__" not in file.parts}


@pytest.mark.parametrize("page, source, extra", [
    ("book/part1/step-zero", "import numpy as np", "chapters"),
    ("book/part2/invariance", "def f():\n    import torch", "torch"),
    ("book/laboratory/small-runs", "from lora_edu.nn import inject", "torch"),
    ("book/part3/starts", "from lora_edu.chapters.starts import runs", "peft")])
def test_a_notebook_installs_the_extra_that_its_code_needs(page, source, extra):
    assert extra_for(page, source) == extra
    wheel = wheel_name(REPOSITORY)
    there = first_cell(page, source, wheel, SITE)
    assert f'"lora_edu[{extra}] @ {SITE}wheels/{wheel}"' in there
    here = first_cell(page, source, wheel, "")
    assert f'"./{wheel}[{extra}]"' in here and "unpack the whole zip file" in here
    assert ("whl/cpu" in there) == (extra != "chapters")


WITHOUT = """
import sys
sys.modules |= dict.fromkeys(["torch", "peft", "transformers"])  # to import one of them fails
for page, imports in %r:
    try:
        exec(imports)
    except ImportError as error:
        print(page, error)
"""


def test_what_chapters_import_does_without_the_extras_that_they_do_not_ask_for():
    light = [(page, "\n".join(re.findall(r"^(?:from|import) (?:.*\([^)]*\)|.*)", code(page), re.M)))
             for page in OFFERED if extra_for(page, code(page)) == "chapters"]
    assert light and [page for page, imports in light if not imports] == []
    done = subprocess.run([sys.executable, "-c", WITHOUT % light], capture_output=True, text=True)
    assert done.stdout == "" and done.returncode == 0, done.stdout + done.stderr


def cells(page):
    return [cell.source for cell in notebook(page).cells if cell.cell_type == "markdown"]


def converted(page, site=SITE):
    made = Page(page, cells(page), Names(BOOK.titles, BOOK.sources, site))
    return "\n\n".join(map(made.plain, cells(page)))


def formulas(text):
    """All formulas in their order, without spaces and without the numbers of equations."""
    found = ("".join(filter(None, groups)) for groups in FORMULA.findall(text))
    return [re.sub(r"\\tag\{\d+\}|\s", "", formula) for formula in found]


@pytest.mark.parametrize("page", OFFERED)
def test_a_pages_plain_text_has_every_formula_and_word_and_no_markup_of_myst(page):
    before, after = "\n\n".join(cells(page)), converted(page)
    assert formulas(after) == formulas(before)
    words = [line.strip() for line in before.splitlines()
             if not re.search(r"[\[\](){}$<]|^\s*[`:]", line)]
    assert len(words) > 5 and [line for line in words if line not in after] == []
    shown = re.sub(r"^(`{3,})\w+\n.*?^\1$", "", after, flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"\{[\w:-]+\}`|^\s*(?:`{3,}|:{3,})\{|^:\w+:|^\([\w-]+\)=|^: ",
                      shown, re.MULTILINE) == []
    links = re.findall(r"\]\(([^()\s]+)\)", converted(page, site=""))
    assert [link for link in links if not re.match(r"https://|#[\w-]+\?", link)] == []


NAMES = Names({"thm-a": "Theorem *A claim*", "ex-b": "Exercise *Try it*"},
              {"one": ("Hu et al.", "2022", "https://a.org/1"), "two": ("me", "2020", "")}, SITE,
              frozenset({"book/part1/one", "book/beside"}))


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
    ("````{solution} ex-b\n:class: dropdown\n\nDone.\n\n```python\nx = 1\n```\n````",
     "<details>\n<summary><b>Solution: Try it</b></summary>\n\nDone.\n\n```python\nx = 1\n```\n\n"
     "</details>"),
    ("::::{grid} 1 1 2\n:gutter: 3\n\n:::{grid-item-card} A card\nWords.\n:::\n::::",
     "**A card**\n\nWords."),
    ("```{math}\n:label: eq-a\nx = 1\n```\nFrom {eq}`eq-a`.",
     "$$\nx = 1\n\\tag{1}\n$$\nFrom (1)."),
    ("Both zero\n: By accident.\n  Often.", "- **Both zero**: By accident.\n  Often."),
    ("(here)=\n## A heading", "## A heading"),
    ("```python\n{term}`kept` [as](it.md)\n```", "```python\n{term}`kept` [as](it.md)\n```"),
    ("[a](#plot?r=1) [b](#part) [c](two.md#x) [d](../beside.md#y) [f](https://g.org)",
     "[a](#plot?r=1) [b](#part) [c](https://book.example.org/book/part1/two.html#x) "
     "[d](../beside.ipynb#y) [f](https://g.org)"),
])
def test_each_form(text, expected):
    assert Page("book/part1/one", [text], NAMES).plain(text) == expected


@pytest.mark.parametrize("text, named", [
    ("```{figure} a.png\n```", "directive 'figure'"), ("{doc}`one`", "role 'doc'"),
    ("{cite}`nobody2020`", "source .* 'nobody2020'")])
def test_what_has_no_plain_form_is_refused_by_name(text, named):
    with pytest.raises(ValueError, match=f"book/one: no .*{named}"):
        Page("book/one", [text], NAMES).plain(text)


@pytest.mark.parametrize("page", ["book/part1/step-zero", "book/part1/by-hand"])
def test_what_is_folded_stands_in_closed_details_and_nowhere_else(page):
    """As HTML, of a page's download."""
    gated = [part for part in myst.directives("\n\n".join(cells(page)))
             if part.name in ("solution", "dropdown") and "{contents}" not in part.body]
    own = nbformat.reads(nbformat.writes(nbformat.from_dict(notebook(page))), as_version=4)
    make_alone(own, REPOSITORY, page, BOOK)
    html, _ = HTMLExporter(template_name="lab").from_notebook_node(own)
    details = BeautifulSoup(html, "html.parser").find_all("details")
    assert len(details) == len(gated) > 5
    assert [part for part in details if part.has_attr("open") or not part.summary] == []
