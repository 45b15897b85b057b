"""The torch layers and the NumPy core are the same mathematics, in float64 to rounding."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lora_edu import RULES, STARTS, Adapter, initial
from lora_edu.nn import LoRAEmbedding, LoRALinear

SIDES = st.integers(1, 6)


@pytest.mark.claim("obs-autograd")
@given(SIDES, SIDES, SIDES, st.integers(2, 9), st.floats(0.01, 100), st.sampled_from(STARTS),
       st.sampled_from(sorted(RULES)), st.integers(0, 2**32 - 1))
def test_gradients_are_the_cores(d, k, n, r, alpha, start, rule, seed):
    """Ranks may exceed both sides."""
    X = torch.tensor(np.random.default_rng(0).normal(size=(n, k)))
    layer = LoRALinear(nn.Linear(k, d, bias=False, dtype=torch.float64), r, alpha, start=start,
                       rule=rule, rng=np.random.default_rng(seed))
    [adapter] = layer.active
    A, B = adapter.parameters()
    W = layer.base_layer.weight.detach().clone().requires_grad_(True)
    merged = W + adapter.delta().detach()
    torch.logsumexp(X @ merged.T, 1).sum().backward()
    torch.logsumexp(layer(X), 1).sum().backward()
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
