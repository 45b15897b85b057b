"""What leaves the repository: whole wheels; and notebooks in Markdown that any viewer shows,
with nothing lost."""

import re
import zipfile

import pytest

from book._extensions.notebooks.first_cell import first_cell
from book._extensions.notebooks.myst_to_markdown import Names, Page, collect_names
from book._extensions.notebooks.wheel import build_wheels, wheel_names
from tests.book import REPOSITORY, in_toc, source

SITE = "https://book.example.org/"
BOOK = collect_names(REPOSITORY, in_toc(), SITE)
PAGES = [page for page in in_toc() if "{eval-rst}" not in source(page)]
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$|^`{3,}\{math\}\n:label: [^\n]*\n(.+?)\n`{3,}",
                     re.DOTALL | re.MULTILINE)


def test_each_wheel_holds_its_package_with_data_and_the_licence(tmp_path):
    wheels = build_wheels(REPOSITORY, tmp_path)  # in a copy, without asking anybody
    packages = (REPOSITORY / "lora_edu", REPOSITORY / "book/lora_book")
    for wheel, package in zip(wheels, packages, strict=True):
        names = zipfile.ZipFile(wheel).namelist()
        held = {name for name in names if ".dist-info/" not in name}
        assert held == {file.relative_to(package.parent).as_posix() for file in package.rglob("*")
                        if file.is_file() and "__pycache__" not in file.parts}
        assert [name for name in names if name.endswith("/LICENSE")]


@pytest.mark.parametrize("source, extra", [
    ("import numpy as np", ""),
    ("from lora_book.step_zero import figures", ""),
    ("from lora_edu.nn import inject", "torch"),
    ("from lora_book.small_gpt.figures import losses", "torch"),  # imports it itself
    ("from peft import LoraConfig", "peft"),
    ("from lora_book.in_practice.runs_memory import measure", "peft")])  # when called
def test_a_notebook_installs_the_extra_that_its_code_needs(source, extra):
    library, book = wheel_names(REPOSITORY)
    online = first_cell(source, [library, book], SITE)
    beside = first_cell(source, [library, book], "")
    brackets = f"[{extra}]" if extra else ""
    assert f'"lora_edu @ {SITE}wheels/{library}" ' in online
    assert f'"lora_book{brackets} @ {SITE}wheels/{book}"' in online
    assert f'"./{library}" "./{book}{brackets}"' in beside
    assert ("whl/cpu" in online) == bool(extra)


def written(page):
    """What stands on a page beside its code and beside what only a page has."""
    return re.sub(r"\A---\n.*?\n---\n|^```\{(?:code-cell|only)\}.*?^```$", "", source(page),
                  flags=re.DOTALL | re.MULTILINE)


def converted(page, site=SITE):
    text = written(page)
    return Page(page, [text], Names(BOOK.titles, BOOK.sources, site)).plain(text)


def formulas(text):
    """All formulas in their order, without spaces and without the numbers of equations."""
    whole = ("".join(filter(None, groups)) for groups in FORMULA.findall(text))
    return [re.sub(r"\\tag\{\d+\}|\s", "", formula) for formula in whole]


@pytest.mark.parametrize("page", PAGES)
def test_a_pages_plain_text_has_every_formula_and_word_and_no_markup_of_myst(page):
    before = written(page)
    after = converted(page)
    shown = re.sub(r"^(`{3,})\w+\n.*?^\1$", "", after, flags=re.MULTILINE | re.DOTALL)
    assert formulas(shown) == formulas(before)
    words = [line.strip() for line in before.splitlines()
             if not re.search(r"[\[\](){}$<]|^\s*[`:%]", line)]
    assert len(words) > 5 and [line for line in words if line not in after] == []
    assert re.findall(r"\{[\w:-]+\}`|^\s*(?:`{3,}|:{3,})\{|^:\w+:|^\([\w-]+\)=|^: |^% ",
                      shown, re.MULTILINE) == []
    links = re.findall(r"(?<!!)\[[^\[\]]+\]\(([^()\s]+)\)", converted(page, site=""))
    assert [link for link in links if not re.match(r"https://|#[\w-]+\?", link)] == []


NAMES = Names({"thm-a": "Theorem *A claim*", "ex-b": "Exercise *Try it*"},
              {"one": ("Hu et al.", "2022", "https://a.org/1"), "two": ("me", "2020", "")}, SITE,
              files={"book/part1/one": "part1/one.ipynb", "book/beside": "02-beside.ipynb"},
              homes={"own-part": "book/part1/one", "answer-b": "book/beside"})


@pytest.mark.parametrize("text, expected", [
    ("A {term}`rank` and {term}`ranks <rank>`.", "A rank and ranks."),
    ("Seen {cite}`one,two`.", "Seen ([Hu et al., 2022](https://a.org/1); me, 2020)."),
    ("By {prf:ref}`thm-a`, {prf:ref}`said <thm-a>`.", "By Theorem *A claim*, said."),
    ("```{prf:theorem} A claim\n:label: thm-a\n\nFor $a$,\n\n$$\na\n= b.\n$$\n```",
     "> **Theorem (A claim).** For $a$,\n>\n> $$ a = b. $$"),
    ("```{exercise} Try it\n:label: ex-b\n\nDo.\n\n:::{dropdown} Hint\nSo.\n:::\n```",
     "**Exercise: Try it.** Do.\n\n<details>\n<summary><b>Hint</b></summary>\n\nSo.\n\n</details>"),
    ("````{solution} ex-b\n:class: dropdown\n\nDone.\n\n```python\nx = 1\n```\n````",
     "<details>\n<summary><b>Solution: Try it</b></summary>\n\nDone.\n\n```python\nx = 1\n```\n\n"
     "</details>"),
    ("[a](#plot?r=1) [b](#part) [c](two.md#x) [d](../beside.md#y) [f](https://g.org)",
     "[a](#plot?r=1) [b](#part) [c](https://book.example.org/book/part1/two.html#x) "
     "[d](../02-beside.ipynb#y) [f](https://g.org)"),
    ("[a](#own-part) [b](#answer-b)", "[a](#own-part) [b](../02-beside.ipynb#answer-b)"),
])
def test_each_form(text, expected):
    assert Page("book/part1/one", [text], NAMES).plain(text) == expected
