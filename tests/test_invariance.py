"""The exact reparametrisation: the same W at every step, bit for bit where that is claimed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lora_edu import (
    SGD,
    Adam,
    AdamW,
    Adapter,
    Clipped,
    Momentum,
    equivalent,
    initial,
    teacher_student,
)

torch.set_num_threads(1)
OPTIMISERS = {
    "SGD": SGD(0.05), "SGD with L2": SGD(0.05, weight_decay=0.1),
    "Momentum": Momentum(0.01), "Momentum with L2": Momentum(0.01, weight_decay=0.1),
    "Nesterov": Momentum(0.01, nesterov=True, weight_decay=0.1),
    "Adam": Adam(0.01), "Adam, large eps": Adam(0.01, eps=1e-3),
    "Adam with L2": Adam(0.01, weight_decay=0.1),
    "AdamW": AdamW(0.01, weight_decay=0.3),
    "per array": AdamW((0.01, 0.03), eps=(1e-8, 1e-4), weight_decay=(0.3, 0.1)),
}
CLIPPED = {f"{name}, clipped": Clipped(OPTIMISERS[name], max_norm=0.05)
           for name in ("SGD", "Momentum with L2", "Adam", "AdamW")}
POWERS_OF_TWO = (1 / 8, 1 / 4, 1 / 2, 2, 4, 8)


def start(seed=0, r=4, name="A random, B zero"):
    problem = teacher_student(12, 9, n=64, rng=np.random.default_rng(seed))
    A, B = initial(12, 9, r, name, rng=np.random.default_rng(seed + 1))
    return problem, Adapter(A, B, 2.0)


def weights(problem, adapter, optimiser, steps=60):
    """ΔW at every step, (steps + 1, d, k), by the plainest loop there is."""
    A, B, s = adapter.A, adapter.B, adapter.scaling
    state, path = optimiser.init([A, B]), []
    for _ in range(steps + 1):
        path.append(s * (B @ A))
        G = problem.gradient(problem.W0 + path[-1])
        (A, B), state = optimiser.step([A, B], [s * (B.T @ G), s * (G @ A.T)], state)
    return np.array(path)


@pytest.mark.parametrize("c", POWERS_OF_TWO)
@pytest.mark.parametrize("name", OPTIMISERS | CLIPPED)
def test_powers_of_two_give_the_same_bits(name, c):
    optimiser = (OPTIMISERS | CLIPPED)[name]
    problem, adapter = start(name="both random")
    ours = weights(problem, adapter, optimiser)
    assert np.array_equal(ours, weights(problem, *equivalent(adapter, optimiser, c)))
    assert np.abs(ours[-1] - ours[0]).max() > 1e-3  # and something happened


@pytest.mark.parametrize(("a", "b"), [(1, 4), (1 / 2, 8), (16, 1 / 16)])
@pytest.mark.parametrize("name", OPTIMISERS)
def test_unequal_powers_of_two_give_the_same_bits(name, a, b):
    problem, adapter = start(name="both random")
    assert np.array_equal(weights(problem, adapter, OPTIMISERS[name]),
                          weights(problem, *equivalent(adapter, OPTIMISERS[name], a, b)))


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(sorted(OPTIMISERS)), a=st.floats(0.05, 20), b=st.floats(0.05, 20),
       seed=st.integers(0, 100))
def test_other_numbers_agree_to_rounding(name, a, b, seed):
    problem, adapter = start(seed)
    ours = weights(problem, adapter, OPTIMISERS[name], steps=30)
    theirs = weights(problem, *equivalent(adapter, OPTIMISERS[name], a, b), steps=30)
    assert np.abs(ours - theirs).max() <= 1e-12 * max(1, np.abs(ours).max())


@pytest.mark.parametrize("c", (1 / 3, 3, 10))
@pytest.mark.parametrize("name", CLIPPED)
def test_clipping_agrees_to_rounding(name, c):
    problem, adapter = start()
    gap = weights(problem, adapter, CLIPPED[name]) - weights(
        problem, *equivalent(adapter, CLIPPED[name], c))
    assert 0 < np.abs(gap).max() < 1e-13


@pytest.mark.parametrize(("name", "setting"), [
    (name, setting)
    for name in ("SGD with L2", "Nesterov", "Adam with L2", "AdamW", "per array")
    for setting in ("lr", "weight_decay", "eps", "A and B")
    if setting == "A and B" or hasattr(OPTIMISERS[name], setting)])
def test_each_part_is_needed(name, setting):
    """Leave one setting behind and the runs part."""
    optimiser = OPTIMISERS[name]
    problem, adapter = start(name="both random")
    new, changed = equivalent(adapter, optimiser, 4)
    if setting == "A and B":
        new = Adapter(adapter.A, adapter.B, new.scaling)
    else:
        changed = replace(changed, **{setting: getattr(optimiser, setting)})
    gap = np.abs(weights(problem, adapter, optimiser) - weights(problem, new, changed)).max()
    assert gap > 1e-9


def test_loraplus_is_alpha():
    """From B = 0: ratio λ between the learning rates, or λ times the scaling; the same bits."""
    problem, adapter = start()
    for ratio in (4, 16):
        plus = Adam(lr=(0.01, ratio * 0.01), eps=(1e-8, 1e-8 / ratio))
        plain = Adapter(adapter.A, adapter.B, ratio * adapter.scaling)
        assert equivalent(plain, Adam(0.01), 1, ratio)[1] == plus
        assert np.array_equal(weights(problem, adapter, plus), weights(problem, plain, Adam(0.01)))
        root = np.sqrt(ratio)
        assert np.array_equal(  # SGD: the square root
            weights(problem, adapter, SGD((0.01, ratio * 0.01))),
            weights(problem, Adapter(adapter.A, adapter.B, root * adapter.scaling), SGD(0.01)))


@pytest.mark.parametrize("dtype", (torch.float32, torch.bfloat16))
@pytest.mark.parametrize("kind", ("SGD", "Adam", "AdamW"))
@pytest.mark.parametrize("c", (1 / 4, 2, 8))
def test_the_same_bits_with_torch(kind, dtype, c):
    make = {
        "SGD": lambda p, c: torch.optim.SGD(p, 0.05 * c * c, momentum=0.9, weight_decay=0.1 / c**2),
        "Adam": lambda p, c: torch.optim.Adam(p, 0.01 * c, eps=1e-6 / c, weight_decay=0.1 / c**2),
        "AdamW": lambda p, c: torch.optim.AdamW(p, 0.01 * c, eps=1e-6 / c, weight_decay=0.1 / c),
    }[kind]
    generator = torch.Generator().manual_seed(0)
    X, Y, W0, A0, B0 = (torch.randn(shape, generator=generator).to(dtype) for shape in
                        ((32, 9), (32, 12), (12, 9), (4, 9), (12, 4)))

    def run(c):
        A, B = (torch.nn.Parameter(c * start) for start in (A0, B0))
        optimiser, path = make([A, B], c), []
        for _ in range(40):
            optimiser.zero_grad()
            out = X @ W0.T + (X @ A.T @ B.T) * (0.5 / c**2)
            ((out - Y) ** 2).mean().backward()
            optimiser.step()
            path.append(out.detach())
        return torch.stack(path)

    ours, theirs = run(1), run(c)
    assert torch.isfinite(ours).all()
    assert not torch.equal(ours[0], ours[-1])
    assert torch.equal(ours, theirs)


def test_clipping_is_torchs():
    rng = np.random.default_rng(0)
    params = [rng.normal(size=(3, 4)), rng.normal(size=(5, 3))]
    tensors = [torch.nn.Parameter(torch.tensor(p)) for p in params]
    ours, theirs = Clipped(Adam(0.03), 1.5), torch.optim.Adam(tensors, 0.03)
    state = ours.init(params)
    for step in range(40):
        grads = [rng.normal(size=p.shape) * (0.05 if step % 2 else 3) for p in params]
        params, state = ours.step(params, grads, state)
        for tensor, g in zip(tensors, grads, strict=True):
            tensor.grad = torch.tensor(g)
        torch.nn.utils.clip_grad_norm_(tensors, 1.5)
        theirs.step()
    for p, tensor in zip(params, tensors, strict=True):
        np.testing.assert_allclose(p, tensor.detach().numpy(), rtol=1e-12)


def test_bad_input_is_named():
    _, adapter = start()
    for name, value in (("a", 0), ("a", -1), ("a", np.nan), ("b", np.inf)):
        with pytest.raises(ValueError, match=f"^{name} must be finite and greater than 0"):
            equivalent(adapter, Adam(0.1), **{"a": 1, name: value})
    with pytest.raises(ValueError, match=r"a and b must be equal when .*b = 2"):
        equivalent(adapter, Clipped(Adam(0.1), 1.0), 1, 2)
    with pytest.raises(TypeError, match=r"optimiser must have powers.*got 'Adam'"):
        equivalent(adapter, "Adam", 2)
    with pytest.raises(ValueError, match=r"lr must be one number or one each for A and B, got \(1"):
        equivalent(adapter, SGD((1, 2, 3)), 2)
    with pytest.raises(TypeError, match="optimiser must not be Clipped itself"):
        Clipped(Clipped(SGD(0.1), 1.0), 1.0)
    with pytest.raises(ValueError, match="max_norm must be finite and greater than 0, got 0"):
        Clipped(SGD(0.1), 0)
    with pytest.raises(ValueError, match="eps must be finite and at least 0, got -1"):
        Clipped(SGD(0.1), 1.0, eps=-1)
