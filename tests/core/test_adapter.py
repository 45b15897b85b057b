"""The adapter: its update, its forward pass and its gradients. (Its scaling is PEFT's:
tests/nn/test_files.py.)"""

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lora_edu import Adapter, Regression


def close(have, want, tolerance=1e-10):
    np.testing.assert_allclose(have, want, rtol=tolerance, atol=tolerance * np.abs(want).max())


SIDES = st.integers(1, 6)


@given(SIDES, SIDES, SIDES, st.integers(1, 9), st.floats(0.01, 100), st.integers(0, 2**32 - 1))
def test_update_forward_pass_and_gradients_are_torchs(d, k, n, r, s, seed):
    """Ranks may exceed both sides."""
    rng = np.random.default_rng(seed)
    adapter = Adapter(rng.normal(size=(r, k)), rng.normal(size=(d, r)), s)
    W0 = rng.normal(size=(d, k))
    X = rng.normal(size=(n, k))
    A, B, W = (torch.tensor(a, requires_grad=True) for a in (adapter.A, adapter.B, W0))
    delta = adapter.scaling * B @ A
    H = torch.tensor(X) @ (W + delta).T
    close(adapter.delta(), delta.detach().numpy())
    close(adapter.merge(W0), W0 + adapter.delta())
    close(adapter.forward(X, W0), H.detach().numpy())
    torch.logsumexp(H, 1).sum().backward()
    grad_A, grad_B = adapter.gradients(W.grad.numpy())  # ∂L/∂W is the same at W0 as at W0 + ΔW
    close(grad_A, A.grad.numpy())
    close(grad_B, B.grad.numpy())


def test_what_was_checked_cannot_be_changed_afterwards():
    A = np.ones((1, 2))
    B = np.ones((3, 1))
    adapter = Adapter(A, B, 1.0)
    task = Regression(B @ A, B @ A, A)
    A[:] = np.nan
    assert adapter.A.tolist() == [[1.0, 1.0]]
    for original in (adapter, task):
        for one in (original, copy.copy(original), copy.deepcopy(original),
                    pickle.loads(pickle.dumps(original))):
            assert [*vars(one)] == [*vars(original)]
            for array in vars(one).values():
                if isinstance(array, np.ndarray):
                    with pytest.raises(ValueError, match="read-only"):
                        array *= 2
