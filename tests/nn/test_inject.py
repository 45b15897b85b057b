"""Which layers of a model get an adapter, and what happens to the rest of it."""

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from lora_edu.nn import LoRALinear, inject, lora_layers, merge, merge_and_unload, unload
from tests.nn.compare import assert_rounding_apart, assert_unchanged, fingerprint, same_bits
from tests.nn.models import TARGETS, adapted, net, token_ids

IDS = token_ids(3, 7)


def rng(seed=0):
    return np.random.default_rng(seed)


def trainable(model):
    return [name for name, p in model.named_parameters() if p.requires_grad]


@pytest.mark.parametrize("targets, want", [
    (["q"], ["blocks.0.q", "blocks.1.q"]),
    (("head", "tokens"), ["tokens", "head"]),
    ({"blocks.1.v"}, ["blocks.1.v"]),
    (["1.v"], ["blocks.1.v"]),
    (r"blocks\.0\..", ["blocks.0.q", "blocks.0.v"]),
    (r".*(q|head)", ["blocks.0.q", "blocks.1.q", "head"]),
    ("head", ["head"]),
])
def test_a_list_is_for_endings_and_a_string_is_a_regular_expression(targets, want):
    model = net()
    assert inject(model, targets, 2, 4, rng=rng()) == want
    assert list(lora_layers(model)) == want


def test_excluded_layers_are_left_out():
    model = net()
    assert inject(model, ["q", "v"], 2, 4, rng=rng(), exclude=["0.q", "1.v"]) == [
        "blocks.0.v", "blocks.1.q"]


@pytest.mark.parametrize("exclude", [["q"], ["blocks.0.q", "blocks.1.q"], r".*\.q"])
def test_excluding_all_that_a_name_finds_is_refused_as_such(exclude):
    with pytest.raises(ValueError, match="exclude must leave a layer that 'q' chooses"):
        inject(net(), ["q", "v"], 2, 4, rng=rng(), exclude=exclude)


def test_pefts_layers_are_not_looked_into():
    model = net()
    get_peft_model(model, LoraConfig(r=2, target_modules=["q"]))
    assert inject(model, "all-linear", 2, 4) == ["blocks.0.v", "blocks.1.v", "head"]


def test_names_may_be_numpys():
    assert len(inject(net(), np.array(["q", "v"]), 2, 4, exclude=np.array(["0.q", "1.v"]))) == 2


def test_a_name_is_no_ending_without_a_dot():
    model = nn.ModuleDict({"q": nn.Linear(3, 3), "eq": nn.Linear(3, 3)})
    assert inject(model, ["q"], 2, 4, rng=rng()) == ["q"]


@pytest.mark.parametrize("targets, entry", [
    (["query"], "'query'"), (["q", "query"], "'query'"), ("q", "'q'"), (r"blocks\.7\.q", "blocks"),
    (["blocks.0.q.base_layer"], "base_layer")])
@pytest.mark.parametrize("already_there", [False, True])
def test_what_matches_nothing_is_named_beside_what_there_is(already_there, targets, entry):
    model = adapted(targets=["q"])[0] if already_there else net()
    before = fingerprint(model)
    with pytest.raises(ValueError, match=r"targets must match .* nothing matches") as caught:
        inject(model, targets, 2, 4, rng=rng(), name="b")
    assert entry in str(caught.value) and "['tokens', 'q', 'v', 'head']" in str(caught.value)
    assert ("regular expression" in str(caught.value)) == isinstance(targets, str)
    assert_unchanged(model, before)


@pytest.mark.parametrize("targets, error, words", [
    ([], ValueError, ["targets must", "[]"]),
    (["blocks"], TypeError, ["'blocks'", "ModuleList", "Linear"]),
    (["act"], TypeError, ["'blocks.0.act'", "Tanh"]),
    (["q", "act"], TypeError, ["'blocks.0.act'", "Tanh"]),
    ("blocks(", ValueError, ["targets must be a regular expression", "'blocks('"]),
    (3, TypeError, ["targets must be a list", "3"]),
    (None, TypeError, ["targets must be a list", "None"]),
    (["q", 3], TypeError, ["targets must be a list", "3"]),
])
def test_bad_targets_are_refused_and_the_model_left_alone(targets, error, words):
    model = net()
    before = fingerprint(model)
    with pytest.raises(error) as caught:
        inject(model, targets, 2, 4, rng=rng())
    assert [word for word in words if word not in str(caught.value)] == []
    assert_unchanged(model, before)


@pytest.mark.parametrize("name, value", [
    ("r", 0), ("alpha", -1), ("rule", "rs"), ("start", "zeros"), ("dropout", 1.0), ("name", "a.b"),
    ("name", ""), ("exclude", "(")])
def test_a_bad_setting_is_refused_and_the_model_left_alone(name, value):
    model = net()
    before = fingerprint(model)
    with pytest.raises(ValueError, match=f"^{name} must"):
        inject(model, TARGETS, **{"r": 2, "alpha": 4, "rng": rng()} | {name: value})
    assert_unchanged(model, before)


def test_a_layer_that_cannot_have_an_adapter_is_found_before_any_is_changed():
    model = nn.Sequential(nn.Linear(3, 3), nn.Embedding(3, 3, max_norm=1.0))
    before = fingerprint(model)
    with pytest.raises(ValueError, match="max_norm"):
        inject(model, ["0", "1"], 2, 4, rng=rng())
    assert_unchanged(model, before)


def test_attention_whose_output_layer_is_never_called_is_refused():
    """nn.MultiheadAttention reads out_proj.weight itself: an adapter there would do nothing."""
    model = nn.ModuleDict({"attention": nn.MultiheadAttention(8, 2)})
    for targets in (["out_proj"], "all-linear"):
        with pytest.raises(TypeError, match=r"'attention.out_proj' is of type NonDynamically"):
            inject(model, targets, 2, 4, rng=rng())


def test_a_name_that_one_layer_has_already_is_refused_before_any_is_changed():
    model, _ = adapted(targets=["v"])
    before = fingerprint(model)
    with pytest.raises(ValueError, match=r"name must not be .*\['default'\], got 'default'"):
        inject(model, ["q", "v"], 2, 4, rng=rng())
    assert_unchanged(model, before)


def test_a_model_that_is_itself_a_layer_has_no_layers_with_names():
    with pytest.raises(ValueError, match="nothing matches"):
        inject(nn.Linear(3, 3), ["weight"], 2, 4, rng=rng())


# What happens to the rest

@pytest.mark.claim("obs-no-trace")
def test_the_adapter_trains_and_nothing_else():
    model = net()
    inject(model, ["q"], 2, 4, rng=rng())
    assert trainable(model) == [f"blocks.{i}.q.adapters.default.lora_{m}" for i in (0, 1)
                                for m in "AB"]
    before = {name: p.clone() for name, p in model.named_parameters()}
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.1)  # weight decay: it must not reach W0
    for _ in range(3):
        optimiser.zero_grad()
        model(IDS).square().sum().backward()
        optimiser.step()
    assert [n for n, p in model.named_parameters() if not same_bits(p, before[n])] == \
        trainable(model)


def test_the_default_start_changes_no_bit_of_the_output():
    model, want = net(), net()(IDS)
    inject(model, TARGETS, 2, 4, rng=rng())
    assert same_bits(model(IDS), want)


def test_only_the_generator_decides_the_draw():
    first, again, other = (adapted(seed=seed)[0].state_dict() for seed in (1, 1, 2))
    drawn = [name for name in first if "lora_" in name]
    assert all(same_bits(first[name], again[name]) for name in drawn)
    assert not any(same_bits(first[name], other[name]) for name in drawn)
    assert len({first[name].sum().item() for name in drawn}) == len(drawn) == 10


def drawn(rng):
    model = net()
    inject(model, TARGETS, 2, 4, rng=rng, start="both random")
    return [p.detach().clone() for p in model.parameters() if p.requires_grad]


def test_a_generator_of_torch_decides_the_draw_and_torchs_own_is_the_default():
    def torchs(seed):
        return torch.Generator().manual_seed(seed)

    want, other = drawn(torchs(1)), drawn(torchs(2))
    assert len({matrix.sum().item() for matrix in want + other}) == 20
    assert all(map(same_bits, want, drawn(torchs(1))))
    with torch.random.fork_rng():
        torch.manual_seed(1)
        assert all(map(same_bits, want, drawn(None)))
        again = drawn(None)
        torch.manual_seed(1)
        drawn(rng())  # takes nothing from torch's
        assert all(map(same_bits, want, drawn(None)))
    assert not any(map(same_bits, want, again))


def test_all_places_of_a_shared_layer_get_the_same_adapter():
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.Sequential(shared, nn.Tanh()), shared)
    assert inject(model, r".*0|2", 2, 4, rng=rng()) == ["0"]
    assert model[0] is model[1][0] is model[2] and isinstance(model[0], LoRALinear)
    unload(model)
    assert model[0] is model[1][0] is model[2] is shared


class Tied(nn.Module):
    """An output layer that shares its weight with the embedding."""

    def __init__(self):
        super().__init__()
        self.tokens, self.out = nn.Embedding(9, 4), nn.Linear(4, 9, bias=False)
        self.out.weight = self.tokens.weight

    def forward(self, ids):
        return self.out(self.tokens(ids))


@pytest.mark.parametrize("targets", [["tokens"], ["out"], ["tokens", "out"]])
def test_merging_one_of_two_tied_layers_leaves_the_other(targets):
    model, ids = Tied(), torch.arange(9)
    inject(model, targets, 2, 4, rng=rng(), start="both random", distribution=0.5)
    want = model(ids)
    merge(model)
    assert_rounding_apart(model(ids), want)
    merge_and_unload(model)
    assert type(model.tokens) is nn.Embedding and type(model.out) is nn.Linear
    assert_rounding_apart(model(ids), want)


def test_ranks_may_differ_within_one_adapter():
    model = net()
    inject(model, ["q"], 2, 4, rng=rng())
    inject(model, ["v"], 3, 4, rng=rng())
    assert [layer.active[0].r for layer in lora_layers(model).values()] == [2, 3, 2, 3]
    assert len(trainable(model)) == 8
