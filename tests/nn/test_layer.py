"""One LoRA layer: what it keeps of its base, and several adapters on it."""

import numpy as np
import pytest
import torch
from torch import nn

from lora_edu.nn import LoRAEmbedding
from tests.nn.compare import assert_rounding_apart, same_bits
from tests.nn.models import DTYPES, KINDS, inputs, make_layer


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_output_has_the_bases_dtype_and_a_and_b_are_no_narrower_than_float32(dtype, kind):
    layer = make_layer(kind, dtype=dtype)
    x, wide = inputs(kind, dtype=dtype), torch.promote_types(dtype, torch.float32)
    assert {p.dtype for p in layer.base_layer.parameters()} == {dtype}
    assert {p.dtype for p in layer.adapters.parameters()} == {wide} and layer(x).dtype == dtype
    layer(x).float().square().sum().backward()
    assert {p.grad.dtype for p in layer.adapters.parameters()} == {wide}
    layer.merge()
    assert layer.merged_weight.dtype == dtype and layer(x).dtype == dtype


@pytest.mark.claim("obs-autograd")
@pytest.mark.parametrize("kind", KINDS)
def test_only_a_and_b_get_gradients(kind):
    layer = make_layer(kind)
    layer(inputs(kind)).square().sum().backward()
    assert {name for name, p in layer.named_parameters() if p.grad is not None} == {
        "adapters.default.lora_A", "adapters.default.lora_B"}


def test_the_padding_row_of_an_embedding_gets_no_gradient():
    layer = LoRAEmbedding(nn.Embedding(7, 5, padding_idx=2), 3, 6, start="both random",
                          rng=np.random.default_rng(0))
    layer(torch.tensor([2, 2, 4])).sum().backward()
    gradient = layer.active[0].lora_A.grad
    assert not gradient[:, 2].any() and gradient[:, 4].all()


def test_autocast_runs_the_adapter_in_low_precision():
    layer = make_layer()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        h = layer(inputs())
    assert h.dtype == torch.bfloat16
    torch.testing.assert_close(h.float(), layer(inputs()), rtol=0.05, atol=0.1)


# Several adapters

def test_adapters_are_switched_by_name_and_add_up():
    layer = make_layer()
    layer.add_adapter("b", 2, 4, start="both random", rng=np.random.default_rng(1))
    x, W0x = inputs(), layer.base_layer(inputs())
    outputs = {}
    for names in ("default", "b", [], ["default", "b"], ["b", "default", "b"]):
        layer.set_adapter(names)
        outputs[str(names)] = layer(x)
        assert [p.requires_grad for a in layer.adapters.values() for p in a.parameters()] == [
            name in ([names] if isinstance(names, str) else names)
            for name in layer.adapters for _ in range(2)]
    assert same_bits(outputs["[]"], W0x)
    assert not torch.allclose(outputs["default"], outputs["b"])
    assert_rounding_apart(outputs["['default', 'b']"],
                          outputs["default"] + outputs["b"] - W0x)
    assert_rounding_apart(outputs["['default', 'b']"], outputs["['b', 'default', 'b']"])
