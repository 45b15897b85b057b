"""Importing the core costs NumPy and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

import lora_edu

APART = {"lora_edu.findings", "lora_edu.console"}  # of files and commands
CORE = sorted({file.stem for file in Path(lora_edu.__file__).parent.glob("*.py")} - {"__init__"})


def modules_after(statement):
    """Names of the modules a fresh interpreter holds after running ``statement``."""
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code],
                          capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_core_loads_numpy_and_nothing_else():
    loaded = modules_after("from lora_edu import *")
    added = {name.partition(".")[0] for name in loaded - modules_after("import numpy")}
    assert {f"lora_edu.{name}" for name in CORE} <= loaded | APART
    assert added - sys.stdlib_module_names - {"numpy"} == {"lora_edu"}
    assert not loaded & {"lora_edu.nn", "lora_book", "lora_edu.explore"}


def test_nn_loads_torch_and_safetensors_but_neither_figures_nor_peft():
    loaded = modules_after("import lora_edu.nn")
    assert {"torch", "safetensors", "lora_edu.nn.files"} <= loaded
    assert not loaded & {"plotly", "ipywidgets", "peft", "transformers", "lora_book"}


@pytest.mark.parametrize(("missing", "call", "extra"), [
    ("torch", "import lora_edu.nn", "nn"),
    ("tqdm", "sweep(PROBLEM, r=1, alpha=1, lr=0.1, progress=True)", "fast"),
    ("plotly", "explore(lambda a: {'data': []}, name='a', a=[1, 2]).html()", "explore"),
    ("anywidget", "explore(lambda a: {'data': []}, name='a', a=[1, 2]).live()", "explore")])
def test_a_module_that_is_missing_is_told_with_the_extra_that_brings_it(missing, call, extra):
    code = (f"import sys; sys.modules[{missing!r}] = None\nfrom numpy.random import default_rng\n"
            f"from lora_edu import sweep, teacher_student\nfrom lora_edu.explore import explore\n"
            f"PROBLEM = teacher_student(2, 2, rng=default_rng(0))\n{call}")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"'{missing}'" in done.stderr or f"{missing} halted" in done.stderr
    assert f'pip install "lora_edu[{extra}]"' in done.stderr
