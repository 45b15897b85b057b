"""The reader's file on disk: read as it is, written beside and renamed, never imported.

It lies in the folder in which Python runs, which all notebooks share. While the book is built there
is no reader, and nothing is read.
"""

import linecache
import os
import sys
import types
from pathlib import Path

from lora_edu.explore.explorer import STATIC

from .steps import definitions, named, whole


def path(file: str) -> Path:
    return Path(file).resolve()


def read(file: str = "lora.py") -> str:
    """The reader's text, or, before there is one, the head of the book's."""
    place = path(file)
    if os.environ.get(STATIC) or not place.is_file():
        return whole(file).partition("\n\n\n#")[0] + "\n"
    return place.read_text(encoding="utf-8")


def write(text: str, file: str = "lora.py") -> str:
    """Write a text to the file, and to a hidden copy, which ``restore`` takes back.

    Returns:
        Where it is, for a sentence.

    Raises:
        OSError: the folder takes no file.
    """
    place = path(file)
    for target in (path(f".{file}"), place):
        beside = target.with_suffix(f".{os.getpid()}.new")  # so that none is ever half-written
        beside.write_text(text, encoding="utf-8")
        beside.replace(target)
    return str(place) if sys.platform != "emscripten" else f"{file}, which your browser keeps"


def keep_copy(file: str) -> None:
    """Keep the present text beside the file, as lora.before.py."""
    path(file).with_suffix(".before.py").write_text(read(file), encoding="utf-8")


def restore(file: str = "lora.py") -> None:
    """Put back the text as the last check left it; the present one is kept as a copy."""
    copy = path(f".{file}")
    if not copy.is_file():
        raise FileNotFoundError(f"no check has written {path(file)}: there is nothing to restore")
    keep_copy(file)
    place = write(copy.read_text(encoding="utf-8"), file)
    print(f"The text of the last check is restored in {place}. Your text is kept in "
          f"{path(file).stem}.before.py.")


def executed(text: str, place: str, module: types.ModuleType | None = None) -> types.ModuleType:
    """Run a text as a module, or in one that another text has made.

    Args:
        place: the file for the lines of tracebacks.
    """
    module = module or types.ModuleType("lora")
    linecache.cache[place] = (len(text), None, text.splitlines(keepends=True), place)
    exec(compile(text, place, "exec"), vars(module))
    return module


def books(file: str) -> types.ModuleType:
    """The book's text, run anew."""
    return executed(whole(file), f"the book's {file}")


def completed(text: str, file: str) -> types.ModuleType:
    """A reader's text, run over the book's, so that the book's lines stand in where it has none."""
    module = executed(text, str(path(file)), books(file))
    if "scale" in definitions(text) and not named("rules").stands_in(text):
        module.scale = _with_rules(module.scale, books(file).scale)
    return module


def _with_rules(readers, books_scale):
    """The reader's scale, which knows α/r alone, with the book's for all other rules."""
    def scale(alpha, r, rule="lora"):
        return readers(alpha, r) if rule == "lora" else books_scale(alpha, r, rule)
    return scale
