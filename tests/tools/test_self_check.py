"""Questions with choices: how they are written, that no look gives the right choice away, and what
the extension makes of them."""

import os
import re
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from bs4 import BeautifulSoup

from book._extensions.content.claims import Register
from lora_edu.chapters.low_rank_update.runs import LETTERS
from tests.book import REPOSITORY, in_toc

QUESTION = re.compile(r"^(?P<asked>\S[^\n]*)\n\n(?P<choices>(?:\d+\. [^\n]+\n)+)\n"
                      r":::\{dropdown\} Answer\n(?P<reasons>(?:\d+\. [^\n]+\n)+):::$", re.M)
ANSWER = re.compile(r"^:::\{dropdown\} Answer$", re.M)
PREDICTION = re.compile(r"^```\{admonition\} Predict first\n(.*?)^```$", re.M | re.S)
TEXTS = {page: (REPOSITORY / f"{page}.md").read_text("utf-8") for page in in_toc()}
TEST = TEXTS["book/part4/test-yourself"]
BLOCKS = Register().blocks


def numbered(text):
    lines = text.strip().splitlines()
    assert [line.partition(". ")[0] for line in lines] == [str(i + 1) for i in range(len(lines))]
    return [line.partition(". ")[2] for line in lines]


def questions(text):
    """(question, its choices, their reasons, the number of the right one) of a page."""
    for found in QUESTION.finditer(text):
        choices, reasons = numbered(found["choices"]), numbered(found["reasons"])
        (right,) = (i for i, reason in enumerate(reasons) if reason.startswith("**Right.** "))
        yield found["asked"], choices, reasons, right


ALL = [pytest.param(*each, id=f"{page.rpartition('/')[2]} {each[0][:30]}")
       for page, text in TEXTS.items() for each in questions(text)]


@pytest.mark.parametrize("asked, choices, reasons, right", ALL)
def test_a_question_has_a_reason_for_each_choice(asked, choices, reasons, right):
    assert len(choices) == len(reasons) in (3, 4)
    assert len(set(choices)) == len(set(reasons)) == len(choices)
    assert all(len(reason) > 20 for reason in reasons)


@pytest.mark.parametrize("asked, choices, reasons, right",
                         [each for each in ALL if each.id.startswith("test-yourself")])
def test_the_right_choice_leads_to_a_claim(asked, choices, reasons, right):
    labels = re.findall(r"\{prf:ref\}`([\w-]+)`", reasons[right])
    assert labels and set(labels) <= set(BLOCKS)


def test_test_yourself_has_forty_questions_and_only_three_are_free():
    assert re.findall(r"^\*\*(\d+)\.\*\*", TEST, re.M) == [str(n) for n in range(1, 41)]
    assert len(ANSWER.findall(TEST)) == 40
    assert len(list(questions(TEST))) == 37


def test_every_prediction_is_asked_with_choices():
    boxes = {page: found[1] for page, text in TEXTS.items() if (found := PREDICTION.search(text))}
    assert len(boxes) == 17
    for page, box in boxes.items():
        assert len(list(questions(box))) == len(ANSWER.findall(box)) > 0, page


def test_neither_its_place_nor_its_length_tells_the_right_choice():
    asked = [each.values for each in ALL]
    places = Counter(right for _, _, _, right in asked)
    assert max(places.values()) < 0.45 * len(asked)
    longest = sum(len(choices[right]) == max(map(len, choices)) for _, choices, _, right in asked)
    assert longest < 0.45 * len(asked)


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
    app.connect("html-page-context", self_check.add_files)
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
