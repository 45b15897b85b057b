"""The same numbers as PEFT's layers: forward, gradients, dropout, half precision.

A and B are copied over, and s is a power of two: both run the same operations up to an exact
scaling, so the bits must agree. Another s, training and merging: tests/lora_book/test_in_peft.py.
"""

import copy

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model

from lora_edu.nn import inject, load_adapter, lora_layers, merge, save_adapter
from tests.nn.compare import same_bits
from tests.nn.models import IDS, TARGETS, adapted, matrices, net, rng, token_ids

POWER_OF_TWO = [(4, 8, "lora"), (2, 1, "lora"), (4, 1, "rslora")]
DTYPES = [torch.float32, torch.float64, torch.bfloat16]


def both(r, alpha, rule, dtype=torch.float32, dropout=0.0):
    """(our model, PEFT's) with the same adapter."""
    model, plain = adapted(r, alpha, rule=rule, dropout=dropout)
    twin = get_peft_model(plain, LoraConfig(
        r=r, lora_alpha=alpha, target_modules=TARGETS, use_rslora=rule == "rslora",
        lora_dropout=dropout))
    copy_over(model, twin)
    return model.to(dtype), twin.to(dtype)


def loss_of(model, ids):
    return torch.logsumexp(model(ids).float(), -1).sum()


def copy_over(model, twin):
    for ours, theirs in matrices(model, twin):
        theirs.data.copy_(ours)


def assert_same_gradients(model, twin, ids=IDS):
    """Raise AssertionError unless the gradients of a loss that bends are the same to the bit."""
    for one in (model, twin):
        one.zero_grad()
        loss_of(one, ids).backward()
    for have, want in matrices(model, twin):
        assert want.grad.any() and same_bits(have.grad, want.grad)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (7,), (3, 7)], ids=["one id", "a row", "a batch"])
@pytest.mark.parametrize("r, alpha, rule", POWER_OF_TWO)
def test_forward_and_gradients_are_pefts_to_the_bit(r, alpha, rule, shape, dtype):
    model, twin = both(r, alpha, rule, dtype)
    ids = token_ids(*shape)
    assert same_bits(model(ids), twin(ids))
    assert_same_gradients(model, twin, ids)


def test_dropout_drops_what_pefts_drops():
    model, twin = both(4, 8, "lora", dropout=0.5)
    outputs = []
    for one in (model, twin):
        torch.manual_seed(5)
        outputs.append(one(IDS))
    assert same_bits(*outputs)
    assert not torch.equal(outputs[0], model(IDS))  # another draw: it does drop
    model.eval(), twin.eval()
    assert same_bits(model(IDS), twin(IDS)) and same_bits(model(IDS), model(IDS))


@pytest.fixture(params=[torch.bfloat16, torch.float16])
def half(request):
    """(our model, PEFT's, the plain one), in half precision, by each library's own default."""
    plain = net().to(request.param)
    model = copy.deepcopy(plain)
    inject(model, TARGETS, 4, 8, rng=rng(1), start="both random")
    twin = get_peft_model(copy.deepcopy(plain), LoraConfig(
        r=4, lora_alpha=8, target_modules=TARGETS))
    copy_over(model, twin)
    return model, twin, plain


@pytest.mark.claim("obs-float32-adapters")
def test_beside_half_precision_a_and_b_are_float32_and_train_as_pefts_to_the_bit(half):
    """The input is cast up for A and B, the sum back to the base's dtype; no autocast."""
    model, twin, plain = half
    assert model(IDS).dtype == plain(IDS).dtype and same_bits(model(IDS), twin(IDS))
    assert_same_gradients(model, twin)
    for one in (model, twin):
        optimiser = torch.optim.AdamW([p for p in one.parameters() if p.requires_grad], lr=0.01)
        for _ in range(3):
            optimiser.zero_grad()
            loss_of(one, IDS).backward()
            optimiser.step()
    for ours, theirs in matrices(model, twin):
        assert ours.dtype == torch.float32 and same_bits(ours, theirs)
    assert same_bits(model(IDS), twin(IDS))


@pytest.mark.claim("obs-float32-adapters")
def test_beside_half_precision_files_and_merged_weights_are_pefts_to_the_bit(half, tmp_path):
    """Merged: of Linear layers. PEFT rounds an Embedding's ΔW, and each with safe_merge, before it
    is added."""
    model, twin, plain = half
    want = model(IDS)
    save_adapter(model, tmp_path / "ours")
    twin.save_pretrained(tmp_path / "theirs")
    for folder in ("ours", "theirs"):
        loaded = copy.deepcopy(plain)
        load_adapter(loaded, tmp_path / folder)
        assert {p.dtype for p in loaded.parameters() if p.requires_grad} == {torch.float32}
        assert same_bits(loaded(IDS), want)
        peft_loaded = PeftModel.from_pretrained(copy.deepcopy(plain), tmp_path / folder)
        assert same_bits(peft_loaded(IDS), want)
    merge(model)
    safe = copy.deepcopy(twin)
    safe.merge_adapter(safe_merge=True)
    twin.merge_adapter()
    for name, layer in lora_layers(model).items():
        theirs, rounded = (one.base_model.model.get_submodule(name).base_layer.weight
                           for one in (twin, safe))
        W0 = layer.base_layer.weight
        [adapter] = layer.active
        assert layer.merged_weight.dtype == W0.dtype
        delta = layer.as_weight(adapter.delta())
        assert same_bits(layer.merged_weight, (W0.float() + delta).to(W0.dtype))
        assert same_bits(rounded, W0 + delta.to(W0.dtype))
        assert not same_bits(layer.merged_weight, rounded)
        assert same_bits(theirs, rounded if name == "tokens" else layer.merged_weight)
