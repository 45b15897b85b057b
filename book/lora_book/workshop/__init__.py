"""The reader writes LoRA: one file that grows from step to step, judged as it stands.

``check(forward)`` takes that definition out of its cell, puts it into the file lora.py, judges the
file as it then is, earlier steps again, and writes it only if nothing is wrong. ``yours()`` runs
the file, with the book's lines for what is missing.
"""

import ast
import difflib
import linecache

from IPython.display import display

from lora_book.shared.verdict import NotAnswered, NotYet, Verdict

from .file import completed, keep_copy, read, restore, whose, write
from .judging import judge
from .splice import spliced, with_program
from .steps import STEPS, Step, definitions, lines, named, source, step_of

__all__ = ["answer", "check", "restore", "status", "take", "yours"]


def check(*functions, replace: bool = False) -> bool:
    """Judge a step, and put it into the file where it is right.

    Args:
        functions: the functions, or the class, of one step; without any, the steps in the file are
            judged as they stand there.
        replace: whether lines that you have changed in the file by hand give way to the cell's.
            A copy of the file is kept.

    Returns:
        Whether all is right. What was found is displayed.

    Raises:
        ValueError: if the functions are not those of one step.
    """
    try:
        words = _taken_in(functions, replace) if functions else _file_judged()
        verdict = Verdict(True, "✓", "Right", f"Right: {words} {_line()}")
    except NotYet as problem:
        verdict = Verdict(False, problem.sign, problem.word, str(problem))
    display(verdict)
    return verdict.is_right


def take(*names: str) -> None:
    """Put the book's lines of these steps into the file: of "by-hand", say."""
    for name in names:
        step = named(name)
        text = spliced(_readable(step.file), step, lines(step), "the book's")
        write(with_program(text, step.file), step.file)
    print(_line())


def yours(file: str = "lora.py"):
    """The file as a module, run anew: the book's lines stand in for what it does not have.

    Raises:
        SyntaxError: if the file does not parse; ``restore()`` brings back its last good text.
    """
    return completed(read(file), file)


def status() -> None:
    """Say of each step whose lines are in the file."""
    for step in STEPS:
        print(f"{step.number} {step.name:11} {whose(step, _readable(step.file)):10} {step.title}")
    print(_line())


def answer(name: str) -> None:
    """Print the book's lines of a step that you have solved or taken."""
    step = named(name)
    if whose(step, _readable(step.file)) == "missing":
        print(f"The book's lines of {name!r} open once the check says ✓; take({name!r}) skips it.")
    else:
        print("\n\n".join(lines(step).values()), end="")


def _taken_in(functions: tuple, replace: bool) -> str:
    parts = dict(map(_lines_of, functions))
    step = step_of(set(parts), _parameters(*parts.values()))
    missing = [name for name in step.functions if name not in parts]
    if missing:
        raise NotYet(f"This step has {len(step.functions)} functions: give check "
                     f"{', '.join(step.functions)}.")
    text = _readable(step.file)
    _look_for_edits(step, text, parts, replace)
    candidate = spliced(text, step, parts, "yours")
    _judged(step, candidate)
    for earlier in STEPS[:STEPS.index(step)]:
        if earlier.file == step.file and whose(earlier, candidate) != "missing":
            _judged(earlier, candidate)
    if step.name == "scale" and whose(named("rules"), text) != "missing":
        return "your file has the later version, with rules, and keeps it."
    return f"it is in {write(with_program(candidate, step.file), step.file)}."


def _file_judged() -> str:
    steps = [step for step in STEPS if whose(step, _readable(step.file)) != "missing"]
    for step in steps:
        _judged(step, _readable(step.file))
    return "every step in the file." if steps else "the file has no step yet."


def _judged(step: Step, text: str) -> None:
    try:
        judge(step, text)
    except NotAnswered:
        raise
    except NotYet as problem:
        problem.args = (f"Step {step.number}, {step.title}.", *problem.args)
        raise
    except Exception as error:
        raise NotYet(f"{step.file} does not run with these lines. {type(error).__name__}: {error}. "
                     "A definition may use what the file has, and what stands inside it.") from None


def _lines_of(function) -> tuple[str, str]:
    """Name and lines of a definition, from the cell in which it stands."""
    name = getattr(function, "__name__", repr(function))
    code = getattr(function, "__code__", None) or next(
        (value.__code__ for value in vars(function).values() if hasattr(value, "__code__")), None
    ) if hasattr(function, "__dict__") else None
    text = "".join(linecache.getlines(code.co_filename)) if code else ""
    if name not in (definitions(text) if text else ()):
        raise NotYet(f"check takes functions that a cell defines, and {name} is none. If it stands "
                     "in the file, check() judges it there.")
    return name, source(text, name)


def _parameters(first: str, *_) -> int:
    arguments = getattr(ast.parse(first).body[0], "args", None)
    return len(arguments.args) if arguments else 0


def _readable(file: str) -> str:
    """The text of the file, or NotYet with the line that does not parse."""
    text = read(file)
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise NotYet(f"Line {error.lineno} of {file} does not parse: {error.msg}. Mend it, or "
                     "restore() brings back the text as the last check left it.") from None
    return text if text.endswith("\n") else text + "\n"


def _look_for_edits(step: Step, text: str, parts: dict, replace: bool) -> None:
    """Where the step's lines in the file are the reader's own by hand, show the difference."""
    if whose(step, text) != "edited":
        return
    present = definitions(text)
    old = "".join(source(text, name) for name in step.functions if name in present)
    new = "".join(parts[name] for name in step.functions)
    if old == new:
        return
    if replace:
        keep_copy(step.file)
        return
    difference = difflib.unified_diff(old.splitlines(), new.splitlines(), step.file, "the cell",
                                      lineterm="")
    raise NotYet(f"You have changed these lines in {step.file} by hand. Call check(…, "
                 "replace=True), and the cell's take their place; a copy is kept.\n"
                 + "\n".join(difference) + "\n")


def _line() -> str:
    """Whose each step is, in one line."""
    owners = [whose(step, _readable(step.file)) for step in STEPS]
    own = sum(owner in ("yours", "edited") for owner in owners)
    taken = owners.count("the book's")
    return f"{own} of {len(STEPS)} steps are yours" + (f", {taken} the book's." if taken else ".")
