"""The torch layers and the NumPy core are the same mathematics, in float64 to rounding."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lora_edu import RULES, STARTS, Adapter, initial
from lora_edu.nn import LoRAEmbedding, LoRALinear


def linear(d, k, bias=False):
    return nn.Linear(k, d, bias=bias, dtype=torch.float64)


def core_adapter(layer):
    """A layer's active adapter as the core's."""
    [adapter] = layer.active
    return Adapter(adapter.lora_A.detach().numpy(), adapter.lora_B.detach().numpy(),
                   adapter.scaling)


def close(have, want):
    have = have.detach().numpy() if isinstance(have, torch.Tensor) else have
    np.testing.assert_allclose(have, want, rtol=1e-10, atol=1e-10 * (1 + np.abs(want).max()))


@st.composite
def cases(draw):
    """(layer, X): sides from 1 to 6, ranks that may exceed both, every rule and start."""
    d, k, n = (draw(st.integers(1, 6)) for _ in range(3))
    r, start = draw(st.integers(2, 9)), draw(st.sampled_from(STARTS))
    layer = LoRALinear(linear(d, k), r, draw(st.floats(0.01, 100)), start=start,
                       rule=draw(st.sampled_from(sorted(RULES))),
                       rng=np.random.default_rng(draw(st.integers(0, 2**32 - 1))))
    return layer, np.random.default_rng(0).normal(size=(n, k))


@pytest.mark.claim("obs-autograd")
@given(cases())
def test_gradients_are_the_cores(case):
    layer, X = case
    W = layer.base_layer.weight.detach().clone().requires_grad_(True)
    merged = W + layer.active[0].delta().detach()
    torch.logsumexp(torch.tensor(X) @ merged.T, 1).sum().backward()
    torch.logsumexp(layer(torch.tensor(X)), 1).sum().backward()
    grad_A, grad_B = core_adapter(layer).gradients(W.grad.numpy())
    close(layer.active[0].lora_A.grad, grad_A)
    close(layer.active[0].lora_B.grad, grad_B)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("distribution", ["kaiming_uniform", "gaussian", "peft_gaussian", 0.3])
@pytest.mark.parametrize("base, layer_type", [(linear(6, 5), LoRALinear), (
    nn.Embedding(5, 6, dtype=torch.float64), LoRAEmbedding)], ids=["Linear", "Embedding"])
def test_a_layer_starts_with_the_matrices_of_the_core(base, layer_type, start, distribution):
    layer = layer_type(base, 4, 8, start=start, distribution=distribution,
                       rng=np.random.default_rng(3))
    A, B = initial(6, 5, 4, start, distribution, rng=np.random.default_rng(3))
    np.testing.assert_array_equal(layer.active[0].lora_A.detach(), A)
    np.testing.assert_array_equal(layer.active[0].lora_B.detach(), B)
