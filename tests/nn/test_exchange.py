"""PEFT loads what we save, and we load what PEFT saves."""

import copy

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file

from lora_edu.nn import load_adapter, lora_layers, save_adapter, unload
from tests.nn.compare import assert_rounding_apart, same_bits
from tests.nn.models import TARGETS, adapted, net, peft_matrices, token_ids

IDS = token_ids(3, 7)
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@pytest.mark.claim("obs-same-as-peft", "obs-peft-files")
@pytest.mark.parametrize("r, alpha, rule", [(4, 8, "lora"), (3, 7, "lora"), (4, 3, "rslora"), (
    2, 0.5, "none")])
def test_peft_loads_what_we_save(tmp_path, r, alpha, rule):
    model, plain = adapted(r, alpha, rule=rule, dropout=0.1)
    save_adapter(model, tmp_path)
    twin = PeftModel.from_pretrained(plain, tmp_path)
    for name, layer in lora_layers(model).items():
        for have, want in zip(peft_matrices(twin, name), layer.active[0].parameters(), strict=True):
            assert same_bits(have, want)
        theirs = twin.base_model.model.get_submodule(name)
        assert theirs.scaling["default"] == pytest.approx(layer.active[0].scaling, rel=1e-15)
    assert twin.peft_config["default"].lora_dropout == 0.1
    assert_rounding_apart(twin.eval()(IDS), model.eval()(IDS))


@pytest.mark.claim("obs-same-as-peft", "obs-peft-files")
@pytest.mark.parametrize("config", [
    {}, {"use_rslora": True}, {"lora_alpha": 3, "r": 5, "lora_dropout": 0.2},
    {"target_modules": r"blocks\.\d\.q|tokens"}, {"exclude_modules": ["blocks.1.q"]},
    {"rank_pattern": {"q": 2}, "alpha_pattern": {"^blocks.0.v": 5, "v": 6}},
    {"init_lora_weights": "gaussian"}, {"init_lora_weights": "orthogonal", "target_modules": ["q"]},
    {"init_lora_weights": "mica", "target_modules": ["q"]},
], ids=str)
def test_we_load_what_peft_saves(tmp_path, config):
    torch.manual_seed(0)
    plain = net()
    twin = get_peft_model(copy.deepcopy(plain), LoraConfig(**{
        "r": 4, "lora_alpha": 16, "target_modules": TARGETS, "init_lora_weights": False} | config))
    with torch.no_grad():  # the saved adapter has been trained: none of it is zero
        for parameter in twin.parameters():
            parameter.add_(torch.randn_like(parameter) * parameter.requires_grad)
    twin.save_pretrained(tmp_path)
    names = load_adapter(plain, tmp_path)
    assert sorted(names) == sorted(twin.targeted_module_names)
    twin.eval(), plain.eval()
    for name in names:
        [adapter] = lora_layers(plain)[name].active
        theirs = twin.base_model.model.get_submodule(name)
        assert adapter.scaling == theirs.scaling["default"]
        for have, want in zip(adapter.parameters(), peft_matrices(twin, name), strict=True):
            assert same_bits(have, want)
    assert_rounding_apart(plain(IDS), twin(IDS))
    assert not torch.allclose(plain(IDS), net()(IDS))


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")  # PEFT, transformers
def test_a_transformers_model_with_its_embedding_saved_by_peft(tmp_path):
    """There PEFT writes the embedding's W0 too, which is fine as long as it is the model's."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    plain = LlamaForCausalLM(LlamaConfig(
        vocab_size=32, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2)).eval()
    twin = get_peft_model(copy.deepcopy(plain), LoraConfig(
        r=2, target_modules=["embed_tokens", "q_proj"], init_lora_weights=False)).eval()
    twin.save_pretrained(tmp_path)
    key = "base_model.model.model.embed_tokens.base_layer.weight"
    assert key in load_file(tmp_path / WEIGHTS)
    ids = torch.arange(12)[None]
    load_adapter(plain, tmp_path)
    assert_rounding_apart(plain(ids).logits, twin(ids).logits)
    unload(plain)
    with torch.no_grad():
        plain.model.embed_tokens.weight[3, 4] += 1
    with pytest.raises(ValueError, match=f"'{key}' must be the model's own weight"):
        load_adapter(plain, tmp_path)
