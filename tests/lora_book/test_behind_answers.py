"""The small runs behind the answers."""

import shutil
from copy import deepcopy

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM

from lora_book.behind_answers import (
    runs_draws,
    runs_files,
    runs_norms,
    runs_overfit,
    runs_rank,
    runs_schedules,
)
from lora_book.rotated_digits import training
from lora_book.shared.digits import load
from lora_book.small_gpt import load_base
from lora_book.small_gpt.text import part
from lora_book.starts.runs_saved_files import original
from lora_edu.nn import inject, lora_layers, merge_and_unload
from tests.lora_book.oracles import span
from tests.lora_book.peft_layer import X, adapted
from tests.nn.models import IDS, llama

SCHEDULES = list(runs_schedules.SHAPES)
old_name = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")


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
    lower = seeds[1:, 0] < seeds[0, 0]  # without warm-up, seed by seed
    assert lower.sum(axis=-1).tolist() == [4, 4, 4]
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


def test_three_studies_store_the_same_runs():
    """The small GPT with all modules adapted at r = 8 and its best η, for three seeds."""
    losses, _ = runs_rank.results()
    at = list(runs_rank.SETTINGS).index("AdamW, r = 8"), runs_rank.RATES.index(runs_files.BEST)
    np.testing.assert_allclose(losses[at][:, 0], runs_norms.losses()["alone"][0], atol=1e-3)
    np.testing.assert_allclose(losses[at][:, 0], runs_files.results()["dtypes"]["float32"],
                               atol=2e-3)


@pytest.mark.claim("obs-stable-rank")
def test_a_cut_and_a_stable_rank_are_those_of_numpy():
    model = load_base()
    frozen = {name: W.numpy().copy() for name, W in model.state_dict().items()}
    inject(model, runs_files.ALL, 8, 8, rng=np.random.default_rng(0))
    torch.manual_seed(0)
    for layer in lora_layers(model).values():
        nn.init.normal_(layer.adapters["default"].lora_B, std=0.02)
    merge_and_unload(model)
    parts = runs_rank.updates(model)
    assert len(parts) == 24
    cut, _ = runs_files.cut(model, 2)
    for name, (_, S, _) in parts.items():
        change = model.state_dict()[name].numpy() - frozen[name]
        stable = np.square(change).sum() / np.linalg.norm(change, 2)**2
        assert (S.square().sum() / S[0]**2).item() == pytest.approx(stable, rel=1e-3)
        U, sizes, Vh = np.linalg.svd(change, full_matrices=False)
        want = frozen[name] + U[:, :2] * sizes[:2] @ Vh[:2]
        np.testing.assert_allclose(cut.state_dict()[name], want, atol=1e-5)


@pytest.mark.claim("obs-stable-rank")
def test_updates_of_a_low_stable_rank_need_the_rest_of_their_rank():
    losses, stable = runs_rank.results()
    means = losses[..., 0].mean(axis=-1)
    best = np.nanargmin(means, axis=-1)
    assert [runs_rank.RATES[i] for i in best] == [0.008, 0.016, 0.016, 0.016]
    for i, setting in enumerate(runs_rank.SETTINGS):
        assert runs_rank.RATES[best[i]] in runs_rank.rates_of(setting)[1:-1]
    at_best = losses[np.arange(4), best]  # (settings, seeds, changes)
    assert at_best[:3, :, 0].mean(axis=-1).round(3).tolist() == pytest.approx(
        [1.478, 1.395, 1.372], abs=1e-6)
    one, eight, thirty_two, muon = at_best[..., 0]
    assert np.all(one > eight)
    assert np.all(eight > thirty_two)
    assert muon.min() > eight.max()

    base = runs_norms.losses()["base"]
    gains = (base - at_best).mean(axis=1)
    kept = (100 * gains / gains[:, :1]).round()
    assert kept[1, 1:4].tolist() == [45, 64, 86]
    assert kept[2, 1:5].tolist() == [37, 55, 74, 91]
    assert round(100 * gains[0, 0] / gains[1, 0]) == 76
    assert (gains[1:, 5] / gains[1:, 0]).min() > 0.9965

    medians = np.median(stable, axis=(-2, -1)).round(1)
    near = medians[1:3, 1:4]
    assert near.tolist() == pytest.approx(np.array([[2.5, 2.9, 3.4], [2.7, 3.2, 4.3]]), abs=1e-6)
    assert span(medians[1:3, 4]) == pytest.approx((1.3, 1.4))
    assert span(losses[1:3, 4, :, 0].round(1)) == pytest.approx((2.7, 3.0))
    assert medians[3, 1:].tolist() == pytest.approx([4.4, 4.2, 4.1, 4.3])


@pytest.mark.claim("obs-norms")
@pytest.mark.parametrize(("extra", "numbers"), [
    ("norms", 1728), ("biases", 3456), ("norms and biases", 5184), ("head", 6432)])
def test_what_trains_along_is_thawed_and_changes_nothing_at_the_start(extra, numbers):
    model = load_base()
    inject(model, runs_files.ALL, 8, 8, rng=np.random.default_rng(0))
    before = sum(p.numel() for p in model.parameters() if p.requires_grad)
    thawed = runs_norms.thaw(model, extra)
    assert sum(p.numel() for p in thawed) == numbers
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == before + numbers
    assert before == 8 * 6912
    ids = part("bible", "validation")[None, :60]
    with torch.no_grad():
        torch.testing.assert_close(model(ids), load_base()(ids))


@pytest.mark.claim("obs-norms")
def test_norms_and_biases_gain_less_than_a_rank_and_a_head_more():
    stored = runs_norms.losses()
    alone, more_rank = stored["alone"]
    assert alone.mean() == pytest.approx(1.3950, abs=5e-5)
    assert stored["base"] - alone.mean() == pytest.approx(0.351, abs=5e-4)
    assert np.ptp(alone) == pytest.approx(0.0055, abs=5e-5)
    means = stored["extra"].mean(axis=-1)  # (extras, times)
    best = means.argmin(axis=-1)
    assert [runs_norms.TIMES[i] for i in best] == [1, 0.25, 0.25, 0.25]
    gains = np.array([*(alone - stored["extra"][np.arange(4), best]), alone - more_rank])
    assert gains.mean(axis=-1) == pytest.approx([0.0024, 0.0007, 0.0011, 0.0106, 0.0042], abs=6e-5)
    assert np.all(gains > 0, axis=-1).tolist() == [True, False, False, True, True]
    assert np.all(means[:, -1] > alone.mean())


@pytest.mark.claim("obs-draws")
@pytest.mark.parametrize("r", runs_draws.RANKS)
def test_a_few_draws_and_orders_trained_anew(r):
    stored = runs_draws.losses()["digits"][runs_draws.RANKS.index(r), 3, :3, :2]
    again = runs_draws.train(r, runs_draws.RATES[3], range(3), range(100, 102))
    assert again == pytest.approx(stored, rel=0.02)


@pytest.mark.claim("obs-draws")
def test_a_draw_of_a_spreads_the_losses_about_as_much_as_an_order():
    stored = runs_draws.losses()

    def by_pairs(table):
        """The spread down each column, from the differences of all pairs."""
        first, second = np.triu_indices(len(table), 1)
        return np.sqrt(np.square(table[first] - table[second]).mean() / 2)

    spreads = []
    for losses in stored["digits"].astype(float):  # (rates, draws, orders)
        means = losses.mean(axis=(1, 2))
        assert runs_draws.RATES[means.argmin()] == 1 / 32
        best = losses[means.argmin()]
        spreads.append([best.mean(), by_pairs(best), by_pairs(best.T)])
    np.testing.assert_allclose(spreads, [[0.457, 0.052, 0.045], [0.149, 0.019, 0.019]], atol=6e-4)
    gpt = [by_pairs(stored[kind].astype(float)) for kind in ("gpt draws", "gpt orders")]
    assert gpt == pytest.approx([0.0024, 0.0034], abs=5e-5)
    mean = np.mean([stored["gpt draws"], stored["gpt orders"]])
    assert mean == pytest.approx(1.489, abs=1e-3)
    assert gpt[0] / (runs_norms.losses()["base"] - mean) == pytest.approx(0.01, abs=0.001)


@pytest.mark.claim("obs-cards")
def test_cards_with_separate_draws_end_higher():
    cards = runs_draws.losses()["cards"]  # (ranks, ways, rates, seeds)
    means = cards.mean(axis=-1)
    assert np.all(runs_draws.RATES[means.argmin(axis=-1)] == 1 / 32)
    np.testing.assert_allclose(means.min(axis=-1), [[0.479, 0.563], [0.144, 0.202]], atol=6e-4)
    at_best = cards[:, :, list(runs_draws.RATES).index(1 / 32)]
    assert np.all(at_best[:, 1] > at_best[:, 0])  # in every seed


@pytest.mark.claim("obs-cards")
def test_cards_with_one_draw_are_one_card_with_the_whole_batch():
    """Two loops, one over a stack of cards and one over a stack of runs."""
    stored = runs_draws.losses()
    seeds = len(runs_draws.CARD_SEEDS)
    alone = stored["digits"][..., range(seeds), range(seeds)]  # (ranks, rates, seeds)
    shared = stored["cards"][:, 0]
    small = runs_draws.RATES < 1 / 16  # at larger rates the rounding grows
    assert shared[:, small] == pytest.approx(alone[:, small], rel=0.02)


# What the answers say beside the claims


def test_the_file_of_a_second_adapter_lacks_the_first(tmp_path):
    first, _ = adapted(seed=0, r=4, init_lora_weights=False)
    first.save_pretrained(tmp_path / "first")
    of_first = (first(X) - original()(X)).detach()
    merged = first.merge_and_unload()
    second, _ = adapted(seed=1, model=merged, r=8, lora_alpha=2, init_lora_weights=False)
    second.save_pretrained(tmp_path / "second")
    of_both = second(X)

    alone = PeftModel.from_pretrained(original(), tmp_path / "second")
    torch.testing.assert_close(alone(X) + of_first, of_both)
    assert of_first.norm() > 0.1 * of_both.norm()

    together = PeftModel.from_pretrained(original(), tmp_path / "first")
    together.load_adapter(tmp_path / "second", "second")
    assert together.active_adapters == ["default"]
    together.base_model.set_adapter(["default", "second"])
    torch.testing.assert_close(together(X), of_both)


@pytest.fixture
def saved(tmp_path):
    """The folders of a tiny Llama and of its adapter, and the logits that both give."""
    base = llama()
    base.save_pretrained(tmp_path / "base")
    base.name_or_path = str(tmp_path / "base")
    model = get_peft_model(base, LoraConfig(init_lora_weights=False)).eval()
    model.save_pretrained(tmp_path / "adapter")
    return tmp_path / "base", tmp_path / "adapter", model(IDS).logits


def query(model):
    return model.model.layers[0].self_attn.q_proj


@old_name
def test_a_merged_model_is_loaded_without_its_adapter(saved, tmp_path):
    of_base, of_adapter, logits = saved
    base = AutoModelForCausalLM.from_pretrained(of_base)
    W0 = query(base).weight.detach().clone()
    merged = PeftModel.from_pretrained(base, of_adapter).merge_and_unload()
    merged.save_pretrained(tmp_path / "merged")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    torch.testing.assert_close(again(IDS).logits, logits)

    shutil.copytree(of_adapter, tmp_path / "merged", dirs_exist_ok=True)
    twice = query(AutoModelForCausalLM.from_pretrained(tmp_path / "merged"))
    delta = twice.get_delta_weight("default")
    torch.testing.assert_close(twice.base_layer.weight + delta, W0 + 2 * delta)


@old_name
def test_an_adapter_that_transformers_loads_does_not_merge(saved):
    of_base, of_adapter, logits = saved
    by_hand = AutoModelForCausalLM.from_pretrained(of_base)
    by_hand.load_adapter(of_adapter)
    for model in (by_hand, AutoModelForCausalLM.from_pretrained(of_adapter)):
        torch.testing.assert_close(model(IDS).logits, logits)
        with pytest.raises(AttributeError, match="has no attribute 'merge_and_unload'"):
            model.merge_and_unload()


def test_a_safe_merge_rounds_the_update_too():
    sums = []
    for safe in (False, True):
        model, layer = adapted(model=original().to(torch.bfloat16), init_lora_weights=False)
        delta = layer.get_delta_weight("default")
        assert delta.dtype == torch.float32
        rounded = delta.bfloat16() if safe else delta
        sums.append((layer.base_layer.weight + rounded).bfloat16())
        assert torch.equal(model.merge_and_unload(safe_merge=safe)[0].weight, sums[-1])
    assert not torch.equal(*sums)


def test_a_safe_merge_refuses_nan():
    model, layer = adapted()
    nn.init.constant_(layer.lora_B["default"].weight, torch.nan)
    with pytest.raises(ValueError, match="NaNs detected"):
        model.merge_and_unload(safe_merge=True)


def test_diffusers_fuses_the_adapter(tmp_path):
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=8, block_out_channels=(8,), layers_per_block=1, cross_attention_dim=8,
        attention_head_dim=4, norm_num_groups=4, down_block_types=["CrossAttnDownBlock2D"],
        up_block_types=["CrossAttnUpBlock2D"])
    inputs = torch.randn(1, 4, 8, 8), 3, torch.randn(1, 3, 8)
    unet.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False))
    wanted = unet(*inputs).sample
    unet.fuse_lora()
    unet.unload_lora()
    unet.save_pretrained(tmp_path)
    again = UNet2DConditionModel.from_pretrained(tmp_path)
    torch.testing.assert_close(again(*inputs).sample, wanted, rtol=1e-4, atol=1e-5)


def merged_when_tied(folder, **settings):
    """In a tied Llama: (the change of W, the updates, the error after loading, the model)."""
    ids = torch.arange(9)[None]
    base = llama(vocab_size=9, num_hidden_layers=1, tie_word_embeddings=True)
    W0 = base.lm_head.weight.detach().clone()
    model = get_peft_model(base, LoraConfig(r=2, init_lora_weights=False, **settings)).eval()
    for p in model.parameters():
        if p.requires_grad:
            nn.init.normal_(p)
    layers = base.model.embed_tokens, base.lm_head
    updates = [layer.get_delta_weight("default").detach() for layer in layers
               if hasattr(layer, "get_delta_weight")]
    trained = model(ids).logits
    merged = model.merge_and_unload()
    merged.save_pretrained(folder)
    loaded = type(merged).from_pretrained(folder)
    error = (loaded(ids).logits - trained).norm() / trained.norm()
    return loaded.lm_head.weight.detach() - W0, updates, error, loaded


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("is_tied", [False, True])
def test_full_copies_of_a_tied_weight_merge_correctly(tmp_path, is_tied):
    _, _, error, loaded = merged_when_tied(
        tmp_path, target_modules=["q_proj"], modules_to_save=["embed_tokens", "lm_head"],
        ensure_weight_tying=is_tied)
    assert error < 1e-5
    assert loaded.config.tie_word_embeddings == is_tied


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("names", [["embed_tokens"], ["lm_head"], ["embed_tokens", "lm_head"]])
@pytest.mark.parametrize("is_tied", [False, True])
def test_adapters_on_a_tied_weight_all_merge_into_it(tmp_path, names, is_tied):
    """When PEFT mends this, the answer must say so."""
    change, updates, error, _ = merged_when_tied(
        tmp_path, target_modules=names, ensure_weight_tying=is_tied)
    torch.testing.assert_close(change, sum(updates), rtol=1e-4, atol=1e-4)
    if is_tied:
        torch.testing.assert_close(*updates)
    assert len(updates) == (2 if is_tied else len(names))
    assert error > 0.1


@pytest.mark.parametrize("bias", ["lora_only", "all"])
def test_trained_biases_are_saved_and_stay_when_the_adapter_is_off(tmp_path, bias):
    torch.manual_seed(0)
    base = nn.Sequential(nn.Linear(X.shape[1], 5))
    model, layer = adapted(model=deepcopy(base), bias=bias)
    nn.init.ones_(layer.base_layer.bias)
    with pytest.warns(UserWarning, match="bias"), model.disable_adapter():
        off = model(X)
    assert (off - base(X)).abs().max() > 0.5
    model.save_pretrained(tmp_path)
    torch.testing.assert_close(PeftModel.from_pretrained(base, tmp_path)(X), model(X))


def step(is_merged, r, d, n):
    """(multiplications of a step, the gradients of A and B) in a square layer."""
    torch.manual_seed(0)
    A, B, x = (torch.randn(size, dtype=torch.float64, requires_grad=True)
               for size in ((r, d), (d, r), (n, d)))
    W = torch.randn(d, d, dtype=torch.float64)
    with FlopCounterMode(display=False) as counter:
        y = x @ (W + B @ A).T if is_merged else x @ W.T + x @ A.T @ B.T
        y.backward(torch.ones_like(y))
    return counter.get_total_flops() // 2, A.grad, B.grad


@pytest.mark.parametrize(("r", "d", "n"), [(8, 96, 64), (16, 96, 10_000), (4, 64, 8)])
def test_merging_in_every_step_costs_more_than_the_bypass(r, d, n):
    bypass, *gradients = step(False, r, d, n)
    merged, *others = step(True, r, d, n)
    torch.testing.assert_close(gradients, others)
    assert bypass == 2 * n * d**2 + 6 * n * r * d
    assert merged == 3 * n * d**2 + 3 * r * d**2
    assert bypass < merged


def test_an_untrained_base_holds_lora_back():
    """Digits, from scratch: the share of right test pictures, at the best of four rates."""
    digits = load()
    data = {which: training.part(digits, which) for which in ("train", "val", "test")}

    def shares(method, r, lr, seed):
        model = training.prepare(training.make_model(seed), method, r, seed)
        training.train(model, data["train"], lr, seed=seed)
        return [training.right(model, data[which]) / len(data[which][1])
                for which in ("val", "test")]

    def best(method, r=None):
        means = np.mean([[shares(method, r, lr, seed) for lr in (0.003, 0.01, 0.03, 0.1)]
                         for seed in range(3)], axis=0)  # (rates, parts)
        return means[means[:, 0].argmax(), 1]

    assert best("full") == pytest.approx(0.97, abs=0.01)
    assert best("all layers", 8) == pytest.approx(0.95, abs=0.015)
    # seeds end at 0.3 to 0.6, and the rounding of the processor moves their mean by 0.03
    assert best("all layers", 1) == pytest.approx(0.5, abs=0.1)
