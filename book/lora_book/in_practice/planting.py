"""The type of a planted fault, and the tiny models that faults are planted in."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from peft import LoraConfig, get_peft_model

from lora_book.in_practice.tiny import TinyChat, batch
from lora_edu.nn import inject

TARGETS = ["q", "v"]


@dataclass(frozen=True)
class Fault:
    """finding: the name of what the doctor reports. seen: what the user sees.

    plant() returns the arguments for ``doctor``; plant(mended=True) the same after the remedy.
    thread: where users met it, below https://github.com/, if that is known.
    """

    finding: str
    seen: str
    plant: Callable[..., dict]
    thread: str = ""


def fault(listed: list[Fault], finding: str, seen: str, thread: str = ""):
    """List a function that plants a fault."""
    def decorate(plant):
        listed.append(Fault(finding, seen, plant, thread))
        return plant
    return decorate


def ours(start: str = "both random", targets=TARGETS, model: TinyChat | None = None, **settings):
    """A tiny model with an adapter of ours that does something, as after some training."""
    model = TinyChat() if model is None else model
    settings = {"r": 4, "alpha": 8} | settings
    inject(model, targets, start=start, rng=torch.Generator().manual_seed(1), **settings)
    return model


def pefts(targets=TARGETS, model: TinyChat | None = None, **settings):
    """A tiny model with an adapter of PEFT's."""
    torch.manual_seed(1)
    model = TinyChat() if model is None else model
    settings = {"r": 4, "lora_alpha": 8, "target_modules": targets} | settings
    return get_peft_model(model, LoraConfig(**settings))


def trained(model) -> list:
    """The parameters that train."""
    return [p for p in model.parameters() if p.requires_grad]


def adam(parameters, lr=1e-3):
    """AdamW."""
    return torch.optim.AdamW(parameters, lr=lr)


def answer(model) -> torch.Tensor:
    """The logits for the batch."""
    with torch.no_grad():
        return model(batch()["input_ids"]).logits
