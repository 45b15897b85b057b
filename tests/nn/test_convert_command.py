"""The converter at the command line: on any console, and with errors that name the option."""

import io
import re
import runpy
import sys

import pytest
from peft import PeftModel
from safetensors.torch import save_file

from tests.nn.lora_files import a_and_b, write
from tests.nn.models import net


def convert(monkeypatch, *words):
    """What the command writes to a console that knows ASCII alone."""
    console = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "argv", ["convert", *map(str, words)])
    monkeypatch.setattr(sys, "stdout", console)
    runpy.run_module("lora_edu.nn.convert", run_name="__main__")
    console.flush()
    return console.buffer.getvalue().decode("ascii")


@pytest.mark.claim("obs-layouts")
def test_mixed_ranks_without_alpha(tmp_path, monkeypatch, capsys):
    names = tmp_path / "base.safetensors"
    save_file(net().state_dict(), names)
    words = (write(tmp_path), "--to", "peft", "--names", names)
    with pytest.raises(SystemExit):
        convert(monkeypatch, *words)
    assert "alpha must be given, the file has none for 2 of 2" in capsys.readouterr().err
    report = "r = 4, alpha = 4, s = 1: 1 (blocks.0.q, ...)\nr = 2, alpha = 2"
    dry = convert(monkeypatch, *words, "--alpha", "r")
    assert report in dry and "nothing is written" in dry
    words = (*words, "--alpha", "r", "--out", tmp_path / "out")
    assert report in convert(monkeypatch, *words)
    twin = PeftModel.from_pretrained(net(), tmp_path / "out")
    assert {path: layer.scaling["default"] for path, layer in twin.base_model.model
            .named_modules() if hasattr(layer, "lora_A")} == {"blocks.0.q": 1, "blocks.1.v": 1}
    assert twin.peft_config["default"].rank_pattern == {r"^blocks\.1\.v": 2}
    with pytest.raises(SystemExit):
        convert(monkeypatch, *words)
    assert "overwrite must be True" in capsys.readouterr().err
    convert(monkeypatch, *words, "--overwrite")


@pytest.mark.parametrize("option, value, message", [
    ("--alpha", "x", "--alpha: must be a number, r or file, got 'x'"),
    ("--names", "absent.txt", "--names: cannot read 'absent.txt': .*No such file"),
    ("--names", "latin.txt", "--names: cannot read 'latin.txt': .*utf-8"),
    ("--names", "broken.safetensors", "--names: cannot read 'broken.safetensors': .*header")])
def test_an_error_names_the_option_and_the_file(tmp_path, monkeypatch, capsys, option, value,
                                                message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latin.txt").write_bytes("größe".encode("latin-1"))
    (tmp_path / "broken.safetensors").write_bytes(b"no header")
    with pytest.raises(SystemExit):
        convert(monkeypatch, write(tmp_path), "--to", "peft", option, value)
    assert re.search(message, capsys.readouterr().err)


def test_names_of_any_letters_are_written_on_any_console(tmp_path, monkeypatch):
    save_file(a_and_b("lora_unet_größe"), tmp_path / "in.safetensors")
    (tmp_path / "names.txt").write_text("größe", encoding="utf-8")
    assert r"(gr\xf6\xdfe, ...)" in convert(
        monkeypatch, tmp_path / "in.safetensors", "--to", "peft", "--alpha", "r",
        "--names", tmp_path / "names.txt", "--out", tmp_path / "out")
