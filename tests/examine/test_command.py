"""The examination at the command line: what is printed, and the exit status."""

import io
import json
import runpy
import sys

import pytest

from tests.examine.lora_files import base_file, in_peft, write


def run(monkeypatch, *words):
    """(exit status, what a console that knows ASCII alone shows)."""
    console = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "argv", ["examine", *map(str, words)])
    monkeypatch.setattr(sys, "stdout", console)
    with pytest.raises(SystemExit) as left:
        runpy.run_module("lora_edu.examine", run_name="__main__")
    console.flush()
    return left.value.code, console.buffer.getvalue().decode("ascii")


def test_the_status_says_whether_something_is_wrong(tmp_path, monkeypatch, capsys):
    (tmp_path / "of base").mkdir()
    base = base_file(tmp_path / "of base", "BF16")
    folder = write(tmp_path, in_peft())
    status, text = run(monkeypatch, folder, "--base", base)
    assert status == 0 and "nothing found of" in text and "layers.0.q" in text
    status, text = run(monkeypatch, folder, "--json")
    assert status == 0 and len(json.loads(text)["rows"]) == 9
    write(tmp_path, in_peft(r=64, lora_alpha=8))
    status, text = run(monkeypatch, folder)
    assert status == 0 and "note: s is 0.125" in text
    write(tmp_path, in_peft(), settings={"r": 8})
    status, text = run(monkeypatch, folder)
    assert status == 1 and "error: the file has another rank" in text
    status, _ = run(monkeypatch, tmp_path / "absent.safetensors")
    assert status == 2 and "absent.safetensors" in capsys.readouterr().err
