"""What is changed in a page before it becomes HTML, and what the theme adds to it."""

from docutils import nodes
from docutils.utils import new_document

from book._extensions.site.theme import KeepTogether


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
