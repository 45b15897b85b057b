"""A LoRA layer can be copied, pickled, saved as a state dict and compiled."""

import copy
import io
import shutil

import pytest
import torch

from tests.nn.compare import same_bits
from tests.nn.models import KINDS, inputs, make_layer


def pickled(layer):
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_is_equal_and_separate(kind, merged, copied):
    layer = make_layer(kind)
    if merged:
        layer.merge()
    twin = copied(layer)
    before = layer(inputs(kind))
    assert same_bits(twin(inputs(kind)), before) and twin.merged == merged
    twin.set_adapter([])
    with torch.no_grad():
        for p in twin.parameters():
            p.zero_()
    assert same_bits(layer(inputs(kind)), before) and not twin(inputs(kind)).any()


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_state_dict_holds_w0_and_the_adapters_merged_or_not(kind, merged):
    layer, other = make_layer(kind), make_layer(kind, seed=5)
    if merged:
        layer.merge()
        other.merge()
    assert {*layer.state_dict()} - {"base_layer.bias"} == {
        "base_layer.weight", "adapters.default.lora_A", "adapters.default.lora_B"}
    assert not same_bits(other(inputs(kind)), layer(inputs(kind)))
    other.load_state_dict(layer.state_dict())
    layer.unmerge()
    assert same_bits(other(inputs(kind)), layer(inputs(kind)))


COMPILER = next(filter(shutil.which, ("c++", "g++", "clang++")), None)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, while inductor loads
@pytest.mark.parametrize("kind, backend", [
    *((kind, backend) for kind in KINDS for backend in ("eager", "aot_eager")),
    pytest.param("Linear", "inductor", marks=[pytest.mark.thorough, pytest.mark.skipif(
        not COMPILER, reason="needs a C++ compiler")])])
def test_torch_compile_computes_the_same_without_a_graph_break(kind, backend):
    torch.compiler.reset()
    layer, x = make_layer(kind, dtype=torch.float64), inputs(kind, dtype=torch.float64)
    compiled = torch.compile(layer, backend=backend, fullgraph=True)
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
