"""The claims of the chapter α is a step size."""

import numpy as np
import pytest
import torch

from lora_edu import SGD, Adam, Adapter, initial, sweep, train
from lora_edu.figures import step_size as plane

torch.set_num_threads(1)


@pytest.mark.parametrize("name", ("SGD", "Adam"))
@pytest.mark.parametrize("s", (0.125, 1.0, 8.0))
def test_the_first_step_is_torchs(name, s):
    """−ηs²·G·AᵀA and −ηs·sign(GAᵀ)·A, against autograd and torch.optim."""
    task = plane.problem()
    A0, B0 = initial(plane.SIDE, plane.SIDE, plane.R, rng=np.random.default_rng(plane.SEED))
    A, B = (torch.nn.Parameter(torch.tensor(start)) for start in (A0, B0))
    W = torch.tensor(task.W0) + s * B @ A
    error = (W - torch.tensor(task.W_star)) @ torch.tensor(task.X).T
    loss = (error**2).sum() / (2 * len(task.X))
    loss.backward()
    rule = torch.optim.SGD([A, B], 0.01) if name == "SGD" else torch.optim.Adam(
        [A, B], 0.01, eps=1e-30)
    rule.step()
    np.testing.assert_allclose(plane.first_step(name, s, 0.01), (s * B @ A).detach().numpy(),
                               rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(("rule", "power"), [(SGD(0.003), 2), (Adam(0.003, eps=1e-30), 1)])
def test_the_first_step_goes_with_s_to_this_power(rule, power):
    A, B = initial(32, 32, 8, rng=np.random.default_rng(0))
    sizes = [train(plane.problem(), Adapter(A, B, s), rule, 1).delta_norm[1] for s in (1, 3)]
    assert sizes[1] / sizes[0] == pytest.approx(3**power, rel=1e-9)


@pytest.mark.parametrize(("name", "low", "ends"),
                         [("SGD", -12, (-1, -2)), ("Adam", -8, (-0.5, -1))])
def test_the_trade_slides_between_its_two_ends(name, low, ends):
    """The power of α in the η that takes a tenth off the loss, at small and at large α.

    Over seeds the first power spreads by about .05, so it is held to .25 of its limit.
    """
    alphas, rates = [8.0**i for i in range(-2, 6)], np.logspace(low, 2, 12 * (2 - low) + 1)
    for seed in range(3):
        loss = sweep(plane.problem(), r=8, alpha=alphas, lr=rates, seed=seed, steps=50,
                     optimiser=name).loss[0, :, :, 0, 0]
        needed = [np.log(rates[np.argmax(row < 0.9)]) for row in loss[..., -1] / loss[..., 0]]
        powers = np.diff(needed) / np.diff(np.log(alphas))
        assert powers[0] == pytest.approx(ends[0], abs=0.25)
        assert powers[-1] == pytest.approx(ends[1], abs=0.1)
        assert (np.diff(powers) < 0.15).all()  # it only bends one way, up to the grid of rates


def test_the_line_of_equal_first_steps_is_one():
    """Runs along the dotted line have the same ΔW after one step, and part later."""
    task = plane.problem()
    A, B = initial(32, 32, 8, rng=np.random.default_rng(1))
    one, two = (train(task, Adapter(A, B, s), SGD(lr), 50) for s, lr in ((1, 0.08), (2, 0.02)))
    assert one.delta_norm[1] == pytest.approx(two.delta_norm[1], rel=1e-12)
    assert abs(one.loss[-1] / two.loss[-1] - 1) > 0.1
