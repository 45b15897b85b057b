"""The torch layers and the NumPy core are the same mathematics, in float64 to rounding."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lora_edu import RULES, STARTS, Adapter, initial
from lora_edu.nn import LoRAEmbedding, LoRALinear


@st.composite
def cases(draw):
    """(layer, X): sides from 1 to 6, ranks that may exceed both, every rule and start."""
    d, k, n = (draw(st.integers(1, 6)) for _ in range(3))
    r = draw(st.integers(2, 9))
    start = draw(st.sampled_from(STARTS))
    base = nn.Linear(k, d, bias=False, dtype=torch.float64)
    layer = LoRALinear(base, r, draw(st.floats(0.01, 100)), start=start,
                       rule=draw(st.sampled_from(sorted(RULES))),
                       rng=np.random.default_rng(draw(st.integers(0, 2**32 - 1))))
    return layer, np.random.default_rng(0).normal(size=(n, k))


@pytest.mark.claim("obs-autograd")
@given(cases())
def test_gradients_are_the_cores(case):
    layer, X = case
    [adapter] = layer.active
    A = adapter.lora_A
    B = adapter.lora_B
    W = layer.base_layer.weight.detach().clone().requires_grad_(True)
    merged = W + adapter.delta().detach()
    torch.logsumexp(torch.tensor(X) @ merged.T, 1).sum().backward()
    torch.logsumexp(layer(torch.tensor(X)), 1).sum().backward()
    core = Adapter(A.detach().numpy(), B.detach().numpy(), adapter.scaling)
    for have, want in zip((A.grad, B.grad), core.gradients(W.grad.numpy()), strict=True):
        np.testing.assert_allclose(have, want, 1e-10, 1e-10 * (1 + np.abs(want).max()))


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("distribution", ["kaiming_uniform", "gaussian", "peft_gaussian", 0.3])
@pytest.mark.parametrize("base, layer_type", [
    (nn.Linear(5, 6, dtype=torch.float64), LoRALinear),
    (nn.Embedding(5, 6, dtype=torch.float64), LoRAEmbedding)], ids=["Linear", "Embedding"])
def test_a_layer_starts_with_the_matrices_of_the_core(base, layer_type, start, distribution):
    layer = layer_type(base, 4, 8, start=start, distribution=distribution,
                       rng=np.random.default_rng(3))
    A, B = initial(6, 5, 4, start, distribution, rng=np.random.default_rng(3))
    np.testing.assert_array_equal(layer.active[0].lora_A.detach(), A)
    np.testing.assert_array_equal(layer.active[0].lora_B.detach(), B)
