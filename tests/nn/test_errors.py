"""What a LoRA layer refuses: each error names the argument, and nothing has changed."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from lora_edu import DISTRIBUTIONS, RULES, STARTS
from lora_edu.nn import LoRAEmbedding, LoRALinear, inject, load_adapter, save_adapter
from tests.nn.compare import assert_unchanged, fingerprint
from tests.nn.models import KINDS, adapted, make_layer, net

GOOD = {"r": 2, "alpha": 4, "rng": np.random.default_rng(0)}


@pytest.mark.parametrize("name, value, error", [
    ("r", 0, ValueError), ("alpha", 0, ValueError), ("rule", "rs", ValueError),
    ("start", "zeros", ValueError), ("distribution", "xavier", ValueError),
    ("distribution", -1.0, ValueError), ("dropout", 1, ValueError), ("dropout", -0.1, ValueError),
    ("dtype", torch.int64, TypeError), ("dtype", "float32", TypeError),
    ("dtype", torch.float8_e4m3fn, TypeError), ("distribution", 1e300, ValueError),
    ("rng", 0, TypeError), ("rng", np.random.RandomState, TypeError),
    *(("name", value, ValueError) for value in ("", "a.b", None, 3, "keys", "training")),
])
@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_argument_is_named_and_the_base_left_alone(kind, name, value, error):
    base_type, layer_type = KINDS[kind]
    base = base_type(7, 5)
    before = fingerprint(base)
    with pytest.raises(error) as caught:
        layer_type(base, **GOOD | {name: value})
    assert str(caught.value).startswith(f"{name} must") and repr(value) in str(caught.value)
    allowed = {"rule": RULES, "start": STARTS, "distribution": DISTRIBUTIONS}.get(name, ())
    if isinstance(value, str):
        assert all(repr(choice) in str(caught.value) for choice in allowed)
    assert_unchanged(base, before)


@pytest.mark.parametrize("settings, words", [
    ({"lora_dropout": 0.1}, "lora_dropout is called dropout"),
    ({"use_rslora": True, "adapter_name": "b"},
     'use_rslora is called rule="rslora", adapter_name is called name'),
    ({"device": "cuda"}, "device: there is no such setting, only rule, start, distribution")])
def test_a_setting_that_there_is_none_of_is_named_beside_those_that_there_are(settings, words):
    with pytest.raises(TypeError, match=words):
        LoRALinear(nn.Linear(7, 5), **GOOD | settings)


def test_the_scaling_cannot_be_set_apart_from_what_is_saved():
    adapter = make_layer().active[0]
    with pytest.raises(AttributeError, match="scaling"):
        adapter.scaling = 99.0
    adapter.alpha = 12.0
    assert adapter.scaling == 4.0


@pytest.mark.parametrize("name, value", [("r", 0), ("alpha", math.nan), ("rule", "rs"), (
    "name", "default"), ("name", "a.b"), ("name", "pop")])
def test_a_refused_second_adapter_changes_nothing(name, value):
    layer = make_layer()
    layer.merge()
    before = fingerprint(layer)
    with pytest.raises(ValueError, match=f"^{name} must"):
        layer.add_adapter(**{"name": "b"} | GOOD | {name: value})
    assert_unchanged(layer, before)


@pytest.mark.parametrize("change", [
    lambda layer: layer.set_adapter("a"), lambda layer: layer.set_adapter(["default", "a"]),
    lambda layer: layer.delete_adapter("a")], ids=["set", "set two", "delete"])
def test_an_unknown_adapter_is_refused_and_the_known_ones_are_listed(change):
    layer = make_layer()
    before = fingerprint(layer)
    with pytest.raises(ValueError, match="name must be one of 'default', got 'a'"):
        change(layer)
    assert_unchanged(layer, before)


class Shouting(nn.Linear):
    def forward(self, x):
        return 10 * super().forward(x)


@pytest.mark.parametrize("layer_type, base, got", [
    (LoRALinear, nn.Embedding(7, 5), "Embedding"), (LoRAEmbedding, nn.Linear(7, 5), "Linear"),
    (LoRALinear, nn.Conv1d(7, 5, 1), "Conv1d"), (LoRALinear, Shouting(7, 5), "Shouting"),
    (LoRALinear, torch.ones(5, 7), "Tensor"), (LoRALinear, None, "NoneType")])
def test_another_kind_of_base_is_refused(layer_type, base, got):
    with pytest.raises(TypeError, match=rf"base_layer must be .* got {got}"):
        layer_type(base, **GOOD)


def test_a_base_without_numbers_is_refused(tmp_path):
    """What is drawn or loaded for the device meta is lost, and computed with all the same."""
    plain = net()
    model, _ = adapted()
    save_adapter(model, tmp_path)
    with pytest.raises(ValueError, match="base_layer must hold its numbers"):
        inject(plain.to("meta"), ["q"], 2, 4)
    with pytest.raises(ValueError, match="base_layer must hold its numbers"):
        load_adapter(plain, tmp_path)
    with pytest.raises(ValueError, match=r"lora_.* must hold numbers, it is on the device meta"):
        save_adapter(model.to("meta"), tmp_path)


@pytest.mark.parametrize("option", [{"max_norm": 1.0}, {"scale_grad_by_freq": True},
                                    {"sparse": True}])
def test_an_embedding_that_does_more_than_look_up_is_refused(option):
    with pytest.raises(ValueError, match=f"base_layer must be without {next(iter(option))}"):
        LoRAEmbedding(nn.Embedding(7, 5, **option), **GOOD)
