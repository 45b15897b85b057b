"""``{answers}``: the questions of a page of answers as a list, each with its verdict."""

import re
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

FOLDER = "book/answers"
LABEL = re.compile(r"^\(([\w-]+)\)=\n(?=### )", re.MULTILINE)
QUESTION = re.compile(r"### (.*)\n")
VERDICT = re.compile(r"^\*\*.+?\*\*", re.MULTILINE | re.DOTALL)


def entries(text: str):
    """(Label, question, verdict with its asterisks) of each answer in a page's Markdown. Raises
    ValueError where a label's question has no verdict."""
    _, *parts = LABEL.split(text)
    for label, body in zip(parts[::2], parts[1::2], strict=True):
        verdict = VERDICT.search(body)
        if verdict is None:
            raise ValueError(f"{label} has no verdict: a paragraph that begins in bold")
        yield label, QUESTION.match(body)[1], " ".join(verdict[0].split())


class Answers(SphinxDirective):
    """``{answers} scale`` lists the answers of book/answers/scale.md."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        page = f"{FOLDER}/{self.arguments[0]}.md"
        file = Path(self.env.srcdir, page)
        self.env.note_dependency(str(file))
        lines = []
        for label, question, verdict in entries(file.read_text(encoding="utf-8")):
            lines += [f"- [{question}](#{label})\\", f"  {verdict}"]
        node = nodes.container(classes=["answers"])
        self.state.nested_parse(StringList(lines), self.content_offset, node)
        return [node]
