"""One LoRA layer: what it keeps of its base, and several adapters on it."""

import numpy as np
import pytest
import torch
from torch import nn

from lora_edu.nn import LoRAEmbedding, LoRALinear
from tests.nn.compare import assert_rounding_apart, same_bits
from tests.nn.models import DTYPES, KINDS, inputs, make_layer


@pytest.mark.parametrize("bias", [True, False])
def test_the_bias_is_kept_and_frozen(bias):
    base = nn.Linear(7, 5, bias=bias)
    layer = LoRALinear(base, 3, 6, rng=np.random.default_rng(0))
    assert layer.base_layer is base and (base.bias is not None) == bias
    assert not any(p.requires_grad for p in base.parameters())
    nothing = layer(torch.zeros(7))
    assert torch.equal(nothing, base.bias if bias else torch.zeros(5))
    layer.merge()
    assert torch.equal(layer(torch.zeros(7)), nothing)


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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("base", [torch.float32, torch.bfloat16])
def test_an_adapter_may_have_its_own_dtype(kind, base):
    layer = make_layer(kind, dtype=base)
    layer.add_adapter("own", 3, 6, rng=np.random.default_rng(0), dtype=torch.bfloat16)
    assert layer.active[0].lora_A.dtype == layer.active[0].lora_B.dtype == torch.bfloat16
    h = layer(inputs(kind, dtype=base))
    assert h.dtype == base
    h.sum().backward()
    assert layer.active[0].lora_B.grad.dtype == torch.bfloat16


def test_the_mode_is_the_bases():
    assert LoRALinear(nn.Linear(7, 5).eval(), 3, 6, rng=np.random.default_rng(0)).training is False


@pytest.mark.parametrize("shape", [(), (1,), (0,), (4,), (4, 3), (2, 4, 3)])
@pytest.mark.parametrize("kind", KINDS)
def test_any_number_of_axes_may_come_before_the_last(kind, shape):
    layer = make_layer(kind)
    assert layer(inputs(kind, shape=shape)).shape == (*shape, 5)


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


def test_deleting_gives_back_what_was_there_before_adding():
    layer = make_layer()
    before = layer(inputs())
    layer.add_adapter("b", 2, 4, start="both random", rng=np.random.default_rng(1))
    layer.set_adapter(["default", "b"])
    layer.delete_adapter("b")
    assert list(layer.adapters) == layer.active_adapters == ["default"]
    assert same_bits(layer(inputs()), before)
    layer.delete_adapter("default")
    assert same_bits(layer(inputs()), layer.base_layer(inputs()))
