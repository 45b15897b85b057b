"""Put definitions into the text of a file, and leave every other byte as it is."""

import ast
import hashlib

from .steps import MARK, STEPS, Step, definitions, first_line, source, whole

ORDER = list(dict.fromkeys(name for step in STEPS for name in step.functions))


def spliced(text: str, step: Step, parts: dict[str, str], whose: str) -> str:
    """The text with a step's definitions in it, under a line that says whose they are.

    Args:
        text: of the file.
        parts: name → the lines of its definition.
        whose: "yours" or "the book's".
    """
    for name in step.functions:
        text = _placed(text, name, parts[name])
    return _marked(text, step, f"# {step.number} {step.title} · {whose} · {digest(text, step)}\n")


def with_program(text: str, file: str) -> str:
    """The text with the book's last lines, which train on a small task, once it can train."""
    program = "if __name__ =="
    _, sign, last = whole(file).partition(f"\n\n{program}")
    needed = {name for step in STEPS[:5] for name in step.functions}
    if not sign or program in text or not needed <= set(definitions(text)):
        return text
    return text + "\n" + sign + last


def digest(text: str, step: Step) -> str:
    """Six letters that change with a step's definitions."""
    words = "\n".join(source(text, name) for name in step.functions)
    return hashlib.sha256(words.encode()).hexdigest()[:6]


def mark(text: str, step: Step) -> list[str] | None:
    """[number and title, whose, digest] of the line above a step, or None where there is none."""
    name = step.functions[0]
    if name not in definitions(text):
        return None
    above = text.splitlines()[first_line(definitions(text)[name]) - 1]
    parts = above.split(" · ")
    return parts if MARK.match(above) and len(parts) == 3 else None


def _placed(text: str, name: str, part: str) -> str:
    lines = text.splitlines(keepends=True)
    present = definitions(text)
    if name in present:
        node = present[name]
        lines[first_line(node):node.end_lineno] = part.splitlines(keepends=True)
        return "".join(lines)
    at = _end_of_last_before(text, name)
    return "".join([*lines[:at], "\n\n", part, *lines[at:]])


def _end_of_last_before(text: str, name: str) -> int:
    """The number of lines up to where a new definition goes: after those that come before it in
    the book's order, else after the imports."""
    before = ORDER[:ORDER.index(name)]
    body = ast.parse(text).body
    ends = [node.end_lineno for node in body if getattr(node, "name", None) in before]
    opening = [node.end_lineno for node in body[:1] if isinstance(node, ast.Expr)]
    imports = [node.end_lineno for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return max(ends or opening + imports, default=0)


def _marked(text: str, step: Step, line: str) -> str:
    lines = text.splitlines(keepends=True)
    at = first_line(definitions(text)[step.functions[0]])
    old = at - (at > 0 and MARK.match(lines[at - 1]) is not None)
    lines[old:at] = [line]
    return "".join(lines)
