"""Weights and settings are one thing: replaced together, and refused where they have parted."""

import json
import os
import shutil
import stat
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lora_edu.nn import load_adapter, save_adapter
from lora_edu.nn.folder import NEXT
from tests.book import REPOSITORY
from tests.nn.models import adapted

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@pytest.fixture
def two(tmp_path):
    """Two saved adapters of one shape and another α, in folders of their own, and a plain model."""
    (first, plain), (second, _) = adapted(4, 8), adapted(4, 32)
    save_adapter(first, tmp_path / "first")
    save_adapter(second, tmp_path / "second")
    return tmp_path / "first", tmp_path / "second", plain


@pytest.mark.parametrize("file", [CONFIG, WEIGHTS])
def test_files_of_two_adapters_are_refused(two, file):
    first, second, plain = two
    (first / file).write_bytes((second / file).read_bytes())
    with pytest.raises(ValueError, match=f"{CONFIG}: these are not the settings that {WEIGHTS}"):
        load_adapter(plain, first)


def test_settings_may_be_written_otherwise_and_change_what_has_no_effect(two):
    first, _, plain = two
    settings = json.loads((first / CONFIG).read_text()) | {"base_model_name_or_path": "mine"}
    (first / CONFIG).write_text(json.dumps(dict(reversed(settings.items()))))
    assert load_adapter(plain, first)


def test_the_same_adapter_gives_the_same_bytes(tmp_path):
    model, _ = adapted()
    for i in range(8):
        save_adapter(model, tmp_path / str(i))
    assert len({(tmp_path / str(i) / WEIGHTS).read_bytes() for i in range(8)}) == 1


class Killed(BaseException):
    """What ends a process ends it, tidied up or not."""


def save_until(model, folder, renamings):
    """Save, and be killed before renaming number ``renamings``; nobody tidies up."""
    replace, done = os.replace, []

    def stops(source, target):
        if len(done) == renamings:
            raise Killed
        done.append(target)
        replace(source, target)

    with pytest.MonkeyPatch.context() as patched, pytest.raises(Killed):
        patched.setattr(os, "replace", stops)
        patched.setattr(shutil, "rmtree", lambda *args, **more: None)
        save_adapter(model, folder)


@pytest.mark.parametrize("renamings", [0, 1, 2])
def test_a_save_that_ends_between_two_renamings_leaves_one_of_the_two(two, renamings):
    first, second, plain = two
    model, fresh = adapted(4, 32)
    save_until(model, first, renamings)
    load_adapter(plain, first)
    (layer,) = plain.blocks[0].q.active
    assert layer.scaling == (2.0 if renamings < 2 else 8.0)
    want = load_file((second if renamings >= 2 else first) / WEIGHTS)
    assert torch.equal(layer.lora_A, want["base_model.model.blocks.0.q.lora_A.weight"])
    save_adapter(model, first)
    assert sorted(file.name for file in first.iterdir()) == [CONFIG, WEIGHTS]
    assert load_adapter(fresh, first)


def test_a_save_that_ends_after_one_that_has_ended_half_way_loses_nothing(two):
    """Weights of one, its settings laid ready; the next save lays its own ready, and ends."""
    first, _, plain = two
    save_until(adapted(4, 32)[0], first, 2)
    save_until(adapted(4, 16)[0], first, 2)  # its first renaming completes what was left
    assert load_adapter(plain, first)
    assert plain.blocks[0].q.active[0].scaling == 8.0


def test_temporary_files_follow_no_link_and_leave_ordinary_rights(two, tmp_path, monkeypatch):
    first, _, _ = two
    (tmp_path / "target").write_text("precious")
    for name in (f".{WEIGHTS}.{os.getpid()}", f".{CONFIG}.{os.getpid()}", NEXT + CONFIG):
        (first / name).symlink_to(tmp_path / "target")
    save_adapter(adapted()[0], first)
    assert (tmp_path / "target").read_text() == "precious"
    (tmp_path / "ordinary").touch()
    assert {stat.S_IMODE((first / f).stat().st_mode) for f in (CONFIG, WEIGHTS)} == {
        stat.S_IMODE((tmp_path / "ordinary").stat().st_mode)}


@pytest.mark.parametrize("spoil, words", [
    (lambda A: A.view(-1)[:1].fill_(torch.nan), "1 non-finite entries of"),
    (lambda A: setattr(A, "data", torch.ones(4, 9)), r"must have shape \(4, 8\)"),
    (lambda A: setattr(A, "data", A.data.to(torch.float8_e4m3fn)), "float8"),
])
def test_what_could_not_be_loaded_is_not_saved(two, spoil, words):
    first, _, _ = two
    before = {file.name: file.read_bytes() for file in first.iterdir()}
    model, _ = adapted()
    with torch.no_grad():
        spoil(model.blocks[0].q.adapters["default"].lora_A)
    with pytest.raises(ValueError, match=words):
        save_adapter(model, first)
    assert {file.name: file.read_bytes() for file in first.iterdir()} == before


def test_kills_and_crowds_leave_no_mixture(tmp_path):
    done = subprocess.run([sys.executable, "-m", "tests.nn.kill_saves", str(tmp_path), "60", "40"],
                          capture_output=True, text=True, timeout=300, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
    assert np.sum([int(word) for word in done.stdout.split()]) >= 60 + 40
