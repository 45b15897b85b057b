"""The stack of digit classifiers is the same as torch's loop, run by run."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from lora_edu import initial
from lora_edu.chapters.shared import mlp


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


def test_pretraining_follows_a_torch_loop(task):
    X, y = task
    ours = mlp.pretrain(X, y, seed=3, steps=40, lr=0.01)
    rng = np.random.default_rng(3)
    weights = tensors([rng.normal(0, (2 / k) ** 0.5, (d, k))
                       for k, d in ((64, 128), (128, 128), (128, 10))], grad=True)
    biases = tensors([np.zeros(d) for d in (128, 128, 10)], grad=True)
    adam = torch.optim.Adam([*weights, *biases], lr=0.01)
    for _ in range(40):
        batch = rng.integers(200, size=64)
        adam.zero_grad()
        cross_entropy(forward(torch.tensor(X[batch]), weights, biases),
                      torch.tensor(y[batch])).backward()
        adam.step()
    for have, want in zip([*ours.weights, *ours.biases], [*weights, *biases], strict=True):
        np.testing.assert_allclose(have, want.detach(), rtol=0, atol=1e-10)


@pytest.mark.parametrize(("optimiser", "decay"), [("Adam", True), ("Adam", False), ("SGD", True)])
@pytest.mark.parametrize("r", [1, 5, 32])
def test_every_run_of_a_stack_follows_a_torch_loop(task, r, optimiser, decay):
    X, y = task
    model, steps = mlp.pretrain(X, y, steps=5), 25
    s, lr, seeds = (0.25, 1.0, 4.0), (0.02, 0.01, 0.003), (0, 7, 0)
    if optimiser == "SGD":
        lr = (0.3, 0.1, 0.01)
    runs = mlp.adapt(model, X, 9 - y, r=r, s=s, lr=lr, seed=seeds, steps=steps, decay=decay,
                     optimiser=optimiser)
    biases, frozen = tensors(model.biases), tensors(model.weights)
    for run, scale, rate, seed in zip(runs, s, lr, seeds, strict=True):
        rng = np.random.default_rng(seed)
        pairs = [tensors(initial(*W.shape, r, rng=rng), grad=True) for W in model.weights]
        stepper = getattr(torch.optim, optimiser)([p for pair in pairs for p in pair], lr=rate)
        for t, batch in enumerate(rng.integers(200, size=(steps, 64))):
            stepper.param_groups[0]["lr"] = rate * (1 - t / steps) if decay else rate
            stepper.zero_grad()
            weights = [W + scale * B @ A for W, (A, B) in zip(frozen, pairs, strict=True)]
            cross_entropy(forward(torch.tensor(X[batch]), weights, biases),
                          torch.tensor(9 - y[batch])).backward()
            stepper.step()
        for have, W, (A, B) in zip(run.weights, frozen, pairs, strict=True):
            want = (W + scale * B @ A).detach().numpy()
            assert np.abs(want - W.numpy()).max() > 1e-4
            np.testing.assert_allclose(have, want, rtol=0, atol=1e-10)


def test_the_length_of_a_stack_does_not_matter(task):
    X, y = task
    model, call = mlp.pretrain(X, y, steps=5), {"r": 2, "steps": 10}
    n = mlp.CHUNK + 2
    together = mlp.adapt(model, X, y, s=[2.0] * n, lr=[0.01] * n, seed=range(n), **call)
    for seed, run in enumerate(together):
        alone, = mlp.adapt(model, X, y, s=[2.0], lr=[0.01], seed=[seed], **call)
        for have, want in zip(run.weights, alone.weights, strict=True):
            np.testing.assert_allclose(have, want, rtol=0, atol=1e-12)


def test_single_precision_follows_double(task):
    X, y = task
    model, call = mlp.pretrain(X, y, steps=5), {"r": 4, "s": [1.0], "lr": [0.01], "seed": [1]}
    double, = mlp.adapt(model, X, 9 - y, steps=20, **call)
    single, = mlp.adapt(model, X, 9 - y, steps=20, dtype=np.float32, **call)
    assert single.weights[0].dtype == np.float32
    for have, want in zip(single.weights, double.weights, strict=True):
        np.testing.assert_allclose(have, want, rtol=0, atol=1e-4)


def test_loss_and_accuracy_are_those_of_torch(task):
    X, y = task
    model = mlp.pretrain(X, y, steps=20)
    Z = forward(torch.tensor(X), tensors(model.weights), tensors(model.biases))
    assert model.loss(X, y) == pytest.approx(cross_entropy(Z, torch.tensor(y)).item(), rel=1e-12)
    assert model.accuracy(X, y) == (Z.argmax(dim=1).numpy() == y).mean()


def test_huge_logits_keep_a_finite_loss():
    loss, gradient = mlp.cross_entropy(np.array([[1e4, -1e4, 0.0]]), np.array([1]))
    assert loss == pytest.approx(2e4) and np.array_equal(gradient, [[1.0, -1.0, 0.0]])


@pytest.mark.parametrize(("change", "error", "words"), [
    ({"r": 0}, ValueError, "r must be at least 1, got 0"),
    ({"steps": 0}, ValueError, "steps must be at least 1, got 0"),
    ({"s": [1.0, 0.0]}, ValueError, "s must be finite and greater than 0, got 0"),
    ({"lr": [0.1, -1]}, ValueError, "lr must be finite and greater than 0, got -1"),
    ({"optimiser": "Lion"}, ValueError, "optimiser must be one of"),
    ({"seed": [0]}, ValueError, "s, lr and seed must be equally long, got 2, 2 and 1")])
def test_bad_input_is_named(task, change, error, words):
    X, y = task
    call = {"r": 2, "s": [1.0, 1.0], "lr": [0.1, 0.1], "seed": [0, 1], "steps": 1, **change}
    with pytest.raises(error, match=words):
        mlp.adapt(mlp.pretrain(X, y, steps=1), X, y, **call)


def test_a_run_that_diverges_leaves_its_neighbour_in_the_stack_alone(task):
    X, y = task
    model = mlp.pretrain(X, y, steps=5)
    call = {"r": 4, "steps": 20, "optimiser": "SGD"}
    alone, = mlp.adapt(model, X, y, s=[1.0], lr=[0.01], seed=[1], **call)
    beside, lost = mlp.adapt(model, X, y, s=[1.0, 1.0], lr=[0.01, 1e6], seed=[1, 1], **call)
    assert not np.isfinite(lost.weights[-1]).all()
    for have, want in zip(beside.weights, alone.weights, strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-12, atol=1e-12)
