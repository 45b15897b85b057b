"""One config in place of the arguments: ours, with PEFT's names, or PEFT's own. PEFT is the oracle.
"""

import copy

import numpy as np
import pytest
from peft import LoraConfig, get_peft_model
from transformers import LlamaModel

from lora_edu.nn import AdapterConfig, inject, lora_layers
from tests.nn.models import TARGETS, gpt2, llama, matrices, net

CONFIGS = [
    {}, {"use_rslora": True}, {"lora_dropout": 0.2}, {"exclude_modules": ["0.q"]},
    {"target_modules": r".*\.[qv]"}, {"target_modules": "all-linear"},
    {"target_modules": ["0.q", "v"], "exclude_modules": r".*\.1.*"},
    {"rank_pattern": {"q": 2}, "alpha_pattern": {"^blocks.0.v": 5.0, "v": 6.0}},
    {"init_lora_weights": False}, {"init_lora_weights": "gaussian"},
    {"exclude_modules": ["v"]}]  # which leaves nothing of one of the names
# Whose order counts, which PEFT's files lose; and the end of a name that no dot parts.
PATTERNS = [{"alpha_pattern": {"blocks.0.q": 23, ".*q": 26}}, {"rank_pattern": {"q": 1, "0.q": 2}},
            {"rank_pattern": {"kens": 1}}]


@pytest.mark.filterwarnings("ignore:The following rank_pattern keys did not match")
@pytest.mark.parametrize("form", ["ours", "PEFT's"])
@pytest.mark.parametrize("settings", CONFIGS + PATTERNS, ids=str)
def test_a_config_makes_the_layers_that_it_makes_in_peft(settings, form):
    settings = {"r": 4, "lora_alpha": 8, "target_modules": TARGETS} | settings
    twin = get_peft_model(net(), LoraConfig(**copy.deepcopy(settings)))
    model = net()
    config = AdapterConfig(**settings) if form == "ours" else LoraConfig(**settings)
    names = inject(model, config, name="b")
    assert sorted(names) == sorted(twin.targeted_module_names)
    for name, layer in lora_layers(model).items():
        theirs = twin.base_model.model.get_submodule(name)
        adapter = layer.adapters["b"]
        assert adapter.scaling == pytest.approx(theirs.scaling["default"], rel=1e-15)
        assert adapter.dropout == getattr(theirs.lora_dropout["default"], "p", 0.0)
    for have, want in matrices(model, twin):
        assert (have.shape, have.dtype) == (want.shape, want.dtype)
        assert bool(have.any()) == bool(want.any())
    trains = {name for name, p in model.named_parameters() if p.requires_grad}
    assert len(trains) == 2 * len(names) and all(".b.lora_" in name for name in trains)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")  # transformers
@pytest.mark.parametrize(("word", "exclude"), [
    ("all-linear", []), ("All-Linear", ["o_proj", "down_proj"])])
def test_all_linear_is_what_it_is_in_peft(word, exclude):
    for model in (llama(), llama(LlamaModel), gpt2(), net()):
        config = LoraConfig(target_modules=word, exclude_modules=exclude)
        theirs = get_peft_model(copy.deepcopy(model), config).targeted_module_names
        assert sorted(inject(model, word, 2, 4, exclude=exclude)) == sorted(theirs)
        inject(model, word, 2, 4, exclude=exclude, name="again")
        assert sorted(lora_layers(model, "again")) == sorted(theirs)


@pytest.mark.parametrize("settings", [*PATTERNS, {
    "r": np.int64(4), "lora_alpha": np.float32(8), "lora_dropout": np.float64(0.5),
    "use_rslora": np.bool_(True), "rank_pattern": {"q": np.int32(2)},
    "alpha_pattern": {"q": np.int64(5)}, "exclude_modules": ("0.q",)}],
    ids=lambda settings: " ".join(sorted(settings)))
def test_its_text_says_all_of_it(settings):
    """Also which of several patterns comes first, and so counts."""
    config = AdapterConfig(**{"r": 4, "lora_alpha": 8, "target_modules": TARGETS} | settings)
    again = AdapterConfig.from_json(config.to_json())
    assert again == config and again.digest() == config.digest()
    names = [name for name, _ in net().named_modules()]
    assert [*map(again.for_layer, names)] == [*map(config.for_layer, names)]


SAME = {"r": 8, "lora_alpha": 16, "target_modules": [*"abcdefgh"],
        "alpha_pattern": {"q": 1, ".*": 2}}
OTHER = {"r": 4, "lora_alpha": 15, "target_modules": ["q"], "exclude_modules": ["0.q"],
         "use_rslora": True, "lora_dropout": 0.1, "rank_pattern": {"q": 1},
         "alpha_pattern": {".*": 2, "q": 1}}


def test_the_digest_is_that_of_the_meaning():
    want = AdapterConfig(**SAME).digest()
    for name, value in OTHER.items():
        assert AdapterConfig(**SAME | {name: value}).digest() != want
    for name, value in {"lora_alpha": 16.0, "target_modules": set("abcdefgh"),
                        "init_lora_weights": False}.items():
        assert AdapterConfig(**SAME | {name: value}).digest() == want
