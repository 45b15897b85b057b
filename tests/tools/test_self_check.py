"""Questions with choices: how they are written, that no look gives the right choice away, and what
the extension makes of them."""

import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from bs4 import BeautifulSoup

from book._extensions import myst
from book._extensions.content.claims import Register
from lora_edu.chapters.low_rank_update.runs import LETTERS
from tests.book import REPOSITORY, in_toc, source

TEXTS = {page: source(page) for page in in_toc()}
TEST = "book/part4/test-yourself"
BLOCKS = Register().blocks


@dataclass
class Question:
    """A question with choices, its choices, the reason of each, and the number of the right one."""

    choices: list[str]
    reasons: list[str]

    @property
    def right(self) -> int:
        (right,) = (i for i, reason in enumerate(self.reasons) if reason.startswith("**Right.** "))
        return right


def questions(text):
    """Of a text: the questions with choices, and how many answers there are."""
    found, count, before = [], 0, ""
    for part in myst.parts(text):
        if part.name == "dropdown" and part.title == "Answer":
            count += 1
            choices, reasons = (re.findall(r"^\d+\. (.*)", each, re.MULTILINE)
                                for each in (before.split("\n\n")[-1], part.body))
            if choices:
                found.append(Question(choices, reasons))
        before = part.text.rstrip()
    return found, count


PREDICTIONS = {page: part.body for page, text in TEXTS.items() for part in myst.directives(text)
               if part.name == "admonition" and part.title == "Predict first"}
ASKED = questions(TEXTS[TEST])[0]
ALL = [*ASKED, *(each for box in PREDICTIONS.values() for each in questions(box)[0])]


def test_a_question_has_a_reason_for_each_choice():
    for each in ALL:
        assert len(set(each.choices)) == len(set(each.reasons)) in (3, 4), each
        assert all(len(reason) > 20 for reason in each.reasons), each


def test_the_right_choice_leads_to_a_claim():
    for each in ASKED:
        labels = re.findall(r"\{prf:ref\}`([\w-]+)`", each.reasons[each.right])
        assert labels and set(labels) <= set(BLOCKS), each


def test_test_yourself_has_forty_questions_and_only_three_are_free():
    assert re.findall(r"^\*\*(\d+)\.\*\*", TEXTS[TEST], re.M) == [str(n) for n in range(1, 41)]
    assert (len(ASKED), questions(TEXTS[TEST])[1]) == (37, 40)


def test_every_prediction_is_asked_with_choices():
    assert len(PREDICTIONS) == 17
    for page, box in PREDICTIONS.items():
        found, count = questions(box)
        assert len(found) == count > 0, page


def test_neither_its_place_nor_its_length_tells_the_right_choice():
    places = Counter(each.right for each in ALL)
    assert max(places.values()) < 0.45 * len(ALL)
    longest = sum(len(each.choices[each.right]) == max(map(len, each.choices)) for each in ALL)
    assert longest < 0.45 * len(ALL)


def test_the_letters_of_the_first_prediction_take_seven_products():
    rows = ["0".join(LETTERS[letter].split()[i] for letter in "LoRA") for i in range(7)]
    assert np.linalg.matrix_rank([[int(pixel) for pixel in row] for row in rows]) == 7


CONF = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from book._extensions.content import self_check
extensions = ["myst_parser", "sphinx_design"]
project, html_theme, myst_enable_extensions = "book", "basic", ["colon_fence", "dollarmath"]

def setup(app):
    app.add_node(self_check.Tag, html=(self_check.visit, self_check.depart))
    app.add_post_transform(self_check.SelfChecks)
    app.connect("html-page-context", self_check.add_script)
"""
GOOD = """# Title

Which *matrix* moves [first](https://example.org)?

1. A.
2. [B](https://example.org), by $s$.

:::{dropdown} Answer
1. It has B as a factor.
2. **Right.** See [there](https://example.org).
:::

Say why.

:::{dropdown} Answer
Because.
:::

:::{dropdown} Hint
No question.
:::
"""
BAD = {"a choice that is a list": (GOOD.replace("1. A.", "1. 3."), "a paragraph each"),
       "no right one": (GOOD.replace("**Right.**", "Right:"), "needs the paragraph"),
       "two right ones": (GOOD.replace("It has", "**Right.** It has"), "a question needs"),
       "a reason too few": (GOOD.replace("1. It has B as a factor.\n2.", "1."), "a question needs"),
       "no list": (GOOD.replace("1. A.\n2.", "A or"), "a question needs"),
       "no question": (GOOD.replace("Say why.\n", ""), "needs the paragraph"),
       "no explorer": (GOOD + "\n:::{admonition} Predict\n:class: covers-none\nIt.\n:::\n",
                       "covers-none: no explorer of that name here, only none")}


def build(folder, text):
    (folder / "conf.py").write_text(CONF, encoding="utf-8")
    (folder / "index.md").write_text(text, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", folder, folder / "_out"], text=True,
        env=os.environ | {"NO_COLOR": "1"}, encoding="utf-8", capture_output=True, timeout=120)
    assert run.returncode == 0, run.stderr
    html = (folder / "_out/index.html").read_text("utf-8")
    return BeautifulSoup(html, "html.parser"), run.stderr


def test_choices_become_radio_buttons_in_a_named_group(tmp_path):
    html, warned = build(tmp_path, GOOD)
    assert warned == ""
    first, free = html.select(".self-check")
    assert first.fieldset.legend.get_text() == "Which matrix moves first?"
    assert first["data-right"] == "1"
    assert len({button["name"] for button in first.select("input")}) == 1
    assert first.label.get_text() == "a.A."
    assert first.select_one("label .math") and first.select_one("[role=status]").get_text() == ""
    reasons = first.select("details .self-check-reasons > li")
    assert reasons[1].strong.get_text() == "Right."
    assert reasons[1].a["href"] == "https://example.org"
    assert [b.get_text() for b in free.select("details button")] == ["I had it", "I had not"]
    assert first["data-key"] != free["data-key"]
    assert len(html.select("details")) == 3
    assert html.select_one("script[src*=self_check]")


def test_a_page_without_questions_fetches_nothing(tmp_path):
    html, _ = build(tmp_path, "# Title\n\n:::{dropdown} Hint\nSo.\n:::\n")
    assert not html.select("[src*=self_check], [href*=self_check]")


@pytest.mark.parametrize("text, said", BAD.values(), ids=BAD)
def test_a_question_that_cannot_be_made_is_said(tmp_path, text, said):
    _, warned = build(tmp_path, text)
    assert said in warned and "index.md:" in warned
