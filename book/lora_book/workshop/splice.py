"""Put definitions into the text of a file, and leave every other byte as it is."""

import ast
import hashlib
import re

from .steps import STEPS, Step, definitions, whole

ORDER = list(dict.fromkeys(name for step in STEPS for name in step.functions))
MARK = re.compile(r"# \d [^·]*(?: · (.*) · (\w{6}))?\n")  # the line above a step


def spliced(text: str, step: Step, parts: dict[str, str], whose: str) -> str:
    """The text with a step's definitions in it, under a line that says whose they are, and with
    the book's last lines, which train on a small task, once it can train.

    Args:
        text: of the file.
        parts: name → the lines of its definition.
        whose: "yours" or "the book's".
    """
    for name in step.functions:
        text = _placed(text, name, parts[name])
    rows = text.splitlines(keepends=True)
    end = definitions(text)[step.functions[0]].first
    begin = end - 1 if mark(text, step) else end
    rows[begin:end] = [f"# {step.number} {step.title} · {whose} · {digest(text, step)}\n"]
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
    first = definitions(text)[step.functions[0]].first
    return MARK.fullmatch(text.splitlines(keepends=True)[first - 1])


def _placed(text: str, name: str, part: str) -> str:
    """The text with this definition: in place of an old one, else after those that come before it
    in the book's order, else after the imports."""
    rows = text.splitlines(keepends=True)
    present = definitions(text)
    if name in present:
        rows[present[name].first:present[name].end] = [part]
        return "".join(rows)
    before = ORDER[:ORDER.index(name)]
    ends = [each.end for other, each in present.items() if other in before]
    imports = [node.end_lineno for node in ast.parse(text).body
               if isinstance(node, (ast.Import, ast.ImportFrom))]
    rows.insert(max(ends or imports, default=0), f"\n\n{part}")
    return "".join(rows)
