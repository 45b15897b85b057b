"""``{answers}``: the questions of a page of answers as a list; each opens to its verdict."""

import re
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from .self_check import tag

FOLDER = "book/answers"
PAGES = [f"{FOLDER}/{name}" for name in ("scale", "rate", "start", "files", "models")]
LABEL = re.compile(r"^\((answer-[\w-]+)\)=\n(?=### )", re.MULTILINE)
# the question, comments, and the verdict, with which the answer begins
ANSWER = re.compile(r"### (.*)\n(?:%.*\n)*\n(?s:(\*\*.+?\*\*))")


def entries(text: str):
    """(Label, question, verdict with asterisks) of each answer in a page's Markdown. Raises
    ValueError where a label's question has no verdict."""
    _, *parts = LABEL.split(text)
    for label, body in zip(parts[::2], parts[1::2], strict=True):
        answer = ANSWER.match(body)
        if answer is None:
            raise ValueError(f"{label} has no verdict: a paragraph that begins in bold")
        question, verdict = answer.groups()
        yield label, question, " ".join(verdict.split())


class Answers(SphinxDirective):
    """``{answers} scale`` lists the answers of book/answers/scale.md."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        page = f"{FOLDER}/{self.arguments[0]}.md"
        file = Path(self.env.srcdir, page)
        self.env.note_dependency(str(file))
        answers = []
        for label, question, verdict in entries(file.read_text(encoding="utf-8")):
            opening = f"{question}\n\n{verdict} [The full answer](#{label})."
            asked, answered = self.parse_text_to_nodes(opening)
            answers.append(tag("details", tag("summary", *asked.children), answered))
        return [nodes.container("", *answers, classes=["answers"])]
