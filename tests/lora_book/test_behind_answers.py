"""The small runs behind the answers."""

import numpy as np
import pytest
import torch

from lora_book.behind_answers import runs_schedules
from lora_book.first_r import make_data
from lora_book.shared import digits
from lora_edu import initial

RISE = np.arange(1, 11) / 10
FALLS = {"constant": np.ones(90), "linear": np.linspace(1, 0, 91)[:90],
         "cosine": np.cos(np.linspace(0, np.pi / 2, 91)[:90])**2,
         "restarts": np.tile(np.cos(np.linspace(0, np.pi / 2, 31)[:30])**2, 3)}


def by_torch(rates, seed):
    """The test loss of a run on the digits by torch's modules and Adam, a rate for each step."""
    model = make_data.model()
    data = digits.load(45)
    rng = np.random.default_rng(seed)
    pairs = [[torch.tensor(part, requires_grad=True) for part in initial(*W.shape, 8, rng=rng)]
             for W in model.weights]
    frozen = [(torch.tensor(W), torch.tensor(b))
              for W, b in zip(model.weights, model.biases, strict=True)]

    def loss_on(X, y):
        X = torch.tensor(X)
        for i, ((W, b), (A, B)) in enumerate(zip(frozen, pairs, strict=True)):
            X = torch.nn.functional.linear(X if i == 0 else X.relu(), W + B @ A, b)
        return torch.nn.functional.cross_entropy(X, torch.tensor(y))

    optimiser = torch.optim.Adam([part for pair in pairs for part in pair])
    batches = rng.integers(len(data.X_train), size=(100, 64))
    for rate, pictures in zip(rates, batches, strict=True):
        optimiser.param_groups[0]["lr"] = rate
        optimiser.zero_grad()
        loss_on(data.X_train[pictures], data.y_train[pictures]).backward()
        optimiser.step()
    return loss_on(data.X_test, data.y_test).item()


@pytest.mark.claim("obs-schedules")
@pytest.mark.parametrize("shape", FALLS)
def test_a_sample_of_the_schedules_by_torch(shape):
    lr = 1 / 64
    stored = runs_schedules.losses()[list(FALLS).index(shape), 1,
                                     list(runs_schedules.RATES).index(lr), 2]
    rates = lr * np.concatenate([RISE, FALLS[shape]])
    assert by_torch(rates, seed=2) == pytest.approx(stored, rel=0.02)


@pytest.mark.claim("obs-schedules")
def test_schedules_that_fall_end_lower_at_a_larger_rate():
    losses = runs_schedules.losses()
    means = np.exp(np.log(losses).mean(axis=-1))
    best = means.argmin(axis=-1)
    assert best.min() > 0
    assert best.max() < len(runs_schedules.RATES) - 1
    rates = 1 / runs_schedules.RATES[best]
    assert rates.astype(int).tolist() == [[64, 64, 32], [32, 16, 16], [32, 16, 16], [32, 32, 32]]
    least = means.min(axis=-1).round(3)
    assert [(row.min(), row.max()) for row in least] == [
        (0.185, 0.221), (0.145, 0.149), (0.154, 0.188), (0.163, 0.19)]
    assert least[1:, 0].max() < 0.165
    seeds = np.take_along_axis(losses, best[..., None, None], axis=2)[:, :, 0]
    spreads = seeds.max(axis=-1) / seeds.min(axis=-1)
    assert spreads[1:].max() == pytest.approx(2, abs=0.1)
