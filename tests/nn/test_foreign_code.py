"""Models whose code reads a layer's weight or its sides: with LoRA layers in them they compute the
same in train and eval mode, with gradients and without, merged and not."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lora_edu.nn import inject, merge, merge_and_unload
from tests.nn.compare import assert_rounding_apart

IDS = torch.arange(2, 12)[None]


class TiedByHand(nn.Module):
    """A head written out, as many small models have it."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(32, 16)

    def forward(self, ids):
        x = self.tokens(ids).view(*ids.shape, self.tokens.embedding_dim)
        return F.linear(x, self.tokens.weight)


class Tied(nn.Module):
    """An output layer that shares its weight with the embedding."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(32, 16)
        self.out = nn.Linear(16, 32, bias=False)
        self.out.weight = self.tokens.weight

    def forward(self, ids):
        return self.out(self.tokens(ids))


def encoder():
    """torch's own, which without gradients takes its layers' weights on a path of its own."""
    x = torch.randn(2, 5, 16)
    return nn.TransformerEncoderLayer(16, 2, 24, 0.0, batch_first=True), lambda model: model(x)


MODELS = {
    "tied by hand": (lambda: (TiedByHand(), lambda model: model(IDS)), ["tokens"]),
    **{f"tied, {targets}": (lambda: (Tied(), lambda model: model(IDS)), targets)
       for targets in (["tokens"], ["out"], ["tokens", "out"])},
    "encoder": (encoder, ["linear1", "linear2"]),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_that_read_a_layers_weight(name):
    torch.manual_seed(0)
    make, targets = MODELS[name]
    model, run = make()
    plain = copy.deepcopy(model)
    inject(model, targets, 2, 4, rng=np.random.default_rng(0), start="both random",
           distribution=0.3)
    want = run(model.train())
    assert not torch.allclose(want, run(plain.train()), rtol=0.01)
    want.square().sum().backward()
    assert all(p.grad.any() for p in model.parameters() if p.requires_grad)
    with torch.no_grad():
        assert_rounding_apart(run(model.eval()), want)
        merge(model)
        assert_rounding_apart(run(model), want)
        merge_and_unload(model)
        assert_rounding_apart(run(model), want)
