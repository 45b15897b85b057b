"""What ``lora_edu.nn`` offers, and what importing it costs."""

import subprocess
import sys


def test_importing_it_loads_torch_and_safetensors_but_neither_figures_nor_peft():
    code = "import sys, lora_edu.nn; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"torch", "safetensors", "lora_edu.nn.files"} <= loaded
    assert not loaded & {"plotly", "ipywidgets", "peft", "transformers", "lora_edu.chapters"}
