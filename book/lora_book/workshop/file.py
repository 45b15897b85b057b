"""The reader's file on disk: read as it is, written beside and renamed, never imported.

It lies in the folder in which Python runs, which all notebooks share. While the book is built there
is no reader: nothing is read, and nothing written.
"""

import contextlib
import linecache
import os
import sys
import types
from pathlib import Path

from lora_edu.explore.explorer import STATIC

from .splice import digest, mark
from .steps import definitions, whole

HEADS = {"lora.py": '"""LoRA from scratch, step by step: mine."""\n\nimport json\nimport re\n'
                    "from pathlib import Path\n\nimport numpy as np\n",
         "lora_torch.py": '"""My LoRA layer in PyTorch."""\n\nimport torch\nfrom torch import nn\n'
                          "from torch.nn.functional import linear\n"}
THREE = definitions(whole())["scale"]  # of three arguments
unwritten = {}  # path → text, where the folder takes no file


def path(file: str = "lora.py") -> Path:
    return Path(file).resolve()


def read(file: str = "lora.py") -> str:
    """The reader's text, or the head of one that is not begun."""
    if os.environ.get(STATIC):
        return HEADS[file]
    with contextlib.suppress(FileNotFoundError):
        return unwritten.get(path(file)) or path(file).read_text(encoding="utf-8")
    return HEADS[file]


def write(text: str, file: str = "lora.py") -> str:
    """Write a text beside its place and move it there, with a copy that ``restore`` takes back.

    Returns:
        Where it is, for a sentence; or why it is in memory alone.
    """
    if os.environ.get(STATIC):
        return "nowhere, for the book is being built"
    place = path(file)
    try:
        for target in (_good(place), place):
            beside = target.with_suffix(f".{os.getpid()}.new")
            beside.write_text(text, encoding="utf-8")
            os.replace(beside, target)
        unwritten.pop(place, None)
        return str(place) if sys.platform != "emscripten" else f"{file}, which your browser keeps"
    except OSError as error:
        unwritten[place] = text
        return f"memory alone, because {place} cannot be written ({error.strerror})"


def keep_copy(file: str = "lora.py") -> str:
    """Keep the present text beside the file; the copy's name."""
    copy = path(file).with_suffix(".before.py")
    with contextlib.suppress(OSError):
        copy.write_text(read(file), encoding="utf-8")
    return copy.name


def restore(file: str = "lora.py") -> None:
    """Put back the text as the last check left it; the present one is kept as a copy."""
    good = _good(path(file))
    if not good.is_file():
        raise FileNotFoundError(f"no check has written {path(file)}: there is nothing to restore")
    copy = keep_copy(file)
    place = write(good.read_text(encoding="utf-8"), file)
    print(f"{place} is as the last check left it. What it was lies in {copy}.")


def _good(place: Path) -> Path:
    return place.with_name(f".{place.name}")


def module_of(name: str, *texts: tuple[str, str]) -> types.ModuleType:
    """Run texts, each after the one before, as one module.

    Args:
        texts: (file, text), the file for the lines of tracebacks.
    """
    module = types.ModuleType(name)
    for place, text in texts:
        linecache.cache[place] = (len(text), None, text.splitlines(keepends=True), place)
        exec(compile(text, place, "exec", dont_inherit=True), module.__dict__)
    return module


def books(file: str) -> types.ModuleType:
    """The book's text, run anew."""
    return module_of("book", (f"the book's {file}", whole(file)))


def completed(text: str, file: str) -> types.ModuleType:
    """A reader's text, run over the book's, so that the book's lines stand in where it has none."""
    module = module_of("lora", (f"the book's {file}", whole(file)), (str(path(file)), text))
    if len(definitions(text).get("scale", THREE).args.args) < 3:
        module.scale = _with_rules(module.scale, books(file).scale)
    return module


def _with_rules(scale, books_scale):
    """The reader's scale before the step "rules", with the book's other rules."""
    def either(alpha, r, rule="lora"):
        return scale(alpha, r) if rule == "lora" else books_scale(alpha, r, rule)
    return either


def whose(step, text: str) -> str:
    """"yours", "the book's", "edited" (by hand since it was judged) or "missing"."""
    present = definitions(text)
    if not set(step.functions) <= set(present):
        return "missing"
    if step.name == "rules" and len(present["scale"].args.args) < 3:
        return "missing"
    parts = mark(text, step)
    if not parts or parts[2] != digest(text, step):
        return "edited"
    return parts[1]
