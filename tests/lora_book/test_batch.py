"""The best rates of LoRA and of full fine-tuning, and LoRA's best α, with the batch."""

import numpy as np
import pytest

from lora_book.beside_full import runs_batch
from lora_book.shared.fits import geometric_mean
from tests.lora_book.oracles import span


@pytest.mark.claim("obs-batch")
@pytest.mark.parametrize(("r", "batch", "lr"), [(0, 64, 1 / 128), (8, 64, 1 / 64),
                                                (1, 256, 1 / 128)])
def test_a_sample_of_the_stored_losses_trained_anew(r, batch, lr):
    place = ([*runs_batch.METHODS.values()].index(r), runs_batch.BATCHES.index(batch),
             list(runs_batch.RATES).index(lr))
    again = runs_batch.train(r, batch, lr)
    assert again == pytest.approx(runs_batch.losses()[place], rel=0.03)


@pytest.mark.claim("obs-batch")
def test_how_the_best_rates_move_with_the_batch():
    best, least = runs_batch.best(runs_batch.RATES, runs_batch.losses())
    rises = best[:, 2] / best[:, 0]
    assert rises[0] == pytest.approx(2.8, abs=0.06)
    assert span(rises[1:]) == pytest.approx((2.7, 3.5), abs=0.06)
    assert span(np.log(rises) / np.log(16)) == pytest.approx((0.35, 0.45), abs=0.006)
    ratios = best[1:] / best[0]
    assert span(ratios[:, :3]) == pytest.approx((1.2, 2.0), abs=0.05)
    assert span(ratios[:, 3]) == pytest.approx((2.8, 3.8), abs=0.05)
    assert least[:, 3] / least[:, 2] == pytest.approx((4.0, 2.3, 4.8, 5.5), abs=0.05)


@pytest.mark.claim("obs-batch-alpha")
@pytest.mark.parametrize(("lr", "alpha"), [(1 / 32, 8), (1 / 128, 128)])
def test_a_sample_of_the_losses_with_alpha_tuned_trained_anew(lr, alpha):
    again = runs_batch.train(8, 64, lr, alpha)
    place = [*runs_batch.ALPHAS].index(lr), 1, 2, list(runs_batch.ALPHAS[lr]).index(alpha)
    assert again == pytest.approx(runs_batch.losses("alpha")[place], rel=0.03)


@pytest.mark.claim("obs-batch-alpha")
def test_how_the_best_alpha_moves_with_the_batch():
    by_eta = geometric_mean(runs_batch.losses())
    assert (by_eta[1:, 1:].argmin(axis=-1) == list(runs_batch.RATES).index(1 / 32)).all()
    fast, slow = map(runs_batch.best, runs_batch.ALPHAS.values(), runs_batch.losses("alpha"))
    for (best, _), ends in ((fast, (11.2, 16.8)), (slow, (3.1, 7.5))):
        assert span(best[:, 2] / best[:, 0]) == pytest.approx(ends, abs=0.06)
    least = np.array([fast[1], slow[1]])
    ratios = least / by_eta[1:].min(axis=-1)
    for part, ends in ((ratios[0], (0.63, 1.09)), (ratios[1, 0], (0.97, 1.18)),
                       (ratios[1, 1:], (0.27, 0.95))):
        assert span(part) == pytest.approx(ends, abs=0.006)
    assert least[1, 1:, 3] / least[1, 1:, 2] == pytest.approx((3.2, 2.6), abs=0.05)
