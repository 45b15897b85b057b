"""The first cell of a download, run against an environment that is made up: what it asks pip for,
and that each thing which can be wrong is one clear sentence. tests/downloads.py asks a real pip."""

import importlib.metadata
import re
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import pytest
from first_cell import extra_for, first_cell, own_for, requirements_of, versions, wheel_names
from packaging.requirements import Requirement

from tests.book import NOTEBOOKS, REPOSITORY, code

SITE = "https://book.example.org/"
LIGHT, TORCH = "from lora_edu import train", "from lora_edu.chapters.small_gpt import model"
WHEELS = wheel_names(REPOSITORY)
NEW = "9999"


class Environment:
    """Packages with versions, and a pip that brings what it is asked for in the version NEW."""

    def __init__(self, monkeypatch, folder, **installed):
        self.installed, self.asked, self.answer = installed, [], (0, "")
        monkeypatch.chdir(folder)
        monkeypatch.setattr("importlib.metadata.version", self.version)
        monkeypatch.setattr("importlib.metadata.packages_distributions", lambda: {
            name: [name] for name in self.installed  # but not what these tests themselves import
            if getattr(sys.modules.get(name), "__spec__", None) is None})
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        monkeypatch.setattr("subprocess.run", self.run)
        monkeypatch.setattr("platform.machine", lambda: "x86_64")
        monkeypatch.setattr("sys.platform", "linux")

    def version(self, name):
        if name not in self.installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return self.installed[name]

    def run(self, command, **how):
        assert command[:4] == [sys.executable, "-m", "pip", "install"]
        words = [word for word in command[4:] if not word.startswith("--disable")]
        self.asked.append(words)
        status, said = self.answer
        for word in words if status == 0 else ():
            if not word.startswith("-"):
                self.installed[Requirement(word).name] = NEW
        return subprocess.CompletedProcess(command, status, said, "")


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """``environment(source, name=version or None)``: nothing is lacking, but for these."""
    def made(source, **other):
        lines = requirements_of(extra_for(source, REPOSITORY), REPOSITORY)
        names = [*WHEELS, *(Requirement(line).name for line in lines)]
        found = {**dict.fromkeys(names, NEW), **other}
        return Environment(monkeypatch, tmp_path,
                           **{name: version for name, version in found.items() if version})
    return made


def run(source, site=SITE):
    exec(first_cell(source, REPOSITORY, site), {})


def address(name):
    return f"{name} @ {SITE}wheels/{WHEELS[name]}"


def test_where_all_is_there_and_new_enough_nothing_is_installed(environment, capsys):
    there = environment(TORCH)
    run(TORCH)
    run(TORCH, site="")
    assert there.asked == [] and capsys.readouterr().out == ""


def test_what_is_too_old_counts_as_missing_and_only_that_is_asked_for(environment):
    there = environment(LIGHT, plotly="5.24.1", ipywidgets="7.7.1", numpy="2.0.2")
    run(LIGHT)
    assert there.asked == [["ipywidgets>=8.1.5", "plotly>=6.1"]]


def test_the_books_own_code_is_asked_for_first_and_torch_without_cuda_next(environment):
    there = environment(TORCH, **dict.fromkeys([*WHEELS, "torch", "plotly"]))
    run(TORCH)
    assert there.asked == [
        ["--no-deps", address("lora_edu"), address("lora_edu_chapters"), address("lora_edu_data")],
        ["--no-deps", "--retries=0", "--index-url=https://download.pytorch.org/whl/cpu",
         "torch>=2.4"],
        ["plotly>=6.1", "torch>=2.4"]]


@pytest.mark.parametrize("system, processor", [("darwin", "arm64"), ("linux", "aarch64"),
                                               ("win32", "AMD64")])
def test_elsewhere_torch_comes_from_where_pip_looks(environment, monkeypatch, system, processor):
    there = environment(TORCH, torch=None)
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr("platform.machine", lambda: processor)
    run(TORCH)
    assert there.asked == [["torch>=2.4"]]


def test_a_wheel_beside_the_notebook_comes_before_the_site(environment, tmp_path):
    there = environment(LIGHT, lora_edu=None)
    (tmp_path / WHEELS["lora_edu"]).touch()
    for site in (SITE, ""):
        there.installed.pop("lora_edu", None)
        run(LIGHT, site)
    here = f"lora_edu @ {(tmp_path / WHEELS['lora_edu']).as_uri()}"
    assert there.asked == [["--no-deps", here]] * 2


def test_without_the_wheel_nothing_is_installed_and_the_zip_is_named(environment):
    there = environment(TORCH, lora_edu=None, torch=None)
    with pytest.raises(FileNotFoundError, match=rf"^{WHEELS['lora_edu']} came with .* zip file"):
        run(TORCH, site="")
    assert there.asked == []


def test_a_checkout_has_chapters_and_data_without_packages_of_their_own(
        environment, monkeypatch, tmp_path):
    there = environment(TORCH, lora_edu_chapters=None, lora_edu_data=None)
    inside = SimpleNamespace(origin=str(REPOSITORY / "lora_edu/__init__.py"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: inside)
    run(TORCH)
    assert there.asked == []
    inside.origin = str(tmp_path / "lora_edu/__init__.py")  # an installed library has neither
    run(TORCH)
    assert there.asked == [["--no-deps", address("lora_edu_chapters"), address("lora_edu_data")]]


def test_when_something_imported_was_replaced_it_says_restart(environment, monkeypatch):
    there = environment(LIGHT, plotly="5.24.1", tqdm=None)
    monkeypatch.setitem(sys.modules, "plotly", ModuleType("plotly"))
    with pytest.raises(RuntimeError, match=r"plotly had been imported .* restart the kernel"):
        run(LIGHT)
    run(LIGHT)  # as after a restart
    assert len(there.asked) == 1


def test_a_hook_that_python_imports_for_a_package_asks_for_no_restart(environment, monkeypatch):
    there = environment(LIGHT, tqdm="4.0")
    monkeypatch.setattr("importlib.metadata.packages_distributions", lambda: {"_hook": ["tqdm"]})
    monkeypatch.setitem(sys.modules, "_hook", ModuleType("_hook"))
    run(LIGHT)
    assert there.installed["tqdm"] == NEW


def test_when_pip_fails_its_last_words_and_a_command_for_this_python_are_given(environment):
    there = environment(LIGHT, plotly=None)
    there.answer = 1, "long\nstory\nERROR: no network"
    with pytest.raises(RuntimeError) as told:
        run(LIGHT)
    assert "ERROR: no network Try it in a terminal: " in str(told.value)
    assert f"{sys.executable} -m pip install --disable-pip-version-check 'plotly>=6.1'" in str(
        told.value)


def test_without_the_index_of_torch_the_usual_one_is_asked(environment, monkeypatch):
    there = environment(TORCH, torch=None)
    usual = there.run
    monkeypatch.setattr("subprocess.run", lambda command, **how: subprocess.CompletedProcess(
        command, 1, "", "no such host") if "--retries=0" in command else usual(command, **how))
    run(TORCH)
    assert there.asked == [["torch>=2.4"]]


def test_an_old_python_is_told_before_anything_else(environment, monkeypatch):
    there = environment(LIGHT, lora_edu=None)
    monkeypatch.setattr("sys.version_info", (3, 10, 1))
    with pytest.raises(RuntimeError, match=re.escape(f"Python 3.11 or newer, and its kernel's "
                                                     f"Python, {sys.executable}")):
        run(LIGHT)
    assert there.asked == []


@pytest.mark.parametrize("source, extra", [
    ("import numpy as np\nprint('import torch')", "chapters"),
    ("def f():\n    import torch", "torch"),
    ("from lora_edu.nn import LoRALinear", "torch"),
    ("from lora_edu.chapters.step_zero.figures import board", "chapters"),
    ("from lora_edu.chapters.rotated_digits.figures import arm", "torch"),
    ("from transformers import LlamaConfig", "peft"),
    ("from lora_edu.chapters.starts import runs", "peft"),
])
def test_a_notebook_asks_for_the_extra_that_its_code_and_its_chapters_code_need(source, extra):
    assert extra_for(source, REPOSITORY) == extra


def test_an_extra_brings_what_those_that_it_names_bring_and_what_is_always_needed():
    chapters, torch = (set(requirements_of(extra, REPOSITORY)) for extra in ("chapters", "torch"))
    assert chapters >= {"numpy>=1.26", "plotly>=6.1", "anywidget>=0.9.13", "scikit-learn>=1.4"}
    assert {Requirement(line).name for line in torch - chapters} == {"torch", "safetensors"}
    assert not [line for line in torch if line.startswith("lora")]


@pytest.mark.parametrize("source, own", [
    (LIGHT, ["lora_edu"]),
    ("from lora_edu.chapters.step_zero.figures import board", ["lora_edu", "lora_edu_chapters"]),
    ("from lora_edu.chapters import first_r, step_size", ["lora_edu", "lora_edu_chapters"]),
    (TORCH, list(WHEELS)),
    ("from lora_edu.chapters import first_r, rotated_digits", list(WHEELS)),
    ("from lora_edu.chapters.starts.figures import rates", list(WHEELS)),  # which take the digits
])
def test_the_books_own_packages_are_asked_for_where_they_are_needed(source, own):
    assert list(own_for(source, REPOSITORY)) == own
    cell = first_cell(source, REPOSITORY, SITE)
    assert cell.startswith("# Run this cell first: it installs what this notebook needs")
    assert [name for name, file in WHEELS.items() if f'"{file}"' in cell] == own


def test_the_library_is_asked_for_in_its_version():
    assert versions(REPOSITORY)["lora_edu"] == importlib.metadata.version("lora_edu")


WITHOUT = """
import sys
sys.modules |= dict.fromkeys(["torch", "peft", "transformers"])  # to import one of them fails
for page, imports in %r:
    try:
        exec(imports)
    except ImportError as error:
        print(page, error)
"""


def test_what_chapters_import_does_without_the_extras_that_they_do_not_ask_for():
    light = [(page, "\n".join(re.findall(r"^(?:from|import) (?:.*\([^)]*\)|.*)", code(page), re.M)))
             for page in NOTEBOOKS if extra_for(code(page), REPOSITORY) == "chapters"]
    assert light and [page for page, imports in light if not imports] == []
    done = subprocess.run([sys.executable, "-c", WITHOUT % light], capture_output=True, text=True)
    assert done.stdout == "" and done.returncode == 0, done.stdout + done.stderr
