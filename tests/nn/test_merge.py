"""Merging is rounded once, and unmerging gives back every bit, in every dtype."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lora_edu import RULES
from tests.nn.compare import same_bits
from tests.nn.models import DTYPES, KINDS, inputs, make_layer


def ulp(tensor):
    """The distance to the next number of the tensor's dtype, entry by entry, in float64."""
    eps = torch.finfo(tensor.dtype).eps
    return eps * 2.0 ** torch.floor(torch.log2(tensor.double().abs().clamp_min(
        torch.finfo(tensor.dtype).tiny)))


@st.composite
def merging(draw):
    """A layer of any kind, size, dtype, rule, and size of update against W0."""
    return make_layer(draw(st.sampled_from(sorted(KINDS))), draw(st.integers(1, 9)),
                draw(st.integers(1, 9)), draw(st.integers(1, 12)),
                10.0 ** draw(st.integers(-3, 2)), draw(st.integers(0, 2**20)),
                draw(st.sampled_from(DTYPES)), rule=draw(st.sampled_from(sorted(RULES))),
                distribution=0.3)


@given(merging())
def test_a_merged_weight_is_rounded_once(layer):
    """W0 + s·B·A as float64 has it, to half an ulp of the base's dtype and float32's rounding."""
    W0, adapter = layer.base_layer.weight.detach().double(), layer.active[0]
    A, B = adapter.lora_A.detach().double(), adapter.lora_B.detach().double()
    exact = W0 + layer.as_weight(adapter.scaling * (B @ A))
    layer.merge()
    have = layer.merged_weight
    wide = torch.finfo(torch.promote_types(have.dtype, torch.float32))
    inner = (adapter.r + 3) * wide.eps * (W0.abs() + layer.as_weight(
        adapter.scaling * (B.abs() @ A.abs())))
    assert ((have.double() - exact).abs() <= 0.501 * ulp(have) + inner).all()


@pytest.mark.claim("obs-no-trace", "obs-merge-rounding")
@given(merging())
def test_unmerging_gives_back_every_bit_and_w0_is_never_touched(layer):
    W0, kind = layer.base_layer.weight, type(layer.base_layer).__name__
    before, pointer, version = W0.detach().clone(), W0.data_ptr(), W0._version
    x = inputs(kind, W0.shape[0 if kind == "Embedding" else 1], W0.dtype)
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
    assert (W0.data_ptr(), W0._version) == (pointer, version) and same_bits(W0, before)


@pytest.mark.claim("obs-subtract")
def test_subtracting_the_update_would_not_give_w0_back():
    """Why a merged weight is kept beside W0: in low precision (W0 + ΔW) − ΔW ≠ W0."""
    layer = make_layer(k=64, d=64, dtype=torch.bfloat16)
    W0, delta = layer.base_layer.weight.detach(), layer.active[0].delta().detach().bfloat16()
    assert ((W0 + delta) - delta != W0).float().mean() > 0.2


@pytest.mark.parametrize("change", [
    lambda layer: layer.add_adapter("b", 2, 4, rng=np.random.default_rng(1)),
    lambda layer: layer.set_adapter("default"),
    lambda layer: layer.delete_adapter("default"),
    lambda layer: layer.load_state_dict(layer.state_dict()),
], ids=["add", "set", "delete", "load_state_dict"])
def test_a_change_of_adapters_unmerges(change):
    layer = make_layer()
    layer.merge()
    change(layer)
    assert not layer.merged
