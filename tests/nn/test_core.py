"""The torch layers and the NumPy core are the same mathematics, in float64 to rounding."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lora_edu import RULES, STARTS, Adapter, initial
from tests.nn.models import KINDS, inputs, make_layer, rng

SIDES = st.integers(1, 6)


@pytest.mark.claim("obs-autograd")
@given(SIDES, SIDES, SIDES, st.integers(2, 9), st.floats(0.01, 100), st.sampled_from(STARTS),
       st.sampled_from(sorted(RULES)), st.integers(0, 2**32 - 1))
def test_gradients_are_the_cores(d, k, n, r, alpha, start, rule, seed):
    """Ranks may exceed both sides."""
    X = inputs(k=k, dtype=torch.float64).flatten(0, 1)[:n]
    layer = make_layer("Linear", k, d, r, alpha, seed, torch.float64, start, rule=rule)
    [adapter] = layer.active
    A, B = adapter.parameters()
    W = layer.base_layer.weight.detach().clone().requires_grad_(True)
    merged = W + adapter.delta().detach()
    torch.logsumexp(X @ merged.T + layer.bias, 1).sum().backward()
    torch.logsumexp(layer(X), 1).sum().backward()
    core = Adapter(A.detach().numpy(), B.detach().numpy(), adapter.scaling)
    for have, want in zip((A.grad, B.grad), core.gradients(W.grad.numpy()), strict=True):
        np.testing.assert_allclose(have, want, 1e-10, 1e-10 * (1 + np.abs(want).max()))


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("distribution", ["kaiming_uniform", "gaussian", "peft_gaussian", 0.3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_starts_with_the_matrices_of_the_core(kind, start, distribution):
    layer = make_layer(kind, 5, 6, 4, 8, 3, torch.float64, start, distribution=distribution)
    want = initial(6, 5, 4, start, distribution, rng=rng(3))
    for matrix, drawn in zip(layer.active[0].parameters(), want, strict=True):
        np.testing.assert_array_equal(matrix.detach(), drawn)
