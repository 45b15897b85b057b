"""One config in place of the arguments: ours, with PEFT's names, or PEFT's own. PEFT is the oracle.
"""

import copy
import math

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from lora_edu.nn import AdapterConfig, inject, lora_layers
from tests.nn.compare import same_bits
from tests.nn.models import TARGETS, net, peft_matrices, token_ids

CONFIGS = [
    {}, {"use_rslora": True}, {"lora_dropout": 0.2}, {"exclude_modules": ["0.q"]},
    {"target_modules": r".*\.[qv]"}, {"target_modules": "all-linear"},
    {"rank_pattern": {"q": 2}, "alpha_pattern": {"^blocks.0.v": 5.0, "v": 6.0}},
    {"init_lora_weights": False}, {"init_lora_weights": "gaussian"}]


@pytest.mark.parametrize("form", ["ours", "PEFT's"])
@pytest.mark.parametrize("settings", CONFIGS, ids=str)
def test_a_config_makes_the_layers_that_it_makes_in_peft(settings, form):
    settings = {"r": 4, "lora_alpha": 8, "target_modules": TARGETS} | settings
    twin = get_peft_model(net(), LoraConfig(**copy.deepcopy(settings)))
    model = net()
    config = AdapterConfig(**settings) if form == "ours" else LoraConfig(**settings)
    names = inject(model, config, name="b")
    assert sorted(names) == sorted(twin.targeted_module_names)
    for name, layer in lora_layers(model).items():
        theirs, adapter = twin.base_model.model.get_submodule(name), layer.adapters["b"]
        assert adapter.scaling == pytest.approx(theirs.scaling["default"], rel=1e-15)
        assert adapter.dropout == getattr(theirs.lora_dropout["default"], "p", 0.0)
        for have, want in zip((adapter.lora_A, adapter.lora_B), peft_matrices(twin, name),
                              strict=True):
            assert (have.shape, have.dtype) == (want.shape, want.dtype)
            assert bool(have.any()) == bool(want.any())
    trains = {name for name, p in model.named_parameters() if p.requires_grad}
    assert len(trains) == 2 * len(names) and all(".b.lora_" in name for name in trains)


@pytest.mark.parametrize("start", [True, False, "gaussian", "Gaussian"])
@pytest.mark.parametrize("kind", [nn.Linear, nn.Embedding])
def test_a_start_draws_from_the_distribution_that_it_has_in_peft(kind, start):
    """Of 3,000 or more numbers the spread is known to a few per cent; a uniform one is told by its
    largest number."""
    config = {"r": 16, "lora_alpha": 8, "target_modules": ["0"], "init_lora_weights": start}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        twin = get_peft_model(nn.Sequential(kind(200, 300)), LoraConfig(**config))
        model = nn.Sequential(kind(200, 300))
        inject(model, LoraConfig(**config))
    [adapter] = model[0].active
    for have, want in zip((adapter.lora_A, adapter.lora_B), peft_matrices(twin, "0"), strict=True):
        assert have.std().item() == pytest.approx(want.std().item(), rel=0.06)
        if want.any():
            ratio = (have.abs().max() / have.std()).item(), (want.abs().max() / want.std()).item()
            assert (ratio[0] < 2) == (ratio[1] < 2) and (ratio[0] < 2) == (
                math.isclose(ratio[0], math.sqrt(3), rel_tol=0.02))


def transformers_models():
    from transformers import (
        GPT2Config,
        GPT2LMHeadModel,
        LlamaConfig,
        LlamaForCausalLM,
        LlamaModel,
    )

    llama = LlamaConfig(vocab_size=32, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
                        num_attention_heads=2, num_key_value_heads=2)
    tied = copy.deepcopy(llama)
    tied.tie_word_embeddings = True
    gpt2 = GPT2Config(vocab_size=32, n_positions=8, n_embd=16, n_layer=1, n_head=2)
    return {"a head": LlamaForCausalLM(llama), "a tied head": LlamaForCausalLM(tied),
            "no head": LlamaModel(llama), "Conv1D": GPT2LMHeadModel(gpt2)}


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")  # transformers
@pytest.mark.parametrize("word", ["all-linear", "All-Linear"])
@pytest.mark.parametrize("exclude", [[], ["o_proj", "down_proj"]])
def test_all_linear_is_what_it_is_in_peft(word, exclude):
    models = transformers_models() | {"a plain model": net()}
    conv1d = models.pop("Conv1D")
    for model in models.values():
        config = LoraConfig(target_modules=word, exclude_modules=exclude)
        theirs = get_peft_model(copy.deepcopy(model), config).targeted_module_names
        assert sorted(inject(model, word, 2, 4, exclude=exclude)) == sorted(theirs)
        inject(model, word, 2, 4, exclude=exclude, name="again")
        assert sorted(lora_layers(model, "again")) == sorted(theirs)
    with pytest.raises(TypeError, match=r"'transformer.h.0.attn.c_attn' is of type Conv1D"):
        inject(conv1d, word, 2, 4)  # PEFT can: a loud no is better than the few others alone


def test_settings_of_peft_that_change_nothing_are_let_through():
    config = LoraConfig(r=4, target_modules=["q"], task_type="CAUSAL_LM", revision="main",
                        base_model_name_or_path="somebody/a-model")
    assert inject(net(), config) == ["blocks.0.q", "blocks.1.q"]


def test_what_no_config_says_may_be_said_beside_it():
    model, config = net(), AdapterConfig(r=4, lora_alpha=8, target_modules=["q"])
    inject(model, config, start="both random", dtype=torch.float64, rng=np.random.default_rng(0))
    want = net()
    inject(want, ["q"], 4, 8, start="both random", dtype=torch.float64,
           rng=np.random.default_rng(0))
    assert same_bits(model(token_ids(3, 7)), want(token_ids(3, 7)))
