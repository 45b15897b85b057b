"""Runs a page's cells in the browser's worker.

A cell sees exactly what stands above it: before it runs, the names are put back to what they were
after the cell above. So what a page shows depends on its text alone, not on who pressed what.
"""

import ast
import copy
import importlib
import itertools
import json
import linecache
import sys
import time
import traceback
import types
from pathlib import Path

import browser_page  # made by worker.js: takes what is printed and shown

import __main__
from lora_edu.explore import Explorer
from lora_edu.explore.page import live_fragment
from lora_edu.explore.plain_figure import plain_figure

MOST = 200_000  # characters that a cell may print
VERDICT = "application/vnd.lora-edu.verdict+json"  # of book/lora_book/shared/verdict.py
FILES = ("lora.py", ".lora.py", "lora.before.py")  # the last two keep earlier texts of the first
names = __main__.__dict__
# Number of a cell → the names after it, and the names in modules that are not imported, such as the
# reader's file; None: before the first.
kept = {None: ({"__name__": "__main__", "__builtins__": __builtins__}, [])}
explorers = {}  # handle → an explorer on the page


class Output:
    """What a cell prints, on its way to the page: ten times a second at most, and not endlessly."""

    def __init__(self):
        self.waiting = []
        self.left = MOST
        self.told = 0.0

    def stream(self, kind: str) -> types.SimpleNamespace:
        """What takes the place of sys.stdout, or of another of that kind."""
        return types.SimpleNamespace(write=lambda text: self.write(kind, text), flush=self.flush,
                                     isatty=lambda: False)

    def write(self, kind: str, text: str) -> int:
        if 0 <= self.left < len(text):
            self.waiting.append((kind, text[:self.left] + "\n… and more, which is not shown."))
        elif self.left >= 0:
            self.waiting.append((kind, text))
        self.left -= len(text)
        if time.monotonic() - self.told > 0.1:
            self.flush()
        return len(text)

    def flush(self) -> None:
        for kind, pieces in itertools.groupby(self.waiting, key=lambda piece: piece[0]):
            browser_page.text(kind, "".join(text for _, text in pieces))
        self.waiting = []
        self.told = time.monotonic()


class Words:
    """What IPython.display calls Markdown and HTML: a text with its kind."""

    def __init__(self, data: str):
        self.data = data


class Markdown(Words):
    def _repr_markdown_(self):
        return self.data


class HTML(Words):
    def _repr_html_(self):
        return self.data


def display(*values, **_) -> None:
    """Show values in the page, as Jupyter would."""
    sys.stdout.flush()
    for value in values:
        browser_page.shown(json.dumps(_as_shown(value), default=_plain))


def _as_shown(value) -> dict:
    if isinstance(value, Explorer):
        handle = len(explorers)
        explorers[handle] = value
        figure = plain_figure(value.function(**{c.name: c.values[c.start]
                                                for c in value.controls}))
        return {"kind": "explorer", "handle": handle, "figure": figure,
                "html": live_fragment(value, figure)}
    if represent := getattr(value, "_repr_mimebundle_", None):
        data = represent()
        if VERDICT in data:
            return {"kind": "verdict", **data[VERDICT]}
    for kind in ("html", "markdown"):
        if represent := getattr(value, f"_repr_{kind}_", None):
            return {"kind": kind, "text": represent()}
    return {"kind": "text", "text": repr(value)}


def _plain(value):
    return value.tolist() if hasattr(value, "tolist") else repr(value)


for _module, _own in {"IPython": {}, "IPython.display": {
        "display": display, "Markdown": Markdown, "HTML": HTML}}.items():
    sys.modules[_module] = types.ModuleType(_module)
    sys.modules[_module].__dict__.update(_own)


def run(cell: int, after: int | None, source: str, files: dict[str, str]) -> dict:
    """Run a cell with the names as they are after another.

    Args:
        files: name → text of the reader's own files.

    Returns:
        {"error": a traceback or "", "files": as they are now}.
    """
    put(files)
    before, modules = kept[after]
    names.clear()
    names.update(_copies(before))
    for module, values in modules:
        vars(module).clear()
        vars(module).update(values)
    output = Output()
    sys.stdout = output.stream("stdout")
    sys.stderr = output.stream("stderr")
    name = f"cell {cell + 1}"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    trace = ""
    try:
        _execute(source, name)
    except BaseException as error:
        trace = _cut(error)
    output.flush()
    if not trace:
        kept[cell] = (_copies(names), [
            (value, dict(vars(value))) for value in names.values()
            if isinstance(value, types.ModuleType) and value.__name__ not in sys.modules])
    return {"error": trace, "files": {name: Path(name).read_text("utf-8") for name in FILES
                                      if Path(name).is_file()}}


def put(files: dict[str, str]) -> None:
    """Let the reader's own files be these."""
    for name in FILES:
        if name in files:
            Path(name).write_text(files[name], "utf-8")
        else:
            Path(name).unlink(missing_ok=True)


def _execute(source: str, name: str) -> None:
    """Run statements, and display what the last one is, unless a semicolon ends it."""
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec", dont_inherit=True), names)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), name, "eval", dont_inherit=True), names)
        if value is not None and not source.rstrip().endswith(";"):
            display(value)


def _cut(error: BaseException) -> str:
    """The traceback, of the lines that stand in cells and in the reader's own files."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if frame.filename.startswith("cell ") or Path(frame.filename).name in FILES]
    lines = traceback.format_list(frames)
    return "".join([*(["Traceback (most recent call last):\n"] if lines else []), *lines,
                    *traceback.format_exception_only(error)]).rstrip()


def _copies(them: dict) -> dict:
    """The same names for copies of their values, as far as these can be copied."""
    memo = {}
    copies = {}
    for name, value in them.items():
        try:
            copies[name] = value if name == "__builtins__" else copy.deepcopy(value, memo)
        except Exception:  # a module, a file, a generator
            copies[name] = value
    return copies


def figure(handle: int | None, positions: dict, files: dict[str, str], source: str = "",
           values: dict | None = None, own: dict | None = None) -> dict:
    """The figure of an explorer at a position, or at values of the reader's own.

    Args:
        handle: of an explorer that a cell has shown; None for one that the build has made.
        positions: control → the number of its value, for an explorer with a handle.
        files: name → text of the reader's own files.
        source: the function of one without, as "module:function".
        values: control → its value, for that function.
        own: control → a number that takes the place of its value.

    Returns:
        {"figure": the figure, or None where its function raises, "error": why, or ""}.
    """
    put(files)
    if handle is None:
        module, _, name = source.partition(":")
        function = getattr(importlib.import_module(module), name)
    else:
        function = explorers[handle].function
        values = {c.name: c.values[positions[c.name]] for c in explorers[handle].controls}
    try:
        return {"figure": plain_figure(function(**values | (own or {}))), "error": ""}
    except Exception as error:
        return {"figure": None, "error": f"{type(error).__name__}: {error}"}


def answer(name: str, given: str) -> str:
    """Call ``run`` or ``figure`` with a dict as JSON; the answer as JSON."""
    called = {"run": run, "figure": figure}[name]
    return json.dumps(called(**json.loads(given)), default=_plain)
