"""The examination at the command line: what is printed, and the exit status."""

import json
import os
import subprocess
import sys
from functools import partial

import numpy as np
import peft

from tests.nn.console import run
from tests.nn.lora_files import Tiny, base_file, in_peft, pefts_updates, write_peft


def test_the_status_says_whether_something_is_wrong(tmp_path, monkeypatch, capsys):
    examine = partial(run, monkeypatch, "lora_edu.examine")
    (tmp_path / "of base").mkdir()
    base = base_file(tmp_path / "of base", "BF16")
    folder = write_peft(tmp_path, in_peft())
    status, text = examine(folder, "--base", base, "--all")
    assert status == 0 and "nothing found of" in text and "layers.0.q" in text
    status, text = examine(folder, "--json")
    assert status == 0 and len(json.loads(text)["rows"]) == 9
    write_peft(tmp_path, in_peft(r=64, lora_alpha=8))
    status, text = examine(folder)
    assert status == 0 and "note: s is 0.125" in text
    write_peft(tmp_path, in_peft(), settings={"r": 8})
    status, text = examine(folder)
    assert status == 1 and "error: the file's rank differs" in text
    status, _ = examine(tmp_path / "absent.safetensors")
    assert status == 2 and "absent.safetensors" in capsys.readouterr().err


def test_the_call_that_it_names_loads_a_folder_of_pefts(tmp_path, monkeypatch):
    trained = in_peft()
    folder = write_peft(tmp_path, trained)
    _, text = run(monkeypatch, "lora_edu.examine", folder)
    [line] = [line for line in text.splitlines()[:20] if line.startswith("How do I load it?")]
    call = line.removeprefix("How do I load it? ")
    loaded = eval(call, {"peft": peft, "base_model": Tiny(), "folder": folder})
    for name, update in pefts_updates(trained).items():
        layer = loaded.base_model.model.get_submodule(name)
        np.testing.assert_allclose(layer.get_delta_weight("default").numpy(force=True), update,
                                   rtol=1e-4, atol=1e-7)


def test_a_report_that_nobody_reads_to_its_end_is_no_error(tmp_path):
    """As before `| head`."""
    command = [sys.executable, "-m", "lora_edu.examine", write_peft(tmp_path, in_peft())]
    read_end, write_end = os.pipe()
    os.close(read_end)
    program = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, text=True)
    os.close(write_end)
    assert (program.returncode, program.stderr) == (0, "")
