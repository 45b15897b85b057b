"""A damaged or foreign file is refused by name, and the model is as it was."""

import json
import re

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from lora_edu.nn import inject, load_adapter, merge, save_adapter
from tests.nn.compare import assert_unchanged, fingerprint
from tests.nn.models import TARGETS, adapted, net, token_ids

IDS = token_ids(3, 7)
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
Q0 = "base_model.model.blocks.0.q.lora_A.weight"


def rng(seed=0):
    return np.random.default_rng(seed)


def edit_config(directory, **changes):
    file = directory / CONFIG
    config = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({k: v for k, v in config.items() if v != "gone"}))


def edit_tensors(directory, change):
    tensors = load_file(directory / WEIGHTS)
    change(tensors)
    save_file(tensors, directory / WEIGHTS)


def cut(file, keep):
    def damage(directory):
        data = (directory / file).read_bytes()
        (directory / file).write_bytes(data[:keep])
    return damage


def config(**changes):
    return lambda directory: edit_config(directory, **changes)


def tensors(change):
    return lambda directory: edit_tensors(directory, change)


DAMAGE = {  # what happened to the files: (damage, the file to be named, other words of the message)
    "weights empty": (cut(WEIGHTS, 0), WEIGHTS, []),
    "weights cut in the header": (cut(WEIGHTS, 100), WEIGHTS, []),
    "weights cut in the numbers": (cut(WEIGHTS, -4), WEIGHTS, []),
    "a tensor missing": (tensors(lambda t: t.pop(Q0)), WEIGHTS, [Q0, "(4, 8)"]),
    "a tensor too many": (tensors(lambda t: t.update(extra=torch.ones(2, 3))), WEIGHTS,
                          ["'extra'", "(2, 3)"]),
    "a tensor of another shape": (tensors(lambda t: t.update({Q0: torch.ones(4, 9)})), WEIGHTS,
                                  [Q0, "(4, 8)", "(4, 9)"]),
    "a tensor of whole numbers": (tensors(lambda t: t.update({Q0: t[Q0].long()})), WEIGHTS,
                                  [Q0, "int64"]),
    "a number that is none": (tensors(lambda t: t[Q0].view(-1)[:1].fill_(torch.nan)), WEIGHTS,
                              [Q0, "1 non-finite entries of 32"]),
    "configuration cut": (cut(CONFIG, -20), CONFIG, ["line "]),
    "configuration that is no text": (lambda d: (d / CONFIG).write_bytes(b"\xff\xfe\x00"), CONFIG,
                                      ["utf-8"]),
    "another method": (config(peft_type="IA3"), CONFIG, ["peft_type", "LORA"]),
    "no rank": (config(r="gone"), CONFIG, ["r must be given"]),
    "no targets": (config(target_modules=[]), CONFIG, ["target_modules must be given"]),
    "another rank": (config(r=5), WEIGHTS, ["(4, ", "(5, "]),
    "a pattern that does not parse": (config(alpha_pattern={"(": 2}), CONFIG,
                                      ["alpha_pattern", "("]),
    "targets of another model": (config(target_modules=["query"]), CONFIG,
                                 ["target_modules must match", "query"]),
    "targets that are no layers": (config(target_modules=["act"]), CONFIG,
                                   ["blocks.0.act", "Tanh"]),
    "targets that do not parse": (config(target_modules="q("), CONFIG,
                                  ["target_modules must", "q("]),
    "more targets than tensors": (config(target_modules=[*TARGETS, "head"]), WEIGHTS,
                                  ["base_model.model.head.lora_", "there is none"]),
    "fewer targets than tensors": (config(target_modules=["q", "v"]), WEIGHTS,
                                   ["tokens.lora_embedding_", "no place for it"]),
    **{f"{key} on": (config(**{key: value}), CONFIG, [f"{key} must be off, it has no counterpart",
                                                      repr(value)])
       for key, value in {"use_dora": True, "lora_bias": True, "bias": "all",
                          "fan_in_fan_out": True, "modules_to_save": ["head"],
                          "layers_to_transform": [0], "layer_replication": [[0, 1]],
                          "trainable_token_indices": [1], "a_later_invention": 3}.items()},
    **{f"start {start}": (config(init_lora_weights=start), CONFIG, ["change W0", repr(start)])
       for start in ("pissa", "olora", "corda", "loftq", "lora_ga")},
}


@pytest.mark.claim("obs-peft-files")
@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_refused_by_name_and_changes_nothing(tmp_path, damage):
    happen, file, words = DAMAGE[damage]
    model, plain = adapted()
    save_adapter(model, tmp_path)
    edit_tensors(tmp_path, lambda tensors: None)  # as PEFT saves them: without a digest
    happen(tmp_path)
    inject(plain, ["q", "head"], 2, 4, rng=rng(), name="b", start="both random")
    merge(plain)
    before = fingerprint(plain)
    with pytest.raises(ValueError) as caught:
        load_adapter(plain, tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / file}: ")
    assert [word for word in words if word not in str(caught.value)] == []
    assert_unchanged(plain, before)


@pytest.mark.parametrize("file", [CONFIG, WEIGHTS])
def test_files_of_two_adapters_are_refused(tmp_path, file):
    (first, plain), (second, _) = adapted(4, 8), adapted(4, 32)
    save_adapter(first, tmp_path)
    save_adapter(second, tmp_path / "second")
    (tmp_path / "second" / file).replace(tmp_path / file)
    with pytest.raises(ValueError, match=f"{CONFIG}: these are not the settings that {WEIGHTS}"):
        load_adapter(plain, tmp_path)


def test_a_name_among_the_targets_that_matches_nothing_is_no_error_as_in_peft(tmp_path):
    model, plain = adapted()
    save_adapter(model, tmp_path)
    edit_tensors(tmp_path, lambda tensors: None)
    edit_config(tmp_path, target_modules=[*TARGETS, "query"])
    PeftModel.from_pretrained(net(), tmp_path)
    load_adapter(plain, tmp_path)
    assert torch.equal(plain(IDS), model(IDS))


@pytest.mark.parametrize("file", [CONFIG, WEIGHTS])
def test_a_missing_file_is_named(tmp_path, file):
    model, plain = adapted()
    save_adapter(model, tmp_path)
    (tmp_path / file).unlink()
    before = fingerprint(plain)
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / file))):
        load_adapter(plain, tmp_path)
    assert_unchanged(plain, before)
