"""A damaged or foreign file is refused by name, and the model is as it was."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from lora_edu.nn import inject, load_adapter, merge, save_adapter
from tests.nn.compare import assert_unchanged, fingerprint
from tests.nn.models import adapted, rng

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
Q0 = "base_model.model.blocks.0.q.lora_A.weight"


def cut(file, keep):
    def damage(directory):
        data = (directory / file).read_bytes()
        (directory / file).write_bytes(data[:keep])
    return damage


def config(**changes):
    def damage(directory):
        file = directory / CONFIG
        settings = json.loads(file.read_text()) | changes
        file.write_text(json.dumps({k: v for k, v in settings.items() if v != "gone"}))
    return damage


def tensors(change):
    def damage(directory):
        held = load_file(directory / WEIGHTS)
        change(held)
        save_file(held, directory / WEIGHTS)
    return damage


as_peft_saves = tensors(lambda t: None)  # without a digest


DAMAGE = {  # what happened to the files: (damage, the file to be named, other words of the message)
    "weights cut in the numbers": (cut(WEIGHTS, -4), WEIGHTS, []),
    "a tensor missing": (tensors(lambda t: t.pop(Q0)), WEIGHTS, [Q0, "(4, 8)"]),
    "a tensor too many": (tensors(lambda t: t.update(extra=torch.ones(2, 3))), WEIGHTS,
                          ["'extra'", "(2, 3)"]),
    "a tensor of another shape": (tensors(lambda t: t.update({Q0: torch.ones(4, 9)})), WEIGHTS,
                                  [Q0, "(4, 8)", "(4, 9)"]),
    "a number that is none": (tensors(lambda t: t[Q0].view(-1)[:1].fill_(torch.nan)), WEIGHTS,
                              [Q0, "1 non-finite entries of 32"]),
    "configuration cut": (cut(CONFIG, -20), CONFIG, ["line "]),
    "another method": (config(peft_type="IA3"), CONFIG, ["peft_type", "LORA"]),
    "no rank": (config(r="gone"), CONFIG, ["r must be given"]),
    "another rank": (config(r=5), WEIGHTS, ["(4, ", "(5, "]),
    "targets of another model": (config(target_modules=["query"]), CONFIG,
                                 ["target_modules must match", "query"]),
    "fewer targets than tensors": (config(target_modules=["q", "v"]), WEIGHTS,
                                   ["tokens.lora_embedding_", "no place for it"]),
    **{f"{key} on": (config(**{key: value}), CONFIG, [f"{key} must be off, it has no counterpart",
                                                      repr(value)])
       for key, value in {"use_dora": True, "bias": "all", "modules_to_save": ["head"],
                          "layers_to_transform": [0], "a_later_invention": 3}.items()},
    "a start that moves the base": (config(init_lora_weights="pissa"), CONFIG, ["change W0"]),
}


@pytest.mark.claim("obs-peft-files")
@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_refused_by_name_and_changes_nothing(tmp_path, damage):
    happen, file, words = DAMAGE[damage]
    model, plain = adapted()
    save_adapter(model, tmp_path)
    as_peft_saves(tmp_path)
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
    model, plain = adapted(4, 8)
    save_adapter(model, tmp_path)
    save_adapter(adapted(4, 32)[0], tmp_path / "second")
    (tmp_path / "second" / file).replace(tmp_path / file)
    with pytest.raises(ValueError, match=f"{CONFIG}: these are not the settings that {WEIGHTS}"):
        load_adapter(plain, tmp_path)
