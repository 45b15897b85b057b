"""An adapter on disk: there and back without losing a bit, by us and by PEFT."""

import copy
import json
import os
import time
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from torch import nn

from lora_edu.nn import (
    inject,
    load_adapter,
    lora_layers,
    merge_and_unload,
    save_adapter,
    unload,
)
from lora_edu.nn.convert import convert
from tests.nn.compare import assert_rounding_apart, same_bits
from tests.nn.models import IDS, LAYERS, TARGETS, adapted, assert_pefts, gpt2, llama, net, rng
from tests.nn.test_config import CONFIGS

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"


@pytest.mark.claim("obs-same-as-peft", "obs-peft-files")
@pytest.mark.parametrize("r, alpha, rule", [
    (4, 8, "lora"), (3, 7, "lora"), (4, 3, "rslora"), (2, 0.5, "none")])
def test_a_saved_adapter_loads_to_the_same_bits_here_and_in_peft(tmp_path, r, alpha, rule):
    model, plain = adapted(r, alpha, rule=rule, dropout=0.1)
    save_adapter(model, tmp_path / "deep" / "er")
    twin = PeftModel.from_pretrained(copy.deepcopy(plain), tmp_path / "deep" / "er")
    assert load_adapter(plain, tmp_path / "deep" / "er") == LAYERS
    for one in (model, plain):
        assert_pefts(one, twin)
    assert {layer.active[0].dropout for layer in lora_layers(plain).values()} == {0.1}
    assert twin.peft_config["default"].lora_dropout == 0.1
    want = model.eval()(IDS)
    assert_rounding_apart(twin.eval()(IDS), want)
    assert_rounding_apart(plain.eval()(IDS), want)
    assert rule == "none" or same_bits(plain(IDS), want)


@pytest.mark.claim("obs-same-as-peft", "obs-peft-files")
@pytest.mark.parametrize("config", [
    *CONFIGS, *({"init_lora_weights": start, "target_modules": ["q"]}
                for start in ("orthogonal", "mica")),
    {"modules_to_save": ["head"]}, {"bias": "all"}, {"bias": "lora_only"}], ids=str)
def test_we_load_what_peft_saves(tmp_path, config):
    torch.manual_seed(0)
    plain = net()
    twin = get_peft_model(copy.deepcopy(plain), LoraConfig(**{
        "r": 6, "lora_alpha": 4, "target_modules": TARGETS, "init_lora_weights": False} | config))
    with torch.no_grad():  # the saved adapter has been trained: none of it is zero
        for parameter in twin.parameters():
            parameter.add_(torch.randn_like(parameter) * parameter.requires_grad)
    twin.save_pretrained(tmp_path)
    load_adapter(plain, tmp_path)
    assert_pefts(plain, twin)
    assert_rounding_apart(plain.eval()(IDS), twin.eval()(IDS))
    assert not torch.allclose(plain(IDS), net()(IDS))


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")  # PEFT, transformers
def test_gpt2s_layers_load_and_merge_as_in_peft(tmp_path):
    """Their weight is (k, d), for which PEFT itself sets fan_in_fan_out."""
    torch.manual_seed(0)
    twin = get_peft_model(gpt2(), LoraConfig(
        r=2, target_modules=["c_attn", "c_fc"], fan_in_fan_out=True, init_lora_weights=False))
    twin.save_pretrained(tmp_path)
    model = gpt2()
    load_adapter(model, tmp_path)
    assert_pefts(model, twin)
    want = twin(IDS).logits
    assert_rounding_apart(model(IDS).logits, want)
    merge_and_unload(model)
    assert_rounding_apart(model(IDS).logits, want)
    convert(tmp_path, "mlx", None, names=gpt2())
    convert(tmp_path, "mlx", None, names=gpt2().state_dict())


def test_a_head_that_the_settings_do_not_name_is_loaded_as_peft_loads_it(tmp_path):
    """Older PEFT saved heads so."""
    twin = get_peft_model(net(), LoraConfig(r=2, target_modules=["q"], modules_to_save=["head"]))
    nn.init.ones_(twin.base_model.model.head.modules_to_save["default"].weight)
    twin.save_pretrained(tmp_path)
    settings = json.loads((tmp_path / CONFIG).read_text()) | {"modules_to_save": None}
    (tmp_path / CONFIG).write_text(json.dumps(settings))
    model = net()
    load_adapter(model, tmp_path)
    assert_rounding_apart(model(IDS), PeftModel.from_pretrained(net(), tmp_path)(IDS))
    assert torch.equal(model.head.weight, torch.ones(5, 8)) and model.head.weight.requires_grad


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")  # PEFT, transformers
def test_a_transformers_model_with_its_embedding_saved_by_peft(tmp_path):
    """There PEFT writes the embedding's W0 too, which is fine as long as it is the model's."""
    plain = llama().eval()
    twin = get_peft_model(copy.deepcopy(plain), LoraConfig(
        r=2, target_modules=["embed_tokens", "q_proj"], init_lora_weights=False)).eval()
    twin.save_pretrained(tmp_path)
    key = "base_model.model.model.embed_tokens.base_layer.weight"
    assert key in load_file(tmp_path / WEIGHTS)
    load_adapter(plain, tmp_path)
    assert_rounding_apart(plain(IDS).logits, twin(IDS).logits)
    unload(plain)
    with torch.no_grad():
        plain.model.embed_tokens.weight[3, 4] += 1
    with pytest.raises(ValueError, match=f"'{key}' must be the model's own weight"):
        load_adapter(plain, tmp_path)


def test_a_name_that_is_an_ending_of_another_is_saved_so_that_it_finds_one_layer(tmp_path):
    model = nn.ModuleDict({"q": nn.Linear(4, 4), "inner": nn.ModuleDict({"q": nn.Linear(4, 4)})})
    plain = copy.deepcopy(model)
    assert inject(model, "q", 2, 4, rng=rng(), start="both random") == ["q"]
    save_adapter(model, tmp_path)
    twin = PeftModel.from_pretrained(copy.deepcopy(plain), tmp_path)
    load_adapter(plain, tmp_path)
    assert twin.targeted_module_names == ["q"]
    assert_pefts(plain, twin)


def test_a_failed_save_leaves_the_old_files_and_nothing_else(tmp_path, monkeypatch):
    def files():
        return {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def fails(*args):
        raise OSError(28, "No space left on device")

    save_adapter(adapted(4)[0], tmp_path)
    before = files()
    monkeypatch.setattr(Path, "write_bytes", fails)
    with pytest.raises(OSError, match="No space left"):
        save_adapter(adapted(2)[0], tmp_path)
    assert files() == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (tmp_path, os.W_OK))
    with pytest.raises(PermissionError, match=f"must be writable, got {str(tmp_path)!r}$"):
        save_adapter(adapted(4)[0], tmp_path)


@pytest.mark.parametrize("stop, whole", [
    ([1, 2, 3], True), ([2, 3], False), ([3], False), ([2], True)], ids=str)
def test_a_stopped_save_leaves_no_weights_beside_the_settings_of_others(
        tmp_path, monkeypatch, stop, whole):
    """stop: the renamings that do not happen, all further ones where it was killed. PEFT would load
    such a pair."""
    model, plain = adapted(4, 8)
    save_adapter(model, tmp_path)
    calls = iter(range(1, 9))
    replace = os.replace

    def stopped(*args):
        if next(calls) in stop:
            raise KeyboardInterrupt
        replace(*args)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", stopped)
        with pytest.raises(KeyboardInterrupt):
            save_adapter(adapted(4, 32, seed=2)[0], tmp_path)
    if whole:
        assert_pefts(model, PeftModel.from_pretrained(plain, tmp_path))
        return
    with pytest.raises(FileNotFoundError, match=CONFIG):
        load_adapter(plain, tmp_path)
    with pytest.raises(ValueError, match=f"Can't find '{CONFIG}'"):
        PeftModel.from_pretrained(plain, tmp_path)


def test_a_save_clears_what_killed_ones_have_left_and_no_save_that_runs(tmp_path):
    for name, age in {"killed": 3700, "running": 3500}.items():
        folder = tmp_path / f".saving.{name}"
        folder.mkdir()
        (folder / WEIGHTS).write_bytes(b"half")
        os.utime(folder, times=(time.time() - age,) * 2)
    save_adapter(adapted()[0], tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {CONFIG, WEIGHTS, ".saving.running"}


@pytest.mark.parametrize("wrap", [
    nn.DataParallel, lambda model: nn.DataParallel(torch.compile(model, backend="eager"))])
def test_a_wrapped_model_is_saved_and_loaded_under_its_own_names(tmp_path, wrap):
    model, plain = adapted()
    save_adapter(wrap(model), tmp_path)
    assert load_adapter(wrap(plain), tmp_path) == list(lora_layers(model))
    assert same_bits(plain(IDS), model(IDS))


@pytest.mark.claim("obs-peft-files")
def test_a_layer_under_two_names_is_not_exchanged_for_peft_adapts_the_first_alone(tmp_path):
    def model():
        shared = nn.Linear(4, 4)
        return nn.ModuleDict({"0": shared, "inner": nn.ModuleDict({"0": shared})})

    twin = get_peft_model(model(), LoraConfig(r=2, target_modules=r".*0"))
    twin.save_pretrained(tmp_path / "theirs")
    ours = model()
    inject(ours, ["0"], 2, 4)
    for call in (lambda: save_adapter(ours, tmp_path / "new"),
                 lambda: load_adapter(model(), tmp_path / "theirs")):
        with pytest.raises(ValueError, match=r"under one name.*'0' is in 2 places"):
            call()
    assert not (tmp_path / "new").exists()
