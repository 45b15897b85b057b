"""Which layers of a model get an adapter, and what happens to the rest of it."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from lora_edu.nn import LoRALinear, inject, unload
from tests.nn.compare import same_bits
from tests.nn.models import IDS, TARGETS, net, rng


@pytest.mark.claim("obs-no-trace")
def test_the_adapter_trains_and_nothing_else():
    model = net()
    inject(model, ["q"], 2, 4, rng=rng())
    trained = [f"blocks.{i}.q.adapters.default.lora_{m}" for i in (0, 1) for m in "AB"]
    assert [name for name, p in model.named_parameters() if p.requires_grad] == trained
    before = {name: p.clone() for name, p in model.named_parameters()}
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.1)  # weight decay: it must not reach W0
    for _ in range(3):
        optimiser.zero_grad()
        model(IDS).square().sum().backward()
        optimiser.step()
    assert [n for n, p in model.named_parameters() if not same_bits(p, before[n])] == trained


def drawn(rng):
    model = net()
    inject(model, TARGETS, 2, 4, rng=rng, start="both random")
    return [p.detach().clone() for p in model.parameters() if p.requires_grad]


def test_a_seed_stands_for_the_one_generator_of_all_layers():
    assert all(map(same_bits, drawn(5), drawn(rng(5))))


@pytest.mark.parametrize("targets, name", [(r".*0|2", "0"), (["2"], "2"), (["1.0"], "1.0")])
def test_all_places_of_a_shared_layer_get_the_same_adapter(targets, name):
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.Sequential(shared, nn.Tanh()), shared)
    assert inject(model, targets, 2, 4, rng=rng()) == [name]
    assert model[0] is model[1][0] is model[2] and isinstance(model[0], LoRALinear)
    unload(model)
    assert model[0] is model[1][0] is model[2] is shared


class Wrapper(nn.Module):
    """A reader's own module, with a name that PEFT's layers have too."""

    def __init__(self):
        super().__init__()
        self.base_layer = nn.Linear(4, 4)


@pytest.mark.parametrize("targets", ["all-linear", ["base_layer"]])
def test_a_module_of_ones_own_may_have_a_base_layer(targets):
    model = nn.Sequential(nn.Sequential(Wrapper()), nn.Tanh()).eval()
    assert inject(model, targets, 2, 4) == ["0.0.base_layer"]
    assert not any(module.training for module in model.modules())
    inject(model, targets, 2, 4, name="again")
    with_peft = nn.Sequential(get_peft_model(nn.Sequential(nn.Linear(4, 4)), LoraConfig(
        target_modules=["0"])), nn.Linear(4, 4))
    assert inject(with_peft, "all-linear", 2, 4) == ["1"]
