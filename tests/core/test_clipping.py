"""Clipped gradients, step by step against torch's clip_grad_norm_."""

import numpy as np
import pytest
import torch

from lora_edu import SGD, Adam, Clipped

KINDS = {"SGD": (SGD(0.1), torch.optim.SGD), "Adam": (Adam(0.1), torch.optim.Adam)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("max_norm", [0.1, 1.0, np.float64(1.0), 7, 1e9])
@pytest.mark.parametrize("kind", KINDS)
def test_it_takes_torchs_steps_in_the_arrays_own_precision(kind, max_norm, dtype):
    ours, make = Clipped(KINDS[kind][0], max_norm), KINDS[kind][1]
    rng = np.random.default_rng(0)
    params = [rng.normal(size=shape).astype(dtype) for shape in ((3, 4), (2,))]
    tensors = [torch.tensor(p, requires_grad=True) for p in params]
    theirs, state = make(tensors, lr=0.1), ours.init(params)
    for size in (0.01, 1.0, 100.0):
        grads = [(size * rng.normal(size=p.shape)).astype(dtype) for p in params]
        params, state = ours.step(params, grads, state)
        for tensor, g in zip(tensors, grads, strict=True):
            tensor.grad = torch.tensor(g)
        torch.nn.utils.clip_grad_norm_(tensors, max_norm)
        theirs.step()
        for have, want in zip(params, tensors, strict=True):
            np.testing.assert_allclose(have, want.detach().numpy(),
                                       rtol=1e-12 if dtype is np.float64 else 1e-5)
            assert have.dtype == dtype
