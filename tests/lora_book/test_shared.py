"""What chapters share: the digits, their classifier in a stack of runs, fits, colours."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

from lora_book.shared import digits, mlp
from lora_book.shared.fits import exponent, vertex
from lora_edu import initial


@pytest.fixture(scope="module")
def task():
    """Pictures of noise with classes that a small network can learn. (200, 64) and (200,)."""
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(200, 64))
    return X, (X @ rng.normal(size=(64, 10))).argmax(axis=1)


def tensors(arrays, grad=False):
    return [torch.tensor(array, requires_grad=grad) for array in arrays]


def forward(X, weights, biases):
    for W, b in zip(weights[:-1], biases[:-1], strict=True):
        X = torch.relu(X @ W.T + b)
    return X @ weights[-1].T + biases[-1]


@pytest.mark.parametrize(("r", "optimiser", "decay", "lr"), [
    (1, "Adam", True, (0.02, 0.01, 0.003)), (5, "Adam", False, (0.02, 0.01, 0.003)),
    (32, "SGD", True, (0.3, 0.1, 0.01))])
def test_every_run_of_a_stack_follows_a_torch_loop(task, r, optimiser, decay, lr):
    X, y = task
    model = mlp.pretrain(X, y, steps=5)
    steps = 25
    scales = (0.25, 1.0, 4.0)
    seeds = (0, 7, 0)
    runs = mlp.adapt(model, X, 9 - y, r=r, s=scales, lr=lr, seed=seeds, steps=steps,
                     schedule=mlp.falling if decay else mlp.constant, optimiser=optimiser)
    frozen = tensors(model.weights)
    for run, scale, rate, seed in zip(runs, scales, lr, seeds, strict=True):
        rng = np.random.default_rng(seed)
        pairs = [tensors(initial(*W.shape, r, rng=rng), grad=True) for W in frozen]
        stepper = getattr(torch.optim, optimiser)([p for pair in pairs for p in pair], lr=rate)
        for t, batch in enumerate(rng.integers(200, size=(steps, 64))):
            stepper.param_groups[0]["lr"] = rate * (1 - t / steps) if decay else rate
            stepper.zero_grad()
            weights = [W + scale * B @ A for W, (A, B) in zip(frozen, pairs, strict=True)]
            cross_entropy(forward(torch.tensor(X[batch]), weights, tensors(model.biases)),
                          torch.tensor(9 - y[batch])).backward()
            stepper.step()
        for have, W, (A, B) in zip(run.weights, frozen, pairs, strict=True):
            want = (W + scale * B @ A).detach().numpy()
            assert np.abs(want - W.numpy()).max() > 1e-4
            np.testing.assert_allclose(have, want, rtol=0, atol=1e-10)


def test_loss_and_accuracy_are_those_of_torch(task):
    X, y = task
    model = mlp.pretrain(X, y, steps=20)
    Z = forward(torch.tensor(X), tensors(model.weights), tensors(model.biases))
    assert model.loss(X, y) == pytest.approx(cross_entropy(Z, torch.tensor(y)).item(), rel=1e-12)
    assert model.accuracy(X, y) == (Z.argmax(dim=1).numpy() == y).mean()


def test_the_parts_hold_every_picture_once_between_0_and_1():
    data = digits.load()
    X = np.concatenate([data.X_train, data.X_val, data.X_test])
    assert [len(part) for part in vars(data).values()] == [1200, 1200, 297, 297, 300, 300]
    assert np.array_equal(*(M[np.lexsort(M.T)] for M in (X, load_digits().data / 16)))


def test_the_vertex_of_parabolas_on_uneven_rates():
    """Beside an infinite loss it is the least point itself; one at an end is refused."""
    rates = np.log([0.1, 0.2, 0.5, 1, 2, 4, 10])
    at = np.array([[-0.9, -0.2], [0.3, 0.7]])
    curves = 3 + 0.5 * (rates - at[..., None])**2
    np.testing.assert_allclose(vertex(rates, curves), at, rtol=1e-12)
    above = np.array([9, 8, 7, 6, np.inf, np.inf, np.inf])
    np.testing.assert_array_equal(vertex(rates, [above, above[::-1]]), rates[[3, 3]])
    with pytest.raises(ValueError, match=r"end of the rates tried, 0\.1, 10"):
        vertex(rates, [rates, -rates])


def test_the_exponent_of_powers_and_its_standard_error():
    x = np.array([2.0, 4, 16])
    power = exponent(x, np.stack([5 * x**0.5, x**0.7], axis=1))
    assert power == pytest.approx((0.6, 0.1))  # half the distance of two
