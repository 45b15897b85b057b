"""A module as a program, on a console that knows ASCII alone."""

import io
import runpy
import sys


def run(monkeypatch, module, *words):
    """(exit status, what the console shows)."""
    console = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "argv", [module, *map(str, words)])
    monkeypatch.setattr(sys, "stdout", console)
    status = 0
    try:
        runpy.run_module(module, run_name="__main__")
    except SystemExit as left:
        status = left.code
    console.flush()
    return status, console.buffer.getvalue().decode("ascii")
