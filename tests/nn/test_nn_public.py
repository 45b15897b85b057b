"""What ``lora_edu.nn`` offers, and what importing it costs."""

import subprocess
import sys

import pytest

import lora_edu.nn


def test_importing_it_loads_torch_and_safetensors_but_neither_figures_nor_peft():
    code = "import sys, lora_edu.nn; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"torch", "safetensors", "lora_edu.nn.files"} <= loaded
    assert not loaded & {"plotly", "ipywidgets", "peft", "transformers", "lora_edu.chapters"}


@pytest.mark.parametrize("name", lora_edu.nn.__all__)
def test_every_public_name_says_what_it_does(name):
    assert getattr(lora_edu.nn, name).__doc__  # its own: a subclass inherits none
