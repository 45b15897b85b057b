"""The best rates of LoRA and of full fine-tuning with the batch."""

import numpy as np
import pytest
import torch

from lora_edu import initial
from lora_edu.chapters.beside_full import runs_batch
from lora_edu.chapters.first_r import make_data
from lora_edu.chapters.shared import digits
from tests.chapters.oracles import span


def by_torch(r, batch, lr, seed):
    """The test loss of one run by torch's modules and Adam."""
    model = make_data.model()
    data = digits.load(45)
    rng = np.random.default_rng(seed)
    pairs = [initial(*W.shape, r, rng=rng) if r else (np.eye(1), W) for W in model.weights]
    A, B = ([torch.tensor(part, requires_grad=True) for part in parts]
            for parts in zip(*pairs, strict=True))

    def logits(X):
        X = torch.tensor(X)
        for i, (W, b) in enumerate(zip(model.weights, model.biases, strict=True)):
            weight = torch.tensor(W) + 8 / r * B[i] @ A[i] if r else B[i]
            X = torch.nn.functional.linear(X if i == 0 else X.relu(), weight, torch.tensor(b))
        return X

    optimiser = torch.optim.Adam([*A, *B] if r else B, lr=lr)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda t: 1 - t / (6400 // batch))
    for pictures in rng.integers(len(data.X_train), size=(6400 // batch, batch)):
        loss = torch.nn.functional.cross_entropy(logits(data.X_train[pictures]),
                                                 torch.tensor(data.y_train[pictures]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return torch.nn.functional.cross_entropy(logits(data.X_test), torch.tensor(data.y_test)).item()


@pytest.mark.claim("obs-batch")
@pytest.mark.parametrize(("method", "batch", "octave"), [
    ("in full", 64, -7), ("r = 8", 64, -6), ("r = 1", 256, -7)])
def test_a_sample_of_the_stored_losses_by_torch(method, batch, octave):
    place = [*runs_batch.METHODS].index(method), runs_batch.BATCHES.index(batch), octave + 9, 2
    assert runs_batch.RATES[octave + 9] == 2.0**octave
    again = by_torch(runs_batch.METHODS[method], batch, 2.0**octave, seed=2)
    assert again == pytest.approx(runs_batch.losses()[place], rel=0.03)


@pytest.mark.claim("obs-batch")
def test_how_the_best_rates_move_with_the_batch():
    best, least = runs_batch.best(runs_batch.RATES, runs_batch.losses())
    rises = best[:, 2] / best[:, 0]
    assert rises[0] == pytest.approx(2.8, abs=0.06)
    assert span(rises[1:]) == pytest.approx((2.7, 3.5), abs=0.06)
    assert span(np.log(rises) / np.log(16)) == pytest.approx((0.35, 0.45), abs=0.006)
    ratios = best[1:] / best[0]
    for columns, ends in ((slice(3), (1.2, 2.0)), (3, (2.8, 3.8))):
        assert span(ratios[:, columns]) == pytest.approx(ends, abs=0.05)
    assert least[:, 3] / least[:, 2] == pytest.approx((4.0, 2.3, 4.8, 5.5), abs=0.05)
