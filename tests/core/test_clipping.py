"""Clipped gradients, step by step against torch's clip_grad_norm_."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from lora_edu import SGD, Adam, Clipped, Optimiser

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


@dataclass(frozen=True)
class Note(Optimiser):
    """Takes down the gradients that it is given."""

    given: list

    def init(self, params):
        return ()

    def update(self, params, grads, state):
        self.given.extend(grads)
        return state


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_gradients_keep_their_dtype_and_end_at_the_norm(dtype):
    for given, max_norm in (([3.0, 4.0], np.float64(2.5)), ([3.0, 4.0], 5.0), ([0.0, 0.0], 1.0)):
        rule = Clipped(Note([]), max_norm, eps=0.0)
        rule.step([np.zeros(2, dtype)], [np.array(given, dtype)], ())
        (clipped,) = rule.optimiser.given
        assert clipped.dtype == dtype
        assert np.linalg.norm(clipped) == min(np.linalg.norm(given), max_norm)


def test_the_norm_is_that_of_all_arrays_together():
    rule = Clipped(Note([]), 1.0, eps=0.0)
    rule.step([np.zeros(1), np.zeros((1, 1))], [np.array([3.0]), np.array([[4.0]])], ())
    assert np.allclose([g.item() for g in rule.optimiser.given], [0.6, 0.8])


def test_a_norm_beyond_half_precision_is_one():
    """200² + 200² is more than float16 holds, its largest number is 65,504."""
    rule, g = Clipped(Note([]), 1.0, eps=0.0), np.array([200.0], np.float16)
    rule.step([np.zeros_like(g)] * 2, [g, g], ())
    assert np.allclose([g.item() for g in rule.optimiser.given], 0.5**0.5, rtol=1e-3)
