"""The converter at the command line: on any console, and with errors that name the option."""

import re
from functools import partial

import pytest
from safetensors.torch import save_file

from tests.nn.console import run
from tests.nn.lora_files import write
from tests.nn.models import net

CONVERT = "lora_edu.nn.convert"


@pytest.mark.claim("obs-layouts")
def test_mixed_ranks_without_alpha(tmp_path, monkeypatch, capsys):
    names = tmp_path / "base.safetensors"
    save_file(net().state_dict(), names)
    convert = partial(run, monkeypatch, CONVERT, write(tmp_path), "--to", "peft", "--names", names)
    assert convert() == (2, "")
    assert "alpha must be given: the file has none for 2 of 2" in capsys.readouterr().err
    report = "r = 4, alpha = 4, s = 1: 1 (blocks.0.q, ...)\nr = 2, alpha = 2"
    _, dry = convert("--alpha", "r")
    assert report in dry and "nothing is written" in dry
    assert convert("--alpha", "r", "--out", "") == (2, "")
    assert "out must be a path, or None, got ''" in capsys.readouterr().err
    words = ("--alpha", "r", "--out", tmp_path / "out")
    status, text = convert(*words)
    assert status == 0 and report in text
    assert convert(*words) == (2, "")
    assert re.search("overwrite must be True .*the option is --overwrite", capsys.readouterr().err)
    assert convert(*words, "--overwrite") == (0, text)
    assert run(monkeypatch, CONVERT, tmp_path / "absent", "--to", "peft") == (2, "")
    assert "the option is" not in capsys.readouterr().err  # source is no option


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
    assert run(monkeypatch, CONVERT, write(tmp_path), "--to", "peft", option, value) == (2, "")
    assert re.search(message, capsys.readouterr().err)
