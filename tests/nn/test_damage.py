"""A damaged or foreign file is refused by name, and the model is as it was."""

import json
import re

import pytest
import torch
from safetensors.torch import load_file, save_file

from lora_edu.nn import inject, load_adapter, merge, save_adapter
from tests.nn.compare import fingerprint
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


def weights_of_another(directory):
    save_adapter(adapted(4, 32)[0], directory / "second")
    (directory / "second" / WEIGHTS).replace(directory / WEIGHTS)


as_peft_saves = tensors(lambda t: None)  # without a digest
DAMAGE = {  # the file to be named: words of the message, in order, and what happened to the files
    WEIGHTS: {
        "": cut(WEIGHTS, -4),
        f"{Q0} … (4, 8)": tensors(lambda t: t.pop(Q0)),
        "'extra' … (2, 3)": tensors(lambda t: t.update(extra=torch.ones(2, 3))),
        f"{Q0} … 1 non-finite entries of 32": tensors(
            lambda t: t[Q0].view(-1)[:1].fill_(torch.nan)),
        "must have shape (5, … got (4,": config(r=5),
        "must contain only … tokens.lora_embedding_": config(target_modules=["q", "v"]),
        "base_model.model.head.weight' … says was trained … modules_to_save null": config(
            modules_to_save=["head"]),
        "base_model.model.blocks.0.q.bias' … says was trained … bias 'none'": config(
            bias="lora_only")},
    CONFIG: {
        "line ": cut(CONFIG, -20),
        "peft_type … LORA": config(peft_type="IA3"),
        "r must be given": config(r="gone"),
        "target_modules must match … query": config(target_modules=["query"]),
        **{f"{key} must be off, because it has no counterpart … {value!r}": config(**{key: value})
           for key, value in {"use_dora": True, "layers_to_transform": [0],
                              "a_later_invention": 3}.items()},
        "change W0": config(init_lora_weights="pissa"),
        f"must contain the settings that {WEIGHTS} was": weights_of_another},
}


@pytest.mark.claim("obs-peft-files")
@pytest.mark.parametrize(("file", "words"), [
    (file, words) for file, damages in DAMAGE.items() for words in damages])
def test_what_is_damaged_is_refused_by_name_and_changes_nothing(tmp_path, file, words):
    model, plain = adapted()
    save_adapter(model, tmp_path)
    as_peft_saves(tmp_path)
    DAMAGE[file][words](tmp_path)
    inject(plain, ["q", "head"], 2, 4, rng=rng(), name="b", start="both random")
    merge(plain)
    before = fingerprint(plain)
    message = re.escape(f"{tmp_path / file}: … {words}").replace("\\ …\\ ", ".*")
    with pytest.raises(ValueError, match=f"(?s)^{message}"):
        load_adapter(plain, tmp_path)
    assert fingerprint(plain) == before
