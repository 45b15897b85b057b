"""Calls in any order, some of which fail half-way: a failed one leaves every bit as it was."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lora_edu.nn import (
    delete_adapter,
    inject,
    load_adapter,
    lora_layers,
    merge,
    merge_and_unload,
    save_adapter,
    set_adapter,
    unload,
    unmerge,
)
from lora_edu.nn.named import LoRALayer
from tests.nn.compare import assert_unchanged, fingerprint
from tests.nn.models import net, token_ids

IDS = token_ids(2, 5)
NAMES = st.sampled_from(["a", "b", "c"])
TARGETS = st.sampled_from([["q"], ["q", "v"], ["tokens", "head"], "blocks\\.[01]\\..*"])


class Broken(BaseException):
    """What a full memory or an interrupt raises, at any layer."""


class Calls(RuleBasedStateMachine):
    """A model, and what it must compute: W0 and the sum of the active adapters, at every step."""

    @initialize()
    def start(self):
        self.model, self.folder = net().eval(), Path(tempfile.mkdtemp())
        self.base = {name: p.clone() for name, p in self.model.named_parameters()}
        self.rng = np.random.default_rng(0)

    def call(self, function, *arguments, **more):
        """Make a call; where it is refused, the model must be as it was."""
        before = fingerprint(self.model)
        try:
            function(self.model, *arguments, **more)
        except (ValueError, TypeError, FileNotFoundError):
            assert_unchanged(self.model, before)

    @rule(chosen=TARGETS, name=NAMES, r=st.integers(1, 3), both=st.booleans())
    def inject(self, chosen, name, r, both):
        self.call(inject, chosen, r, 2.0 * r, rng=self.rng, name=name,
                  start="both random" if both else None)

    @rule(names=st.lists(NAMES, max_size=2))
    def set(self, names):
        self.call(set_adapter, names)

    @rule()
    def merge(self):
        self.call(merge)

    @rule()
    def unmerge(self):
        self.call(unmerge)

    @rule(name=NAMES)
    def delete(self, name):
        self.call(delete_adapter, name)

    @rule()
    def unload(self):
        self.call(unload)

    @rule(name=NAMES)
    def save(self, name):
        self.call(save_adapter, self.folder, name)

    @rule(name=NAMES)
    def load(self, name):
        self.call(load_adapter, self.folder, name)

    @rule(call=st.sampled_from(["inject", "load", "set", "merge", "merge and unload", "delete"]),
          name=NAMES, at=st.integers(0, 3))
    def fail(self, call, name, at):
        """The same calls, stopped when they come to their layer number ``at``."""
        part = {"inject": "add_adapter", "load": "add_adapter", "set": "unmerge",
                "merge": "as_weight", "merge and unload": "as_weight", "delete": "unmerge"}[call]
        do = {"inject": lambda: inject(self.model, ["q", "v"], 2, 4, rng=self.rng, name=name),
              "load": lambda: load_adapter(self.model, self.folder, name),
              "set": lambda: set_adapter(self.model, [name]), "merge": lambda: merge(self.model),
              "merge and unload": lambda: merge_and_unload(self.model),
              "delete": lambda: delete_adapter(self.model, name)}[call]
        before, count = fingerprint(self.model), []
        kinds = {type(module) for module in self.model.modules() if isinstance(module, LoRALayer)}
        kinds |= set(LoRALayer.__subclasses__())
        with pytest.MonkeyPatch.context() as patched:
            for kind in kinds:
                whole = getattr(kind, part)

                def stops(*arguments, whole=whole, **more):
                    count.append(1)
                    if len(count) > at:
                        raise Broken
                    return whole(*arguments, **more)

                patched.setattr(kind, part, staticmethod(stops) if part == "as_weight" else stops)
            try:
                do()
            except (Broken, ValueError, FileNotFoundError):
                assert_unchanged(self.model, before)
            else:  # there were too few layers to come to the last one
                assert len(count) <= at
                if call == "merge and unload":
                    self.start()

    @invariant()
    def it_computes_the_base_and_the_active_adapters(self):
        if not hasattr(self, "model"):
            return
        plain = net().eval()
        plain.load_state_dict(self.base)
        try:
            layers = lora_layers(self.model)
        except ValueError:
            layers = {}
        with torch.no_grad():
            for path, layer in layers.items():
                weight = plain.get_submodule(path).weight
                for adapter in layer.active:
                    weight += layer.as_weight(adapter.delta())
            torch.testing.assert_close(self.model(IDS), plain(IDS), rtol=1e-4, atol=1e-4)


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)
