"""The small runs behind the answers."""

import numpy as np
import pytest
import torch

from lora_book.behind_answers import runs_files, runs_overfit, runs_schedules
from lora_book.small_gpt import load_base
from lora_book.small_gpt.text import part
from tests.lora_book.oracles import span

SCHEDULES = list(runs_schedules.SHAPES)


@pytest.mark.claim("obs-schedules")
@pytest.mark.parametrize("shape", SCHEDULES)
def test_a_sample_of_the_schedules_trained_anew(shape):
    stored = runs_schedules.losses()[SCHEDULES.index(shape), 1, 3]
    lr = runs_schedules.RATES[3]
    assert runs_schedules.train(shape, 10, lr) == pytest.approx(stored, rel=0.02)


@pytest.mark.claim("obs-schedules")
def test_schedules_rise_and_fall_as_they_are_called():
    rates = {name: [runs_schedules.after(10, shape)(step, 100) for step in range(100)]
             for name, shape in runs_schedules.SHAPES.items()}
    part = np.arange(90) / 90
    falls = {"constant": 1 + 0 * part, "linear": 1 - part, "cosine": np.cos(np.pi / 2 * part)**2,
             "restarts": np.cos(np.pi / 2 * (3 * part % 1))**2}
    for name, fall in falls.items():
        np.testing.assert_allclose(rates[name], [*np.arange(1, 11) / 10, *fall], atol=1e-12)


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


@pytest.mark.claim("obs-overfit")
def test_the_first_epochs_on_few_characters_trained_anew(monkeypatch):
    monkeypatch.setattr(runs_overfit, "EPOCHS", (1, 2))
    [again, _] = runs_overfit.train("plain", 0.008, seed=1)
    stored = runs_overfit.losses()[0, 0, runs_overfit.RATES.index(0.008), 1]
    assert again == pytest.approx(stored[:2], abs=2e-3)


@pytest.mark.claim("obs-overfit")
def test_what_moves_the_turn_of_the_held_out_loss():
    held_out = runs_overfit.losses()[0]  # (settings, rates, seeds, epochs)
    means = dict(zip(runs_overfit.SETTINGS, held_out.mean(axis=2), strict=True))
    least = {name: curves.min(axis=-1) for name, curves in means.items()}
    turns = {name: [runs_overfit.EPOCHS[curve.argmin()] for curve in curves
                    if np.isfinite(curve).all()] for name, curves in means.items()}
    assert turns == {"plain": [6, 5, 3, 1], "r = 1": [6, 6, 10], "r = 64": [4, 3, 1],
                     "α = 32": [5, 3, 1], "dropout 0.1": [5, 3, 2]}
    plain = least["plain"]
    assert plain.round(3).tolist() == pytest.approx([1.905, 1.919, 1.942, 1.985])
    rise = means["plain"][:, -1] - plain
    assert rise.min() == pytest.approx(0.05, abs=0.005)
    assert rise.max() == pytest.approx(0.22, abs=0.005)
    assert np.abs(least["α = 32"][:3] - plain[1:]).max() == pytest.approx(0.013, abs=6e-4)
    assert np.abs(least["r = 64"] - plain)[1:].max() == pytest.approx(0.016, abs=6e-4)
    assert (least["r = 1"] - plain)[1:] == pytest.approx([0.025, 0.012, -0.005], abs=6e-4)
    each = held_out[:, 1:].min(axis=-1)  # of every seed
    gains = each[0] - each[list(runs_overfit.SETTINGS).index("dropout 0.1")]
    assert gains.min() > 0
    lowered = (plain - least["dropout 0.1"])[1:]
    assert lowered.round(3).tolist() == pytest.approx([0.005, 0.007, 0.007], abs=1e-6)


@pytest.mark.claim("obs-file-16-bits", "obs-too-large-weakened")
def test_sixteen_bits_lose_nothing_and_a_weaker_strength_mends_nothing():
    measured = runs_files.results()
    exact = np.array(measured["dtypes"]["float32"])
    for dtype in ("bfloat16", "float16"):
        assert np.abs(measured["dtypes"][dtype] - exact).max() < 1.5e-4
    train, held_out = np.moveaxis([[measured["strengths"][times][f] for f in ("0.25", "0.5", "1")]
                                   for times in ("1", "4", "8")], -1, 0)  # (times, f, seeds)
    assert span(train[1:, -1].round(1)) == (2.7, 3.0)
    assert measured["base"][0] == pytest.approx(1.69, abs=0.005)
    assert np.abs(held_out[1:, 0] - held_out[1:, -1]).max() < 0.02
    for strength in ("0.25", "0.5", "0.75"):
        assert np.all(np.array(measured["strengths"]["1"][strength])[:, 1] > exact)


@pytest.mark.claim("obs-extracted", "obs-other-base")
def test_what_is_left_of_the_gain():
    measured = runs_files.results()
    base = measured["base"][1]
    cut = {r: base - np.mean(losses) for r, losses in measured["cut"].items()}
    assert cut["all"] == pytest.approx(0.39, abs=0.005)
    ranks = ("1", "8", "16", "32", "64")
    kept = [round(100 * np.mean(measured["kept"][r])) for r in ranks]
    assert kept == [8, 43, 64, 85, 98]
    assert [round(100 * cut[r] / cut["all"]) for r in ranks] == [40, 73, 88, 97, 100]
    bases = {name: without - np.array(losses)
             for name, (_, without, losses) in measured["bases"].items()}
    at_home = bases.pop("itself")
    assert at_home.mean() == pytest.approx(0.35, abs=0.005)
    assert round(100 * at_home.mean() / cut["all"]) == 89
    assert span(-bases.pop("its units in another order").round(2)) == (0.13, 0.18)
    gains = np.array(list(bases.values()))
    assert span(gains.round(2)) == (0.15, 0.23)
    assert span((100 * gains / at_home).round()) == (43, 65)
    distances = [round(far, 2) for far, _, _ in measured["bases"].values()]
    assert distances[2:] == [0.09, 0.14, 0.23]


def test_a_base_with_its_units_in_another_order_computes_the_same():
    ids = part("bible", "validation")[None, :60]
    with torch.no_grad():
        logits = load_base()(ids)
        other = runs_files.reordered(load_base())(ids)
    torch.testing.assert_close(other, logits, atol=1e-4, rtol=0)
