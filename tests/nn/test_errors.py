"""Bad calls: each error names the argument, and nothing has changed. Files: test_damage.py."""

import numpy as np
import pytest
import torch
from peft import IA3Config, LoraConfig
from torch import nn

from lora_edu.nn import (
    AdapterConfig,
    LoRAEmbedding,
    LoRALinear,
    delete_adapter,
    inject,
    lora_layers,
    loraplus_groups,
    merge,
    merge_and_unload,
    save_adapter,
    set_adapter,
    unload,
    unmerge,
)
from tests.nn.compare import assert_unchanged, fingerprint
from tests.nn.models import adapted, make_layer

CONFIG = {"r": 4, "lora_alpha": 8, "target_modules": ["q"]}


class Shouting(nn.Linear):
    def forward(self, x):
        return 10 * super().forward(x)


def layer(words, error=ValueError, **bad):
    """A setting refused alike by a layer and by inject."""
    settings = {"r": 2, "alpha": 4, "name": "c"} | bad
    return [(lambda m, p: LoRALinear(p.head, **settings), error, words),
            (lambda m, p: inject(m, ["v", "tokens"], **settings), error, words)]


def base(words, kind):
    return (lambda m, p: LoRALinear(kind, 2, 4), TypeError, f"base_layer must be .*{words}")


def targets(words, targets, error=ValueError, r=2, alpha=4, **more):
    return (lambda m, p: inject(p, targets, r, alpha, **more), error, words)


def config(words, **bad):
    return (lambda m, p: inject(p, LoraConfig(**CONFIG | bad)), ValueError, words)


def field(name, value, error=ValueError):
    return (lambda m, p: AdapterConfig(**CONFIG | {name: value}), error, f"^{name}")


def whole(call):
    return (lambda m, p: call(p), ValueError, r"model must have LoRA layers .* got a Net")


def saved(change, words):
    def call(m, p):
        fresh = adapted()[0]
        change(fresh)
        save_adapter(fresh, "/nowhere/at/all")
    return (call, ValueError, words)


def set_A(model, values):
    model.blocks[0].q.adapters["default"].lora_A.data = values


MANY = [lora_layers, merge, unmerge, unload, merge_and_unload, lambda m: set_adapter(m, "default"),
        lambda m: delete_adapter(m, "default"), lambda m: loraplus_groups(m, 0.1, 4)]
BAD = [
    *layer("^r must be at least 1, got 0", r=0), *layer("^alpha must be finite", alpha=np.nan),
    *layer("^rule must be one of 'lora', 'rslora', 'none', got 'rs'", rule="rs"),
    *layer("^start must be one of .*'BA zero', got 'zeros'", start="zeros"),
    *layer("^distribution must", distribution="xavier"),
    *layer("^dropout must be finite and .* less than 1, got 1", dropout=1),
    *layer("^dtype must be a floating torch.dtype", TypeError, dtype=torch.int64),
    (lambda m, p: LoRALinear(p.head, 2, 4, matrices=(torch.ones(3, 8), torch.ones(5, 3))),
     ValueError, r"^matrices must have shapes \(2, 8\) and \(5, 2\), got \(3, 8\)"),
    *layer("^rng must be a numpy.random.Generator", TypeError, rng=np.random.RandomState),
    *layer("^name must be a string without dots", name="a.b"),
    (lambda m, p: m.blocks[0].q.add_adapter("b", 2, 4), ValueError,
     r"^name must not be .*\['default', 'b'\], .*got 'b'"),
    (lambda m, p: inject(p, ["q"], 2, lora_alpha=4), TypeError,
     "lora_alpha: unknown, .*rule, start.*AdapterConfig"),
    base("got Embedding", nn.Embedding(7, 5)), base("got Shouting", Shouting(7, 5)),
    (lambda m, p: LoRALinear(nn.Linear(7, 5, device="meta"), 2, 4), ValueError,
     "base_layer must hold its numbers"),
    (lambda m, p: LoRAEmbedding(nn.Embedding(7, 5, sparse=True), 2, 4), ValueError,
     "base_layer must be without sparse"),
    targets(r"nothing matches 'query' .*called \['tokens', 'q', 'v', 'head'\]", ["q", "query"]),
    targets("'blocks.0.act' is a torch.nn.modules.activation.Tanh", ["q", "act"], TypeError),
    targets(r"targets must be a regular expression .*'blocks\('", "blocks("),
    targets(r"exclude must leave a layer that \['q', 'v'\] chooses", ["q", "v"],
            exclude=r".*\.[qv]"),
    targets("^r, alpha, exclude, rule and dropout must be", AdapterConfig(**CONFIG), TypeError, 0),
    targets("^r, alpha, exclude, rule and dropout must be", AdapterConfig(**CONFIG), TypeError,
            None, 0),
    config("use_dora must be off", use_dora=True),
    config("init_lora_weights must be one of True, False, 'gauss", init_lora_weights="pissa"),
    config("task_type must not be one for which PEFT trains the", task_type="SEQ_CLS"),
    (lambda m, p: inject(p, IA3Config(target_modules=["q"], feedforward_modules=[])), ValueError,
     "config must be a LoraConfig, got IA3Config"),
    field("r", 0), field("lora_alpha", 0), field("target_modules", []),
    field("exclude_modules", "("), field("use_rslora", "no", TypeError),
    field("lora_dropout", 1.0), field("init_lora_weights", "pissa"),
    field("rank_pattern", [2], TypeError),
    *map(whole, MANY),
    (lambda m, p: merge(None), TypeError, "model must be a Module, got None"),
    *[(lambda m, p, call=call: call(m, "c"), ValueError,
       "name must be one of 'default', 'b', got 'c'")
      for call in (set_adapter, delete_adapter, lora_layers)],
    *[(lambda m, p, call=call: call(make_layer()), ValueError, r"model must contain .*base_layer")
      for call in (unload, merge_and_unload, lambda m: delete_adapter(m, "default"))],
    (lambda m, p: loraplus_groups(m, 0, 4), ValueError, "lr must be .*got 0"),
    (lambda m, p: loraplus_groups(m, 0.1, None), TypeError, "ratio must be .*got None"),
    (lambda m, p: save_adapter(make_layer(), "/nowhere/at/all"), ValueError,
     "model must contain the LoRA layer, not be it"),
    saved(lambda m: set_A(m, torch.full((4, 8), torch.nan)), "32 non-finite entries of 32"),
    saved(lambda m: set_A(m, torch.ones(4, 9)), r"must have shape \(4, 8\)"),
    saved(lambda m: inject(m, ["head"], 4, 8, rule="rslora"), "must agree about rsLoRA"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_a_bad_call_is_refused_by_name_and_changes_nothing(case):
    call, error, words = BAD[case]
    model, plain = adapted(targets=["q", "head"])
    inject(model, ["q"], 2, 6, name="b")
    before = fingerprint(model), fingerprint(plain)
    with pytest.raises(error, match=words):
        call(model, plain)
    assert_unchanged(model, before[0])
    assert_unchanged(plain, before[1])


def test_what_trains_nothing_has_no_groups():
    model, _ = adapted()
    set_adapter(model, [])
    with pytest.raises(ValueError, match="model must have an adapter that trains"):
        loraplus_groups(model, 0.1, 4)
