"""What is changed in a page before it becomes HTML, and what the theme adds to it."""

from docutils import nodes
from docutils.utils import new_document

from book._extensions.site.theme import KeepTogether, OnScreen


def test_each_formula_keeps_the_mark_behind_it():
    """Also where the same text stands behind something else before."""
    words = [nodes.emphasis("", "moments"), nodes.Text(". "), nodes.math("", "W"),
             nodes.Text(" and "), nodes.math("", "X"), nodes.Text(". "), nodes.emphasis("", "So")]
    paragraph = nodes.paragraph("", "", *words)
    document = new_document("page")
    document += paragraph
    KeepTogether(document).run()
    assert paragraph.astext() == "moments. W and X. So"
    [unbroken] = paragraph.findall(nodes.inline)
    assert unbroken.astext() == "X."


def test_paper_is_not_told_what_to_press():
    words = [nodes.Text("We walk. Press "), nodes.strong("", "play"), nodes.Text(" and see. Then")]
    paragraph = nodes.paragraph("", "", *words)
    document = new_document("page")
    document += paragraph
    OnScreen(document).run()
    assert paragraph.astext() == "We walk. Press play and see. Then"
    [sentence] = paragraph.findall(nodes.inline)
    assert sentence.astext() == "Press play and see."
    assert sentence["classes"] == ["d-print-none"]
