"""Questions with choices: what is none is reported.
(tests/site/test_self_check.py answers them.)"""

from tests.small_book import build, write

CONF = """
from book._extensions.content import self_check
extensions = ["myst_parser", "sphinx_design"]
project, html_theme, myst_enable_extensions = "book", "basic", ["colon_fence", "dollarmath"]

def setup(app):
    app.add_node(self_check.Tag, html=(self_check.visit, self_check.depart))
    app.add_post_transform(self_check.SelfChecks)
    app.connect("html-page-context", self_check.add_script)
"""
QUESTION = """# Title

Which *matrix* moves first?

1. A.
2. B, by $s$.

:::{dropdown} Answer
1. It has B as a factor.
2. **Right.** It has A.
:::

"""
BAD = [  # one page of three questions that cannot be made, and what is said of them
    (QUESTION.replace("**Right.**", "Right:"), "a question needs a paragraph"),
    (QUESTION.replace("1. It has B as a factor.\n2.", "1."), "a question needs a paragraph"),
    (":::{admonition} Predict\n:class: covers-none\nIt.\n:::\n",
     "covers-none: no explorer of that name here, only none")]


def test_a_question_that_cannot_be_made_is_said(tmp_path):
    write(tmp_path, {"conf.py": CONF, "index.md": "\n".join(text for text, _ in BAD)})
    run = build(tmp_path, "-q")
    assert [words for _, words in BAD if words not in run.stderr] == []
    assert run.stderr.count("index.md:") == len(BAD)
