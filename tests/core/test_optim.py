"""The optimisers, step by step against torch.optim's, or transformers' where torch has none."""

import copy
import math

import numpy as np
import pytest
import torch
import transformers

from lora_edu import SGD, Adafactor, Adam, AdamW, Clipped, Lion, Momentum, Muon, SignSGD

torch.set_num_threads(1)

class LionByHand(torch.optim.SGD):
    """torch's SGD, to which the sign of a mean of gradients is handed as its gradient."""

    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                beta1, beta2 = group["betas"]
                m = self.state[p].get("m", torch.zeros_like(p))
                self.state[p]["m"] = torch.lerp(p.grad, m, beta2)
                p.grad = torch.lerp(p.grad, m, beta1).sign()
        super().step()


SHAPES, MATRICES = [(3, 5), (4, 3), (6,)], [(3, 5), (4, 3), (2, 2)]
# torch has them since 2.9 and 2.5.
MUON, ADAFACTOR = (getattr(torch.optim, name, None) for name in ("Muon", "Adafactor"))
UNSCALED = {"scale_parameter": False, "relative_step": False}
FORMS = {
    "SGD": (SGD(0.03), torch.optim.SGD, {"lr": 0.03}),
    "Momentum": (Momentum(0.03), torch.optim.SGD, {"lr": 0.03, "momentum": 0.9}),
    "Momentum with L2": (Momentum(0.03, momentum=0.7, weight_decay=0.2), torch.optim.SGD,
                         {"lr": 0.03, "momentum": 0.7, "weight_decay": 0.2}),
    "Nesterov with L2": (
        Momentum(0.03, nesterov=True, weight_decay=0.2), torch.optim.SGD,
        {"lr": 0.03, "momentum": 0.9, "nesterov": True, "weight_decay": 0.2}),
    "Adam": (Adam(), torch.optim.Adam, {}),
    "Adam, other betas": (Adam(0.03, betas=(0.5, 0.8), eps=1e-3), torch.optim.Adam,
                          {"lr": 0.03, "betas": (0.5, 0.8), "eps": 1e-3}),
    "AdamW": (AdamW(0.03), torch.optim.AdamW, {"lr": 0.03}),
    "Adam, eps = 0": (Adam(0.03, eps=0.0), torch.optim.Adam, {"lr": 0.03, "eps": 0.0}),
    # one number per array here, one parameter group per array in torch
    "SGD per array": (SGD((0.01, 0.1, 0.5), (0.3, 0.0, 0.1)), torch.optim.SGD,
                      {"lr": (0.01, 0.1, 0.5), "weight_decay": (0.3, 0.0, 0.1)}),
    "Adam per array": (Adam((0.01, 0.1, 0.5), eps=(1e-8, 1e-2, 1.0), weight_decay=(0.3, 0.0, 0.1)),
                       torch.optim.Adam, {"lr": (0.01, 0.1, 0.5), "eps": (1e-8, 1e-2, 1.0),
                                          "weight_decay": (0.3, 0.0, 0.1)}),
    "AdamW per array": (AdamW(np.array([0.01, 0.1, 0.5]), eps=(0.0, 1e-2, 1.0)), torch.optim.AdamW,
                        {"lr": (0.01, 0.1, 0.5), "eps": (0.0, 1e-2, 1.0)}),
    "signs": (SignSGD(0.03), LionByHand, {"lr": 0.03, "betas": (0.0, 0.0)}),
    "Lion": (Lion(), LionByHand, {"lr": 1e-4, "betas": (0.9, 0.99)}),
    "Lion per array": (Lion((0.01, 0.1, 0.5), (0.5, 0.8), weight_decay=(0.3, 0.0, 0.1)),
                       LionByHand, {"lr": (0.01, 0.1, 0.5), "betas": (0.5, 0.8),
                                    "weight_decay": (0.3, 0.0, 0.1)}),
    "Muon": (Muon(), MUON, {}),
    "Muon, other settings": (
        Muon((0.01, 0.1, 0.5), 0.3, 0.8, False, (1e-7, 1.0, 10.0), "match_rms_adamw"),
        MUON, {"lr": (0.01, 0.1, 0.5), "weight_decay": 0.3, "momentum": 0.8, "nesterov": False,
               "eps": (1e-7, 1.0, 10.0), "adjust_lr_fn": "match_rms_adamw"}),
    "Adafactor": (Adafactor(), ADAFACTOR, {}),
    "Adafactor, other settings": (  # its eps is a pair
        Adafactor((0.01, 0.1, 0.5), -0.6, 1e-3, 0.5, 2.0, (0.3, 0.0, 0.1)), ADAFACTOR,
        {"lr": (0.01, 0.1, 0.5), "beta2_decay": -0.6, "eps": (1e-3, 0.5), "d": 2.0,
         "weight_decay": (0.3, 0.0, 0.1)}),
    "Adafactor, unscaled": (
        Adafactor(0.03, eps1=1e-30, weight_decay=0.3, scale_parameter=False),
        transformers.Adafactor, {"lr": 0.03, "weight_decay": 0.3, **UNSCALED}),
    "SGD, clipped": (Clipped(SGD(0.03), 7), torch.optim.SGD, {"lr": 0.03}),
    "Adam, clipped": (Clipped(Adam(0.03), np.float64(0.1)), torch.optim.Adam, {"lr": 0.03}),
}


def draw(rng, name, dtype=float):
    shapes = MATRICES if name.startswith(("Muon", "Adafactor")) else SHAPES
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


@pytest.fixture(autouse=True)
def muon_in_full_precision(monkeypatch):
    """torch rounds Muon's five Newton–Schulz steps to bfloat16, which NumPy does not have."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 1e-4)])
@pytest.mark.parametrize("name", FORMS)
def test_it_takes_torchs_steps_in_the_arrays_own_precision(name, dtype, tolerance):
    ours, torch_class, settings = FORMS[name]
    if torch_class is None:
        pytest.skip("this torch has no such optimiser")
    rng = np.random.default_rng(0)
    params = draw(rng, name, dtype)
    tensors = [torch.tensor(p, requires_grad=True) for p in params]
    groups = [{"params": [tensor], **{key: value[i] if np.shape(value) == (3,) else value
                                      for key, value in settings.items()}}
              for i, tensor in enumerate(tensors)]
    theirs, state = torch_class(groups), ours.init(params)
    for _ in range(80):
        grads = [dtype(10 ** rng.uniform(-4, 2)) * g for g in draw(rng, name, dtype)]
        params, state = ours.step(params, grads, state)
        for tensor, g in zip(tensors, grads, strict=True):
            tensor.grad = torch.tensor(g)
        if isinstance(ours, Clipped):
            torch.nn.utils.clip_grad_norm_(tensors, ours.max_norm)
        theirs.step()
        for have, want in zip(params, tensors, strict=True):
            np.testing.assert_allclose(have, want.detach().numpy(), tolerance, tolerance)
            assert have.dtype == dtype


@pytest.mark.parametrize("name", FORMS)
def test_a_step_changes_nothing_it_was_given(name):
    ours, rng = FORMS[name][0], np.random.default_rng(2)
    params, grads = draw(rng, name), draw(rng, name)
    _, state = ours.step(params, draw(rng, name), ours.init(params))
    given = params, grads, state
    before = copy.deepcopy(given)
    first, first_state = ours.step(*given)
    again, again_state = ours.step(*given)
    np.testing.assert_equal(given, before)
    np.testing.assert_equal((again, again_state), (first, first_state))
    assert all((new != old).all() for new, old in zip(first, params, strict=True))


def test_adafactor_without_a_gradient_moves_nothing_in_float32_either():
    ours, params = Adafactor(eps1=1e-30), [np.ones((2, 3), np.float32)]
    [moved], _ = ours.step(params, [0 * params[0]], ours.init(params))
    assert np.array_equal(moved, params[0])


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize(("dtype", "unit"), [(np.uint8, 1), (np.int32, 10**6), (np.float16, 1)])
def test_gradients_whose_squares_their_dtype_cannot_hold(name, dtype, unit):
    ours = FORMS[name][0]
    rng = np.random.default_rng(0)
    params = draw(rng, name)
    narrow = [p.astype(np.float16) for p in params]
    grads = [unit * rng.integers(200, 256, p.shape).astype(dtype) for p in params]
    wanted, _ = ours.step(params, [g.astype(float) for g in grads], ours.init(params))
    for start, tolerance in ((params, 1e-13), (narrow, 5e-3)):
        moved, _ = ours.step(start, grads, ours.init(start))
        for have, want in zip(moved, wanted, strict=True):
            np.testing.assert_allclose(have, want, tolerance, tolerance)


def test_one_nan_makes_all_clipped_gradients_nan_as_in_torch():
    grads = [np.array([1.0, math.nan, 2.0]), np.ones((2, 2))]
    tensors = [torch.zeros(g.shape, requires_grad=True) for g in grads]
    for tensor, g in zip(tensors, grads, strict=True):
        tensor.grad = torch.tensor(g, dtype=tensor.dtype)
    torch.nn.utils.clip_grad_norm_(tensors, 1.0)
    moved, _ = Clipped(SGD(1.0), 1.0).step([np.zeros_like(g) for g in grads], grads, ())
    for have, tensor in zip(moved, tensors, strict=True):
        np.testing.assert_array_equal(have, -tensor.grad.numpy())
        assert np.isnan(have).all()


@pytest.mark.parametrize("kind", [Adam, AdamW])
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize(("eps", "dtype"), [(0.0, float), (1e-50, np.float32)])
def test_without_eps_an_entry_that_never_had_a_gradient_cannot_be_moved(kind, steps, eps, dtype):
    params, grads = [np.ones(4, dtype)], [np.array([1, 2, 0, 0], dtype)]
    ours, state = kind(0.1, eps=eps), kind(0.1).init(params)
    for _ in range(steps - 1):
        _, state = kind(0.1).step(params, grads, state)
    with pytest.raises(ValueError, match=rf"eps .* got {eps}: at step {steps} 2 entries"):
        ours.step(params, grads, state)


def test_without_eps_an_entry_that_once_had_a_gradient_can_be_moved():
    ours = Adam(0.1, eps=0.0)
    params, state = ours.step([np.ones(2)], [np.array([3.0, -3.0])], ours.init([np.ones(2)]))
    moved, _ = ours.step(params, [np.zeros(2)], state)
    assert moved[0][0] < params[0][0] < 1 < params[0][1] < moved[0][1]
