"""Questions with choices: no look gives the right one away, what their answers state, and what
cannot be made a question of. (tests/site/test_self_check.py answers them.)"""

import re
from collections import Counter

import numpy as np
import pytest

from book._extensions import myst
from lora_edu import SGD, Adam, Adapter, train
from lora_edu.chapters.shared.tasks import task_16
from lora_edu.chapters.shared.word import LETTERS
from tests.book import in_toc, source
from tests.small_book import build, write

TEXTS = {page: source(page) for page in in_toc()}


def questions(text):
    """The choices and their reasons of each answer in a text; none where it is an open one."""
    answers = []
    before = ""
    for part in myst.parts(text):
        if part.name == "dropdown" and part.title == "Answer":
            choices = re.findall(r"^\d+\. (.*)", before.split("\n\n")[-1], re.MULTILINE)
            answers.append((choices, re.findall(r"^\d+\. (.*)", part.body, re.MULTILINE)))
        before = part.text.rstrip()
    return answers


def right(reasons):
    """The number of the right choice."""
    return next(i for i, reason in enumerate(reasons) if reason.startswith("**Right.** "))


PREDICTIONS = [questions(part.body) for text in TEXTS.values() for part in myst.directives(text)
               if part.name == "admonition" and part.title == "Predict first"]
ASKED = [questions(part.body) for text in TEXTS.values() for part in myst.directives(text)
         if part.name == "dropdown" and "more question" in part.title]


@pytest.mark.parametrize(("groups", "share"), [(ASKED, 1 / 3), ([*ASKED, *PREDICTIONS], 0.45)])
def test_neither_its_place_nor_its_length_tells_the_right_choice(groups, share):
    known = [(choices, right(reasons)) for asked in groups for choices, reasons in asked if choices]
    places = Counter(place for _, place in known)
    longest = sum(choices[place] == max(choices, key=len) for choices, place in known)
    assert max(longest, *places.values()) < share * len(known)

def test_the_letters_of_the_first_prediction_take_seven_products():
    rows = ["0".join(LETTERS[letter].split()[i] for letter in "LoRA") for i in range(7)]
    assert np.linalg.matrix_rank([[int(pixel) for pixel in row] for row in rows]) == 7


def test_equal_rows_of_a_do_no_more_than_rank_1():
    for optimiser in (SGD(0.01), Adam(0.01)):
        one = Adapter(np.full((8, 16), 0.25), np.zeros((16, 8)), 1.0)
        delta = train(task_16(), one, optimiser, 20).adapter.delta()
        assert np.linalg.matrix_rank(delta, tol=1e-9) == 1, optimiser


CONF = """
from book._extensions.content import self_check
extensions = ["myst_parser", "sphinx_design"]
project, html_theme, myst_enable_extensions = "book", "basic", ["colon_fence", "dollarmath"]

def setup(app):
    app.add_node(self_check.Tag, html=(self_check.visit, self_check.depart))
    app.add_post_transform(self_check.SelfChecks)
    app.connect("html-page-context", self_check.add_script)
"""
GOOD = """# Title

Which *matrix* moves first?

1. A.
2. B, by $s$.

:::{dropdown} Answer
1. It has B as a factor.
2. **Right.** It has A.
:::

"""
BAD = [  # one page of three questions that cannot be made, and what is said of them
    (GOOD.replace("**Right.**", "Right:"), "a question needs a paragraph"),
    (GOOD.replace("1. It has B as a factor.\n2.", "1."), "a question needs a paragraph"),
    (":::{admonition} Predict\n:class: covers-none\nIt.\n:::\n",
     "covers-none: no explorer of that name here, only none")]


def test_a_question_that_cannot_be_made_is_said(tmp_path):
    write(tmp_path, {"conf.py": CONF, "index.md": "\n".join(text for text, _ in BAD)})
    run = build(tmp_path, "-q")
    assert [said for _, said in BAD if said not in run.stderr] == []
    assert run.stderr.count("index.md:") == len(BAD)
