"""One LoRA layer: its start, several adapters on it, merging, copies."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lora_edu import RULES, STARTS, initial
from tests.nn.compare import assert_rounding_apart, same_bits
from tests.nn.models import DTYPES, KINDS, inputs, make_layer, rng

of_each_kind = pytest.mark.parametrize("kind", KINDS)
merged_or_not = pytest.mark.parametrize("merged", [False, True])


def test_adapters_add_up():
    layer = make_layer()
    layer.add_adapter("b", 2, 4, start="both random")

    def added_by(names):
        layer.set_adapter(names)
        return layer(inputs()) - layer.base_layer(inputs())

    assert_rounding_apart(added_by("default") + added_by("b"), added_by(["b", "default", "b"]))


@of_each_kind
@pytest.mark.parametrize("distribution", ["kaiming_uniform", "gaussian", "peft_gaussian", 0.3])
@pytest.mark.parametrize("start", STARTS)
def test_a_layer_starts_with_the_matrices_of_the_core(kind, start, distribution):
    layer = make_layer(kind, 5, 6, 4, 8, 3, torch.float64, start, distribution=distribution)
    want = initial(6, 5, 4, start, distribution, rng=rng(3))
    for matrix, drawn in zip(layer.active[0].parameters(), want, strict=True):
        np.testing.assert_array_equal(matrix.detach(), drawn)


# Merging

@pytest.mark.claim("obs-no-trace", "obs-merge-rounding")
@given(st.sampled_from(sorted(KINDS)), st.integers(1, 9), st.integers(1, 9), st.integers(1, 12),
       st.integers(-3, 2), st.integers(0, 2**20), st.sampled_from(DTYPES),
       st.sampled_from(sorted(RULES)))
def test_unmerging_gives_back_every_bit_and_w0_is_never_touched(
        kind, k, d, r, size, seed, dtype, rule):
    """size: of the update against W0, as a power of ten."""
    layer = make_layer(kind, k, d, r, 10.0**size, seed, dtype, rule=rule, distribution=0.3)
    W0 = layer.base_layer.weight
    before = W0.detach().clone()
    place = W0.data_ptr(), W0._version
    x = inputs(kind, k, dtype)
    want = layer(x)
    for _ in range(2):
        layer.merge()
        once = layer.merged_weight
        layer.merge()
        assert layer.merged and same_bits(layer.merged_weight, once)
        layer.unmerge()
        layer.unmerge()
    assert not layer.merged and same_bits(layer(x), want)
    assert layer.base_layer.weight is W0
    assert (W0.data_ptr(), W0._version) == place and same_bits(W0, before)


def test_a_change_of_adapters_unmerges():
    layer = make_layer()
    for change in (lambda: layer.add_adapter("b", 2, 4), lambda: layer.set_adapter("default"),
                   lambda: layer.load_state_dict(layer.state_dict()),
                   lambda: layer.delete_adapter("default")):
        layer.merge()
        change()
        assert not layer.merged


# Copies

@of_each_kind
@merged_or_not
def test_a_copy_is_equal_and_separate(kind, merged):
    layer = make_layer(kind)
    if merged:
        layer.merge()
    twin = copy.deepcopy(layer)
    before = layer(inputs(kind))
    assert same_bits(twin(inputs(kind)), before) and twin.merged == merged
    twin.set_adapter([])
    with torch.no_grad():
        for p in twin.parameters():
            p.zero_()
    assert same_bits(layer(inputs(kind)), before) and not twin(inputs(kind)).any()


@of_each_kind
@merged_or_not
def test_a_state_dict_holds_w0_and_the_adapters_merged_or_not(kind, merged):
    layer = make_layer(kind)
    other = make_layer(kind, seed=5)
    if merged:
        layer.merge()
        other.merge()
    assert {*layer.state_dict()} - {"base_layer.bias"} == {
        "base_layer.weight", "adapters.default.lora_A", "adapters.default.lora_B"}
    other.load_state_dict(layer.state_dict())
    layer.unmerge()
    assert same_bits(other(inputs(kind)), layer(inputs(kind)))


@of_each_kind
def test_torch_compile_computes_the_same_without_a_graph_break(kind):
    torch.compiler.reset()
    layer = make_layer(kind, dtype=torch.float64)
    x = inputs(kind, dtype=torch.float64)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    for prepare in (lambda: None, layer.merge, layer.unmerge, lambda: layer.set_adapter([])):
        prepare()
        torch.testing.assert_close(compiled(x), layer(x), rtol=1e-12, atol=1e-12)
    layer.set_adapter("default")
    gradients = []
    for module in (layer, compiled):
        layer.zero_grad()
        module(x).square().sum().backward()
        gradients.append([p.grad for p in layer.active[0].parameters()])
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)
