"""An adapter on disk: there and back without losing a bit."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn

from lora_edu.nn import inject, load_adapter, lora_layers, save_adapter
from tests.nn.compare import assert_rounding_apart, same_bits
from tests.nn.models import LAYERS, adapted, peft_matrices, token_ids

IDS = token_ids(3, 7)
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("rule", ["lora", "rslora", "none"])
@pytest.mark.parametrize("alpha", [8, 7, 0.3])
def test_a_saved_adapter_loads_to_the_same_bits(tmp_path, alpha, rule):
    model, plain = adapted(3, alpha, rule=rule, dropout=0.25)
    model.eval(), plain.eval()
    save_adapter(model, tmp_path / "deep" / "er")
    assert load_adapter(plain, tmp_path / "deep" / "er") == LAYERS
    for name, layer in lora_layers(plain).items():
        [have], [want] = layer.active, lora_layers(model)[name].active
        assert same_bits(have.lora_A, want.lora_A) and same_bits(have.lora_B, want.lora_B)
        assert (have.r, have.dropout) == (3, 0.25)
        assert have.scaling == pytest.approx(want.scaling, rel=1e-15)
    assert_rounding_apart(plain(IDS), model(IDS))
    if rule != "none":
        assert same_bits(plain(IDS), model(IDS))


@pytest.mark.parametrize("file_dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("base_dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_no_bit_of_the_file_is_lost_in_a_base_of_another_dtype(tmp_path, file_dtype, base_dtype):
    model, plain = adapted(dtype=file_dtype)
    save_adapter(model, tmp_path)
    load_adapter(plain.to(base_dtype), tmp_path)
    for name, layer in lora_layers(plain).items():
        have, want = layer.active[0].lora_A, lora_layers(model)[name].active[0].lora_A
        assert have.dtype == (torch.float64 if torch.float64 in (file_dtype, base_dtype)
                              else torch.float32)
        assert same_bits(have.to(file_dtype), want)
    assert plain(IDS).dtype == base_dtype


@pytest.mark.claim("obs-peft-files")
def test_ranks_and_alphas_may_differ_from_layer_to_layer(tmp_path):
    model, plain = adapted(2, 4, targets=["q"])
    inject(model, ["0.v"], 3, 4, rng=rng(3), start="both random")
    inject(model, ["1.v"], 2, 5, rng=rng(4), start="both random")
    want = model(IDS)
    save_adapter(model, tmp_path)
    config = json.loads((tmp_path / CONFIG).read_text())
    assert (config["r"], config["lora_alpha"]) == (2, 4)
    assert config["rank_pattern"] == {r"^blocks\.0\.v": 3}
    assert config["alpha_pattern"] == {r"^blocks\.1\.v": 5}
    twin = PeftModel.from_pretrained(copy.deepcopy(plain), tmp_path)
    assert_rounding_apart(twin(IDS), want)
    for path, layer in lora_layers(model).items():
        for have, ours in zip(peft_matrices(twin, path), layer.active[0].parameters(), strict=True):
            assert same_bits(have, ours)
    load_adapter(plain, tmp_path)
    assert same_bits(plain(IDS), want)


class Nested(nn.Module):
    """A layer ``q`` and a layer ``inner.q``: the first name is an ending of the second."""

    def __init__(self):
        super().__init__()
        self.q, self.inner = nn.Linear(4, 4), nn.ModuleDict({"q": nn.Linear(4, 4)})

    def forward(self, x):
        return self.inner["q"](self.q(x))


def test_a_name_that_is_an_ending_of_another_is_saved_so_that_it_finds_one_layer(tmp_path):
    model = Nested()
    plain = copy.deepcopy(model)
    assert inject(model, "q", 2, 4, rng=rng(), start="both random") == ["q"]
    save_adapter(model, tmp_path)
    twin = PeftModel.from_pretrained(copy.deepcopy(plain), tmp_path)
    assert load_adapter(plain, tmp_path) == twin.targeted_module_names == ["q"]
    assert same_bits(plain(torch.ones(4)), model(torch.ones(4)))
    assert same_bits(twin(torch.ones(4)), model(torch.ones(4)))


# Replacing

def files_in(directory):
    return {file.name: file.read_bytes() for file in Path(directory).iterdir()}


def test_a_failed_save_leaves_the_old_files_and_nothing_else(tmp_path, monkeypatch):
    first, _ = adapted(4)
    save_adapter(first, tmp_path)
    before = files_in(tmp_path)

    def fails(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fails)
    with pytest.raises(OSError, match="No space left"):
        save_adapter(adapted(2)[0], tmp_path)
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("wrap", [
    nn.DataParallel, lambda model: torch.compile(model, backend="eager"),
    lambda model: nn.DataParallel(torch.compile(model, backend="eager"))])
def test_a_wrapped_model_is_saved_and_loaded_under_its_own_names(tmp_path, wrap):
    model, plain = adapted()
    save_adapter(wrap(model), tmp_path)
    assert load_adapter(wrap(plain), tmp_path) == list(lora_layers(model))
    assert same_bits(plain(IDS), model(IDS))


# What cannot be saved

@pytest.mark.claim("obs-peft-files")
@pytest.mark.parametrize("places", [["0", "1"], ["0", "inner.0"]])
def test_a_layer_under_two_names_is_not_exchanged_for_peft_adapts_the_first_alone(tmp_path, places):
    def model():
        shared = nn.Linear(4, 4)
        return nn.ModuleDict({"0": shared, **(
            {"1": shared} if places[1] == "1" else {"inner": nn.ModuleDict({"0": shared})})})

    twin = get_peft_model(model(), LoraConfig(r=2, target_modules=r".*0"))
    twin.save_pretrained(tmp_path / "theirs")
    ours = model()
    inject(ours, ["0"], 2, 4)
    for call in (lambda: save_adapter(ours, tmp_path / "new"),
                 lambda: load_adapter(model(), tmp_path / "theirs")):
        with pytest.raises(ValueError, match=r"under one name.*'0' is in 2 places"):
            call()
    assert not (tmp_path / "new").exists()
