"""Tests of the adapters as they hang in the model: there, active, free to train, on their own base.

Imports torch, and the siblings anatomy and findings. Every test takes a case and yields findings;
its docstring says what holds where it finds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from lora_edu.nn.diagnosis.anatomy import Case, is_lora, layers, needs, short, words
from lora_edu.nn.diagnosis.findings import Finding
from lora_edu.nn.targets import matches


@needs("training")
def has_adapter(case: Case) -> Iterator[Finding]:
    """the model has LoRA layers"""
    if not case.parts:
        yield Finding(
            name="no-adapter", severity="error",
            symptom="the model has no LoRA layer of PEFT or lora_edu: nothing of LoRA trains",
            cause="the adapter went into another copy of the model, its result was not kept, or "
                  "merge_and_unload or unload has taken it out",
            remedy="train the model that get_peft_model returns, or that inject was called on")


@needs("training")
def trains(case: Case) -> Iterator[Finding]:
    """the adapter that trains is the one that is active"""
    learning = [part for part in case.parts if part.trains]
    if not case.parts:
        return
    if not learning:
        loaded = any(settings.get("inference_mode") for settings in case.settings.values())
        yield Finding(
            name="frozen", severity="error", where=layers(case.parts),
            symptom="no number of any adapter trains: requires_grad is off in all",
            cause="PeftModel.from_pretrained loads an adapter to be used, not trained" if loaded
                  else "requires_grad_(False) was called after the adapter was put in",
            remedy="load with is_trainable=True" if loaded else
                   "freeze first and put the adapter in then, or call set_adapter again")
        return
    idle = [part for part in learning if not part.active]
    if idle:
        active = dict.fromkeys(part.adapter for part in case.parts if part.active)
        yield Finding(
            name="inactive", severity="warning" if len(idle) < len(learning) else "error",
            symptom=f"{words(part.adapter for part in idle)} would train, but what counts in the "
                    f"output is {words(active) if active else 'no adapter'}",
            cause="another adapter was set or loaded, the adapters were disabled, or requires_grad "
                  "was set by hand",
            remedy="call set_adapter with the name that is to train", where=layers(idle))


@needs("training")
def merged(case: Case) -> Iterator[Finding]:
    """no adapter is merged while it trains"""
    parts = [part for part in case.parts if part.merged]
    if parts:
        yield Finding(
            name="merged", severity="error", where=layers(parts),
            symptom="the adapter is merged into the weight: A and B get no gradient",
            cause="merge_adapter (lora_edu: merge) was called for an evaluation and not undone",
            remedy="call unmerge_adapter (lora_edu: unmerge) before training goes on")


@needs("training")
def base_frozen(case: Case) -> Iterator[Finding]:
    """the weights under the adapters and running statistics are frozen"""
    parts = [part for part in case.parts
             if isinstance(part.weight, nn.Parameter) and part.weight.requires_grad]
    if parts:
        yield Finding(
            name="base-trains", severity="warning", where=layers(parts),
            symptom="W0 trains as well: the saved adapter alone will not be the trained model",
            cause="requires_grad_(True) was called on the model after the adapter was put in",
            remedy="call requires_grad_(False) on the base's layers, or save all weights")
    moving = tuple(name for name, module in case.model.named_modules()
                   if module.training and getattr(module, "track_running_stats", False))
    if moving:
        yield Finding(
            name="base-trains", severity="warning", where=moving,
            symptom="running statistics move: the adapter alone will not be the trained model",
            cause="a BatchNorm in train mode gathers them, frozen too, and no file has them",
            remedy="call eval() on these modules for as long as the adapter trains")


def not_nested(case: Case) -> Iterator[Finding]:
    """no adapter sits on an adapter"""
    modules = dict(case.model.named_modules())
    wrapped = [name for name, module in modules.items() if is_lora(module)
               and not hasattr(module, "parameter_name")  # PEFT stacks those of bare parameters
               and any(is_lora(below) for below in _own(module))]
    wrappers = [name for name, module in modules.items() if hasattr(module, "peft_config")
                and hasattr(type(module), "get_base_model")]
    inner = [name for name in wrappers  # side by side, as of an encoder and a decoder, is well
             if any(not outer or name.startswith(outer + ".") for outer in wrappers
                    if outer != name)]
    if wrapped or inner:
        yield Finding(
            name="nested", severity="error", where=tuple(wrapped or inner),
            symptom="a model with adapters was wrapped again: there are LoRA layers on LoRA layers"
                    if wrapped else "a PeftModel was wrapped again: where the new adapter has the "
                                    "same name and layer, what was learned is gone",
            cause="get_peft_model or inject ran on a model that had an adapter, as happens when a "
                  "notebook's cell runs twice",
            remedy="load the base again (or unload); for a second adapter call add_adapter or, "
                   "with lora_edu, inject with another name")


def targets_found(case: Case) -> Iterator[Finding]:
    """each name in target_modules has found a layer"""
    for adapter, settings in case.settings.items():
        targets = settings.get("target_modules") or ()
        names = [short(part.layer) for part in case.parts if part.adapter == adapter]
        missed = [] if isinstance(targets, str) else [
            target for target in sorted(targets) if not any(matches(name, [target])
                                                            for name in names)]
        if missed:
            yield Finding(
                name="target-missed", severity="warning",
                symptom=f"target_modules names {words(missed)}, and no layer with an adapter is "
                        "called so",
                cause="the name is another architecture's, is misspelt, or is excluded; PEFT "
                      "refuses only a list of which nothing matches",
                remedy="compare with model.named_modules(); or target_modules=\"all-linear\"")


def tied(case: Case) -> Iterator[Finding]:
    """no adapted weight is shared with another layer"""
    places: dict[int, list[str]] = {}
    for name, p in case.model.named_parameters(remove_duplicate=False):
        places.setdefault(id(p), []).append(name)
    parts = [part for part in case.parts if part.active and part.weight is not None
             and len(places.get(id(part.weight), ())) > 1]
    if parts:
        yield Finding(
            name="tied", severity="warning", where=layers(parts),
            symptom="the weight under the adapter is also another layer's (tied embeddings): "
                    "merged in place it changes both, and the adapter acted on one",
            cause="target_modules contains an embedding or an output head of a model that ties "
                  "them",
            remedy="leave it out, or do not merge; in PEFT see ensure_weight_tying")


def same_base(case: Case) -> Iterator[Finding]:
    """the base is called what the adapter's settings call it"""
    names = [vars(module).get("name_or_path") for module in case.model.modules()]
    have = next((name for name in names if name and isinstance(name, str)), None)
    for settings in case.settings.values():
        want = settings.get("base_model_name_or_path")
        if have and want and have != want:
            yield Finding(
                name="base-name", severity="warning",
                symptom=f"the adapter was made for the base {want!r}, this one is {have!r}",
                cause="an instruct model in place of its base, a newer revision, or a base that "
                      "has the adapter merged in: equal shapes load without complaint",
                remedy="load the named base; if both are the same weights, all is well: compare "
                       "outputs (reference=…), for names prove nothing")
            return


def _own(layer: nn.Module) -> Iterator[nn.Module]:
    """What a LoRA layer is made of: its base, and the modules of its adapters."""
    yield layer.base_layer
    for name, child in layer.named_children():
        if name != "base_layer":
            yield from child.modules()


TESTS = (has_adapter, trains, merged, base_frozen, not_nested, targets_found, tied, same_base)
