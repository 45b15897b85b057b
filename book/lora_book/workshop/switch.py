"""Whose code a figure runs: the book's text of lora.py, or the reader's file."""

import types

from .file import books, completed, read
from .steps import definitions

CODES = ("the book's", "yours")


def chosen(code: str, *names: str) -> tuple[types.ModuleType, str]:
    """The text of lora.py that a figure runs, run anew, and whose its functions are.

    Args:
        code: one of ``CODES``; the book's lines stand in for what the reader's file lacks.
        names: the functions that the figure calls.

    Raises:
        SyntaxError: if the reader's file does not parse.
    """
    if code == CODES[0]:
        return books("lora.py"), "the book’s lines"
    text = read()
    lora = completed(text, "lora.py")
    missing = [name for name in names if name not in definitions(text)]
    if len(missing) == len(names):
        return lora, "the book’s lines, until you write yours"
    others = f", and the book’s {', '.join(missing)}" if missing else ""
    return lora, f"your file’s lines{others}"
