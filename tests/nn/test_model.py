"""A model's adapters: switched, merged, deleted; and the model of before is back."""

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from lora_edu.nn import (
    delete_adapter,
    inject,
    lora_layers,
    merge,
    merge_and_unload,
    set_adapter,
    unload,
    unmerge,
)
from tests.nn.compare import assert_rounding_apart, fingerprint, same_bits
from tests.nn.models import IDS, TARGETS, adapted, net, rng
from tests.refusals import refuses


def trainable(model):
    return [name for name, p in model.named_parameters() if p.requires_grad]


@pytest.mark.claim("obs-no-trace")
def test_adapters_are_switched_and_the_base_is_still_there():
    model, plain = adapted(targets=["q", "v"])
    first = model(IDS)
    inject(model, ["v", "head"], 2, 6, rng=rng(5), name="b", start="both random")
    second = model(IDS)
    assert all(".b." in name for name in trainable(model)) and len(trainable(model)) == 6
    set_adapter(model, "default")
    assert same_bits(model(IDS), first)
    assert all(".default." in name for name in trainable(model)) and len(trainable(model)) == 8
    set_adapter(model, [])
    assert same_bits(model(IDS), plain(IDS)) and trainable(model) == []
    set_adapter(model, "b")
    assert same_bits(model(IDS), second) and not torch.allclose(first, second)
    set_adapter(model, ["default", "b"])
    assert lora_layers(model)["head"].active_adapters == ["b"]
    assert lora_layers(model)["blocks.0.v"].active_adapters == ["default", "b"]
    assert lora_layers(model)["blocks.0.q"].active_adapters == ["default"]
    delete_adapter(model, "b")
    assert type(model.head) is nn.Linear and same_bits(model(IDS), first)


@pytest.mark.claim("obs-no-trace")
@pytest.mark.parametrize("remove", [unload, lambda model: [
    delete_adapter(model, name) for name in ("default", "b")]], ids=["unload", "delete each"])
@pytest.mark.parametrize("merged", [False, True])
def test_without_its_adapters_the_model_is_the_old_one_to_the_last_bit(remove, merged):
    model = net()
    before = fingerprint(model)
    inject(model, TARGETS, 2, 4, rng=rng(), start="both random")
    inject(model, ["v", "head"], 3, 6, rng=rng(), name="b", start="both random")
    if merged:
        merge(model)
    remove(model)
    model.requires_grad_(True)  # the one thing that is not restored: what was frozen stays so
    assert fingerprint(model) == before


@pytest.mark.claim("obs-no-trace")
@pytest.mark.parametrize("merged", [False, True])
def test_merge_and_unload_leaves_a_plain_model_that_computes_the_same(merged):
    model, plain = adapted()
    before = fingerprint(model)
    want = model(IDS)
    if merged:
        merge(model)
        unmerge(model)
        assert fingerprint(model) == before
        merge(model)
        assert_rounding_apart(model(IDS), want)
    merge_and_unload(model)
    assert [(name, type(module)) for name, module in model.named_modules()] == [
        (name, type(module)) for name, module in plain.named_modules()]
    assert model.state_dict().keys() == plain.state_dict().keys()
    assert_rounding_apart(model(IDS), want)
    plain.load_state_dict(model.state_dict())
    assert same_bits(plain(IDS), model(IDS))


@pytest.mark.parametrize("change, words", [
    (lambda base: prune.l1_unstructured(base, "weight", 0.5), "base_layer must … weight"),
    (lambda base: base.register_forward_hook(print), "base_layer must … hooks")])
def test_a_base_that_a_hook_has_changed_is_not_merged(change, words):
    """Merged, its hooks would be passed over; unloaded, they would act on another weight."""
    model, _ = adapted(targets=["q"])
    change(model.blocks[1].q.base_layer)
    before = fingerprint(model)
    for call in (merge, merge_and_unload):
        refuses(words, ValueError, lambda call=call: call(model))
        assert fingerprint(model) == before
