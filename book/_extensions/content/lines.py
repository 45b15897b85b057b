"""The book's own lines of a step of the reader's file: ```{lines} by-hand```.

They are folded on a page that can run Python, until the reader's are right; else they stand open.
"""

import difflib

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from lora_book.workshop import steps

from .self_check import tag


class Lines(SphinxDirective):
    """A step's lines; of the step that changes a definition, the difference."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        step = steps.named(self.arguments[0])
        for name in (step.file, "steps.py"):
            self.env.note_dependency(str(steps.HERE / name))
        text, language = listing(step)
        block = nodes.literal_block(text, text, language=language)
        summary = tag("summary", nodes.Text("The book's lines"))
        is_open = {} if self.env.app.tags.has("run_page") else {"open": "open"}
        return [tag("details", summary, block, class_="book-lines", **is_open)]


def listing(step: steps.Step) -> tuple[str, str]:
    """The lines and their language."""
    lines = steps.lines(step)
    if step.name != "rules":
        return "\n\n".join(lines.values()), "python"
    before = steps.lines(steps.named("scale"))["scale"]
    difference = difflib.ndiff(before.splitlines(), lines["scale"].splitlines())
    return "\n".join(line for line in difference if not line.startswith("?")), "diff"
