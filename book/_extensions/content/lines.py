"""The book's own lines of a step of the reader's file: ```{lines} by-hand```.

They are folded on a page that can run Python, until the reader's are right; else they stand open.
"""

import difflib

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from lora_book.workshop import steps

from .self_check import tag


class Lines(SphinxDirective):
    """A step's lines; of the step that changes a definition, the difference. The page is built anew
    when they change, because the cell above imports the workshop (``sources.py``)."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        summary = tag("summary", nodes.Text("The book's lines"))
        block = listing(self.arguments[0])
        is_open = {} if self.env.app.tags.has("run_page") else {"open": "open"}
        return [tag("details", summary, block, class_="book-lines", **is_open)]


def listing(name: str) -> nodes.literal_block:
    """The lines of a step."""
    text = "\n\n".join(steps.lines(steps.named(name)).values())
    language = "python"
    if name == "rules":
        difference = difflib.ndiff(steps.FIRST_SCALE.splitlines(), text.splitlines())
        text = "\n".join(line for line in difference if not line.startswith("?"))
        language = "diff"
    return nodes.literal_block(text, text, language=language)
