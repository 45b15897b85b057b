"""Using PEFT: the same numbers as ours, its fields, its other LoRAs, merging and combining."""

import json
from functools import partial

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.optimizers import create_loraplus_optimizer
from torch import nn

from lora_book.in_peft import runs
from lora_book.starts.runs_saved_files import original
from lora_edu.nn import inject, lora_layers, loraplus_groups, merge, save_adapter
from tests.lora_book.peft_layer import X, adapted, train, trained
from tests.nn import models

# The same numbers

@pytest.mark.claim("obs-same-as-peft")
@pytest.mark.parametrize("r, alpha, rule, tolerance", [
    (4, 8, "lora", 0), (4, 1, "rslora", 0), (3, 8, "lora", 1e-4), (16, 7, "rslora", 1e-4)])
def test_a_file_of_ours_trains_in_peft_as_here(r, alpha, rule, tolerance, tmp_path):
    """Ten steps of AdamW: A, B, their gradients, outputs and merged weights."""
    ids = models.token_ids(5, 8)
    ours, plain = models.adapted(r, alpha, rule=rule)  # both matrices random
    save_adapter(ours, tmp_path)
    theirs = PeftModel.from_pretrained(plain, tmp_path, is_trainable=True)
    pairs = [pair for name, layer in lora_layers(ours).items() for pair in zip(
        layer.active[0].parameters(), models.peft_matrices(theirs, name), strict=True)]
    for model in (ours, theirs):
        optimiser = torch.optim.AdamW(trained(model), lr=0.01)
        for _ in range(10):
            optimiser.zero_grad()
            torch.logsumexp(model(ids), -1).sum().backward()
            optimiser.step()
    close = partial(torch.testing.assert_close, rtol=tolerance, atol=tolerance)
    for one, other in pairs:
        close(one, other)
        close(one.grad, other.grad)
    close(ours(ids), theirs(ids))
    merge(ours)
    theirs.merge_adapter()
    for name, layer in lora_layers(ours).items():
        close(layer.merged_weight,
              theirs.base_model.model.get_submodule(name).base_layer.weight.data)


@pytest.mark.claim("obs-default-alpha")
@pytest.mark.parametrize("r, s", [(4, 2), (8, 1), (64, 1 / 8)])
def test_alpha_stays_when_r_changes(r, s):
    layer = get_peft_model(original(), LoraConfig(r=r, target_modules=["0"])).base_model.model[0]
    assert layer.scaling["default"] == s


# Merging and combining


def as_if_trained(model):
    with torch.no_grad():
        for p in trained(model):
            p.add_(0.1 * torch.randn_like(p))


def square(**settings):
    """(model, layer) with an adapter of rank 16 that could have been trained."""
    torch.manual_seed(0)
    model = get_peft_model(nn.Sequential(nn.Linear(64, 64)), LoraConfig(
        r=16, lora_alpha=4, target_modules=["0"], **settings))
    as_if_trained(model)
    return model, model.base_model.model[0]


@pytest.mark.claim("obs-combine")
def test_linear_adds_the_matrices_and_not_the_updates():
    model, layer = square()
    model.add_adapter("second", LoraConfig(r=16, lora_alpha=4, target_modules=["0"]))
    model.set_adapter("second")
    as_if_trained(model)
    names = ["default", "second"]
    total = sum(layer.get_delta_weight(name) for name in names).detach()
    least = (torch.linalg.svdvals(total)[16:].norm() / total.norm()).item()  # for its rank
    assert least == pytest.approx(0.37, abs=0.005)
    for kind, off_by, error in (("linear", 1.00, 0.005), ("svd", least, 1e-4), ("cat", 0, 1e-4)):
        model.add_weighted_adapter(names, [1.0, 1.0], kind, combination_type=kind)
        gap = ((layer.get_delta_weight(kind).detach() - total).norm() / total.norm()).item()
        assert gap == pytest.approx(off_by, abs=error)
    model.base_model.set_adapter(names)  # both active at once
    x = torch.randn(50, 64)
    torch.testing.assert_close(model(x), layer.base_layer(x) + x @ total.T, rtol=1e-4, atol=1e-5)


@pytest.mark.claim("obs-combine")
@pytest.mark.parametrize("setting", ["", "use_rslora", "lora_bias", "use_dora"])
def test_a_copy_is_right_for_plain_lora_only(setting):
    """With weight one. When PEFT mends one of these, the chapter must say so."""
    model, layer = square(**({setting: True} if setting else {}))
    x = torch.randn(50, 64)
    with torch.no_grad():
        base = layer.base_layer(x)
        before = model(x)
        model.add_weighted_adapter(["default"], [1.0], "copy")
        model.set_adapter("copy")
        after = model(x)
    if setting == "use_dora":  # m is that of the copy's own start
        m = layer.lora_magnitude_vector
        assert not torch.allclose(m["copy"].weight, m["default"].weight, rtol=0.01)
    else:
        B = layer.lora_B["default"]
        lost = layer.scaling["default"] * B.bias if setting == "lora_bias" else 0
        times = 4 if setting == "use_rslora" else 1
        torch.testing.assert_close(after, base + times * (before - base) - lost,
                                   rtol=1e-4, atol=1e-4)
    assert not setting or (after - before).norm() > 0.2 * (before - base).norm()


@pytest.mark.claim("obs-combine")
def test_merging_is_right_for_rslora():
    model, _ = square(use_rslora=True)
    x = torch.randn(50, 64)
    before = model(x)
    torch.testing.assert_close(model.merge_and_unload()(x), before, rtol=1e-4, atol=1e-4)


def combined_by_peft(kind, adapters, weights):
    """What the combined adapter adds to the frozen weight; each of ``adapters`` has scale 1."""
    r = len(adapters[0][0])
    model, layer = adapted(r=r, lora_alpha=r)
    model.add_adapter("second", LoraConfig(r=r, lora_alpha=r, target_modules=["0"]))
    for name, (A, B) in zip(["default", "second"], adapters, strict=True):
        layer.lora_A[name].weight.data = torch.tensor(A, dtype=torch.float32)
        layer.lora_B[name].weight.data = torch.tensor(B, dtype=torch.float32)
    model.add_weighted_adapter(["default", "second"], weights, "sum", combination_type=kind)
    return layer.get_delta_weight("sum").detach().numpy()


@pytest.mark.claim("thm-linear")
@pytest.mark.parametrize("one_draw", [False, True])
def test_what_linear_gives_by_peft(one_draw):
    """The formula with its cross terms, and the one for a common A; the explorer has PEFT's."""
    (A1, B1), (A2, B2) = pair = runs.pair(8, one_draw, np.random.default_rng(2))
    u = 0.25
    v = 2.25
    change = combined_by_peft("linear", pair, [u, v])
    wanted = u * B1 @ A1 + v * B2 @ A2 + (u * v)**0.5 * (B1 @ A2 + B2 @ A1)
    np.testing.assert_allclose(change, wanted, atol=1e-5)
    if one_draw:
        np.testing.assert_allclose(runs.arrives(change, pair), [2 * 0.5, 2 * 1.5], rtol=1e-4)
    for kind in runs.KINDS:
        for weight in (-1.0, 0.0, 2.0):
            np.testing.assert_allclose(runs.combined(kind, pair, [1.0, weight]),
                                       combined_by_peft(kind, pair, [1.0, weight]), atol=1e-5)


@pytest.mark.claim("obs-rslora-file")
def test_an_rslora_file_is_a_plain_one_with_another_alpha(tmp_path):
    model, _ = adapted(r=16, lora_alpha=4, use_rslora=True, init_lora_weights=False)
    model.save_pretrained(tmp_path)
    file = tmp_path / "adapter_config.json"
    settings = json.loads(file.read_text())
    base = original()(X)

    def served(**changed):
        file.write_text(json.dumps(settings | changed))
        return PeftModel.from_pretrained(original(), tmp_path)(X)

    assert torch.equal(served(use_rslora=False, lora_alpha=16), model(X))
    weak = (served(use_rslora=False) - base).norm() / (model(X) - base).norm()
    assert weak.item() == pytest.approx(1 / 4, rel=1e-4)


# DoRA, LoRA+ and precision


@pytest.mark.claim("obs-loraplus-groups")
@pytest.mark.parametrize("ratio", [4, 16])
def test_loraplus_in_peft_is_alpha_to_the_bit(ratio):
    def run(alpha, ratio, eps_follows):
        model, layer = adapted(lora_alpha=alpha)
        optimiser = create_loraplus_optimizer(
            model, torch.optim.Adam, lr=1e-4, loraplus_lr_ratio=ratio)
        for group in optimiser.param_groups:
            if group["lr"] == 1e-4 * ratio and eps_follows:
                group["eps"] /= ratio
        train(model, optimiser, steps=50)
        return layer.get_delta_weight("default")

    plain = run(8 * ratio, 1, False)
    kept = run(8, ratio, False)
    assert torch.equal(run(8, ratio, True), plain)
    assert not torch.equal(kept, plain) and (kept - plain).norm() < 1e-5 * plain.norm()


@pytest.mark.claim("obs-loraplus-groups")
def test_pefts_loraplus_has_a_rate_for_embeddings():
    def rates(model, groups):
        by_matrix = {id(p): group["lr"] for group in groups for p in group["params"]}
        return [by_matrix[id(p)] for p in trained(model)]

    def groups(**settings):
        return create_loraplus_optimizer(model, torch.optim.AdamW, lr=1e-3, loraplus_lr_ratio=16,
                                         **settings).param_groups

    ours, theirs = (nn.Sequential(nn.Embedding(9, 8), nn.Linear(8, 8)) for _ in range(2))
    model = get_peft_model(theirs, LoraConfig(r=2, target_modules=["0", "1"]))
    assert rates(model, groups()) == [1e-6, 1e-6, 1e-3, 1.6e-2]
    for setting, decays in (("weight_decay", {0.0}), ("loraplus_weight_decay", {0.0, 0.1})):
        assert {group["weight_decay"] for group in groups(**{setting: 0.1})} == decays
    inject(ours, ["0", "1"], 2, 8, rng=np.random.default_rng(0))
    assert rates(ours, loraplus_groups(ours, lr=1e-3, ratio=16)) == [1e-3, 1.6e-2, 1e-3, 1.6e-2]


@pytest.mark.claim("obs-float32-adapters")
def test_a_step_below_a_512th_of_a_bfloat16_number_is_rounded_away():
    """All positive normal numbers of the format, in both directions."""
    numbers = torch.arange(2**15, dtype=torch.int16).view(torch.bfloat16)
    numbers = numbers[numbers.isfinite() & (numbers >= torch.finfo(torch.bfloat16).tiny)]
    for sign in (1, -1):
        for step, stays in ((1 / 513, True), (1 / 255, False)):
            moved = (numbers.double() * (1 + sign * step)).bfloat16()
            assert torch.equal(moved, numbers) if stays else (moved != numbers).all()
