"""The assignment for a class: stubs have no points, the book's text all, a slip loses its own."""

import importlib.util
import inspect
import re
import subprocess
import sys
import zipfile

import nbformat
import pytest

from lora_book.workshop.assignment import make
from lora_book.workshop.slips import SLIPS
from lora_book.workshop.steps import FILES, STEPS, lines, named, whole

TESTS = make.HERE / "test_lora.py"


def lost(folder, texts: dict[str, str]) -> set[str]:
    """The steps that do not have their points with these files in a folder."""
    for file, text in {"lora.py": whole("lora.py"), "lora_torch.py": whole("lora_torch.py"),
                       "test_lora.py": TESTS.read_text(encoding="utf-8")}.items():
        (folder / file).write_text(texts.get(file, text), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("test_lora", folder / "test_lora.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {step for step in module.POINTS
            if not passes(getattr(module, f"test_{step}"), folder)}


def passes(test, folder) -> bool:
    values = [value for mark in getattr(test, "pytestmark", []) for value in mark.args[1]]
    own = {"tmp_path": folder} if "tmp_path" in inspect.signature(test).parameters else {}
    try:
        for value in values or [None]:
            test(**own, **dict.fromkeys(set(inspect.signature(test).parameters) - set(own), value))
    except (Exception, pytest.fail.Exception):
        return False
    return True


def test_the_books_text_has_all_points(tmp_path):
    assert lost(tmp_path, {}) == set()


def test_stubs_have_none(tmp_path):
    assert len(lost(tmp_path, {file: make.stubs(file) for file in FILES})) == len(STEPS)


@pytest.mark.parametrize("name, slip", [(name, slip) for name in SLIPS for slip in SLIPS[name]])
def test_a_slip_loses_its_own_step(name, slip, tmp_path):
    file = named(name).file
    steps = lost(tmp_path, {file: slip.made_in(whole(file))})
    own = name.replace("-", "_")
    one_function = {"scale", "rules"}
    assert own in steps and steps <= (one_function if own in one_function else {own})


def test_the_box_is_graded_at_the_command_line(tmp_path):
    make.write_box(tmp_path / "box.zip")
    zipfile.ZipFile(tmp_path / "box.zip").extractall(tmp_path)
    (tmp_path / "lora.py").write_text(whole("lora.py"), encoding="utf-8")
    (tmp_path / "lora_torch.py").unlink()
    printed = subprocess.run([sys.executable, "test_lora.py"], cwd=tmp_path, capture_output=True,
                             text=True).stdout
    assert re.search(r"load +3 of 3", printed) and re.search(r"all +20 of 22", printed)


def test_every_step_is_asked_for_and_graded():
    cells = [cell.source for cell in make.notebook().cells]
    for step, words, grade in zip(STEPS, cells[2::2], cells[3::2], strict=True):
        assert words.startswith(f"## {step.number} {step.title}\n")
        functions = ", ".join(f"`{name}`" for name in step.functions)
        assert words.endswith(f"*In {step.file}:* {functions}")
        assert grade == f'grade("{step.name.replace("-", "_")}")'


def test_no_solution_stands_in_it():
    handed_out = nbformat.writes(make.notebook()) + "".join(map(make.stubs, FILES))
    for step in STEPS:
        for text in lines(step).values():
            for line in text.splitlines()[1:]:
                assert line.strip() in ("", "def forward(self, X):", "super().__init__()",
                                        "def __init__(self, base, A, B, s):") or (
                    line.strip() not in handed_out), line
