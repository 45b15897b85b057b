"""Put definitions into the text of a file, and leave every other byte as it is."""

import ast
import hashlib
import re

from .steps import STEPS, Step, definitions, whole

MARK = re.compile(r"# \d [^·]*(?: · (.*) · (\w{6}))?\n")  # the line above a step


def spliced(text: str, step: Step, parts: dict[str, str], owner: str) -> str:
    """The text with a step's definitions in it, under a line that says whose they are, and with
    the book's last lines, which train on a small task, once it can train.

    Args:
        text: of the file.
        parts: name → the lines of its definition.
        owner: "yours" or "the book's".
    """
    for name in step.functions:
        text = _placed(text, step, name, parts[name])
    rows = text.splitlines(keepends=True)
    end = definitions(text)[step.functions[0]].place.start
    begin = end - 1 if mark(text, step) else end
    rows[begin:end] = [f"# {step.number} {step.title} · {owner} · {digest(text, step)}\n"]
    text = "".join(rows)
    _, sign, last = whole(step.file).partition("if __name__ ==")
    can_train = all(each.stands_in(text) for each in STEPS[:5])
    return f"{text}\n\n{sign}{last}" if can_train and sign not in text else text


def digest(text: str, step: Step) -> str:
    """Six letters that change with a step's definitions."""
    words = "\n".join(step.lines_in(text).values())
    return hashlib.sha256(words.encode()).hexdigest()[:6]


def mark(text: str, step: Step) -> re.Match | None:
    """The line above a step, with whose it is and the digest where it says so."""
    first = definitions(text)[step.functions[0]].place.start
    return MARK.fullmatch(text.splitlines(keepends=True)[first - 1])


def whose(step: Step, text: str) -> str:
    """"yours", "the book's", "edited" (by hand since it was judged) or "missing"."""
    if not step.stands_in(text):
        return "missing"
    line = mark(text, step)
    return line[1] if line and line[2] == digest(text, step) else "edited"


def _placed(text: str, step: Step, name: str, part: str) -> str:
    """The text with this definition: in place of an old one, else after the imports and what comes
    before it in the book's text."""
    rows = text.splitlines(keepends=True)
    present = definitions(text)
    if name in present:
        rows[present[name].place] = [part]
        return "".join(rows)
    order = [*definitions(whole(step.file))]
    before = order[:order.index(name)]
    ends = [node.end_lineno for node in ast.parse(text).body
            if isinstance(node, (ast.Import, ast.ImportFrom))
            or getattr(node, "name", None) in before]
    rows.insert(max(ends, default=0), f"\n\n{part}")
    return "".join(rows)
