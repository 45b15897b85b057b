"""The optimisers, step by step against torch.optim's, or transformers' where torch has none."""

import copy

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


class AMSGrad(Adam):
    """Adam with a third memory: the largest second moment so far."""

    def init(self, params):
        steps, m, v = super().init(params)
        return steps, m, v, [np.zeros_like(moment) for moment in v]

    def _second_moment(self, memory):
        _, v, largest = memory
        return np.maximum(largest, v, out=largest)


SHAPES = [(3, 5), (4, 3), (6,)]
MATRICES = [(3, 5), (4, 3), (2, 2)]
# torch has them since 2.9 and 2.5.
MUON = getattr(torch.optim, "Muon", None)
ADAFACTOR = getattr(torch.optim, "Adafactor", None)
RATES = (0.01, 0.1, 0.5)  # one number per array here, one parameter group per array in torch
DECAYS = (0.3, 0.0, 0.1)
BETAS = (0.5, 0.8)


def form(ours, theirs, torchs_alone=None, **settings):
    """Our optimiser, torch's class, and its settings: ours, and what only torch has to be told."""
    return ours(**settings), theirs, settings | (torchs_alone or {})


FORMS = {
    "SGD per array": form(SGD, torch.optim.SGD, lr=RATES, weight_decay=DECAYS),
    "SGD, clipped": (Clipped(SGD(0.03), 7), torch.optim.SGD, {"lr": 0.03}),
    "Momentum with L2": form(
        Momentum, torch.optim.SGD, lr=0.03, momentum=0.7, weight_decay=0.2),
    "Nesterov with L2": form(
        Momentum, torch.optim.SGD, {"momentum": 0.9}, lr=0.03, nesterov=True, weight_decay=0.2),
    "Adam": form(Adam, torch.optim.Adam),
    "Adam, eps = 0": form(Adam, torch.optim.Adam, lr=0.03, eps=0.0),
    "Adam per array": form(
        Adam, torch.optim.Adam, lr=RATES, betas=BETAS, eps=(1e-8, 1e-2, 1.0),
        weight_decay=DECAYS),
    "Adam, clipped": (Clipped(Adam(0.03), np.float64(0.1)), torch.optim.Adam, {"lr": 0.03}),
    "AMSGrad": form(AMSGrad, torch.optim.Adam, {"amsgrad": True}, lr=0.03, betas=BETAS),
    "AdamW per array": form(AdamW, torch.optim.AdamW, lr=np.array(RATES), eps=(0.0, 1e-2, 1.0)),
    "signs": form(SignSGD, LionByHand, {"betas": (0.0, 0.0)}, lr=0.03),
    "Lion": form(Lion, LionByHand, {"lr": 1e-4, "betas": (0.9, 0.99)}),
    "Lion per array": form(Lion, LionByHand, lr=RATES, betas=BETAS, weight_decay=DECAYS),
    "Muon": form(Muon, MUON),
    "Muon, other settings": form(
        Muon, MUON, lr=RATES, weight_decay=0.3, momentum=0.8, nesterov=False,
        eps=(1e-7, 1.0, 10.0), adjust_lr_fn="match_rms_adamw"),
    "Adafactor": form(Adafactor, ADAFACTOR),
    "Adafactor, other settings": (
        Adafactor(RATES, -0.6, 1e-3, 0.5, 2.0, DECAYS), ADAFACTOR,
        {"lr": RATES, "beta2_decay": -0.6, "eps": (1e-3, 0.5), "d": 2.0, "weight_decay": DECAYS}),
    "Adafactor, unscaled": (
        Adafactor(0.03, eps1=1e-30, weight_decay=0.3, scale_parameter=False),
        transformers.Adafactor,
        {"lr": 0.03, "weight_decay": 0.3, "scale_parameter": False, "relative_step": False}),
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
    theirs = torch_class(groups)
    state = ours.init(params)
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
    ours = FORMS[name][0]
    rng = np.random.default_rng(2)
    params = draw(rng, name)
    _, state = ours.step(params, draw(rng, name), ours.init(params))
    arguments = params, draw(rng, name), state
    before = copy.deepcopy(arguments)
    first = ours.step(*arguments)
    np.testing.assert_equal(arguments, before)
    np.testing.assert_equal(ours.step(*arguments), first)
    assert all((new != old).all() for new, old in zip(first[0], params, strict=True))


def test_adafactor_without_a_gradient_moves_nothing_in_float32_either():
    ours = Adafactor(eps1=1e-30)
    params = [np.ones((2, 3), np.float32)]
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


@pytest.mark.parametrize("kind", [Adam, AdamW])
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize(("eps", "dtype"), [(0.0, float), (1e-50, np.float32)])
def test_without_eps_an_entry_that_never_had_a_gradient_cannot_be_moved(kind, steps, eps, dtype):
    params = [np.ones(4, dtype)]
    grads = [np.array([1, 2, 0, 0], dtype)]
    state = kind(0.1).init(params)
    for _ in range(steps - 1):
        _, state = kind(0.1).step(params, grads, state)
    with pytest.raises(ValueError, match=rf"eps .* {eps}.* step {steps}, 2 "):
        kind(0.1, eps=eps).step(params, grads, state)
