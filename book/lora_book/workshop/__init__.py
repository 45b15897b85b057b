"""The reader writes LoRA: one file that grows from step to step, judged as it stands.

``check(forward)`` takes that definition out of its cell, puts it into the file lora.py, judges the
file as it then is, earlier steps again, and writes it only if nothing is wrong. ``yours()`` runs
the file, with the book's lines for what is missing.
"""

import ast
import difflib
import inspect
import linecache

from lora_book.shared import verdict
from lora_book.shared.verdict import NotAnswered, NotYet

from .file import completed, keep_copy, read, restore, write
from .judging import judge
from .splice import spliced, whose
from .steps import STEPS, Step, definitions, lines, named

__all__ = ["answer", "check", "restore", "take", "yours"]


@verdict.check
def check(*functions, replace: bool = False) -> str:
    """Judge a step, and put it into the file where it is right.

    Args:
        functions: the functions, or the class, of one step; without any, the steps in the file are
            judged as they stand there.
        replace: whether lines that you have changed in the file by hand give way to the cell's.
            A copy of the file is kept.

    Returns:
        Whether all is right. What was found is displayed.
    """
    words = _taken_in(functions, replace) if functions else _file_judged()
    return f"{words} {_line()}"


def take(*names: str) -> None:
    """Put the book's lines of these steps into the file: of "by-hand", say."""
    for name in names:
        step = named(name)
        text = spliced(_readable(step.file), step, lines(step), "the book's")
        write(text, step.file)
    print(_line())


def yours(file: str = "lora.py"):
    """The file as a module, run anew: the book's lines stand in for what it does not have.

    Raises:
        SyntaxError: if the file does not parse; ``restore()`` brings back its last good text.
    """
    return completed(read(file), file)


def answer(name: str) -> None:
    """Print the book's lines of a step that you have solved or taken."""
    step = named(name)
    if step.stands_in(_readable(step.file)):
        print("\n\n".join(lines(step).values()), end="")
    else:
        print(f"The book's lines of {name!r} open once the check says ✓. take({name!r}) skips it.")


def _taken_in(functions: tuple, replace: bool) -> str:
    parts = dict(map(_lines_of, functions))
    step = _step_of(parts)
    text = _readable(step.file)
    candidate = spliced(text, step, parts, "yours")
    if not replace and whose(step, text) == "edited":
        _refuse_edits(step, text, candidate)
    for each in [step, *STEPS[:step.number - 1]]:
        if each.file == step.file and each.stands_in(candidate):
            _judged(each, candidate)
    if step.name == "scale" and named("rules").stands_in(text):
        return "your file already has the later version, with rules, and keeps it."
    if replace:
        keep_copy(step.file)
    return f"it is in {write(candidate, step.file)}."


def _step_of(parts: dict[str, str]) -> Step:
    """The step that asks for these definitions, of several the last."""
    text = "\n".join(parts.values())
    for step in reversed(STEPS):
        if set(step.functions) == set(parts) and step.stands_in(text):
            return step
    calls = dict.fromkeys(f"check({', '.join(step.functions)})" for step in STEPS)
    raise NotYet(f"No step defines exactly {', '.join(parts)}. The steps are checked by "
                 f"{', '.join(calls)}.")


def _file_judged() -> str:
    praise = "the file has no step yet."
    for step in STEPS:
        text = _readable(step.file)
        if step.stands_in(text):
            _judged(step, text)
            praise = "every step in the file passes."
    return praise


def _judged(step: Step, text: str) -> None:
    try:
        judge(step, text)
    except NotAnswered:
        raise
    except NotYet as problem:
        problem.args = (f"Step {step.number}, {step.title}.", *problem.args)
        raise


def _lines_of(function) -> tuple[str, str]:
    """Name and lines of a definition, from the cell or the script in which it stands."""
    name = getattr(function, "__name__", repr(function))
    present = {}
    for part in [function, *getattr(function, "__dict__", {}).values()]:
        if inspect.isfunction(part):  # a method, of a class
            code = part.__code__
            rows = linecache.getlines(code.co_filename)
            present |= definitions("".join(rows), code.co_firstlineno)
    if name not in present:
        raise NotYet(f"check takes functions that are defined in a notebook's cell or a .py file, "
                     f"but {name} is not. If it is in your file, check() without arguments judges "
                     "it there.")
    return name, present[name].text


def _readable(file: str) -> str:
    """The text of the file, or NotYet with the line that does not parse."""
    text = read(file)
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise NotYet(f"Line {error.lineno} of {file} does not parse: {error.msg}. Fix it, or "
                     "call restore() to get back the text as the last check left it.") from None
    return text


def _refuse_edits(step: Step, text: str, candidate: str) -> None:
    """Show the difference between the reader's edits and the cell, where there is one and the cell
    is answered."""
    old, new = ("".join(step.lines_in(each).values()).splitlines() for each in (text, candidate))
    difference = "\n".join(difflib.unified_diff(old, new, step.file, "the cell", lineterm=""))
    if difference:
        try:
            judge(step, candidate)
        except NotAnswered:
            raise
        except NotYet:
            pass  # the edits may be its correction
        raise NotYet(f"You have changed these lines in {step.file} by hand. To replace "
                     f"them with the cell's, call check(…, replace=True); a copy is kept.\n"
                     f"{difference}\n")


def _line() -> str:
    """Whose each step is, and which is open first."""
    owners = [whose(step, _readable(step.file)) for step in STEPS]
    taken = owners.count("the book's")
    own = owners.count("yours") + owners.count("edited")
    line = f"{own} of {len(STEPS)} steps are yours" + (f", {taken} the book's." if taken else ".")
    if "missing" in owners:
        step = STEPS[owners.index("missing")]
        line += f" The first one missing is step {step.number}, {step.title}."
    return line
