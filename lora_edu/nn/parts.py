"""The adapters in a model, layer by layer, ours and PEFT's, whose layers are known by their
structure."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from lora_edu.nn.layer import LoRALayer

OF_PEFTS_LAYER = ("base_layer", "lora_A", "lora_B", "scaling", "active_adapters")


@dataclass(frozen=True, eq=False)
class Part:
    """One adapter of one layer. parameters: A, B, and what DoRA and others add. weight: W0."""

    layer: str
    adapter: str
    A: nn.Parameter
    B: nn.Parameter
    parameters: list[nn.Parameter]
    weight: torch.Tensor | None
    scaling: float
    active: bool
    merged: bool

    @property
    def trains(self) -> bool:
        return any(p.requires_grad for p in self.parameters)

    @property
    def learns(self) -> bool:
        return self.active and self.trains and not self.merged


def parts_of(model: nn.Module) -> Iterator[Part]:
    """The parts of every LoRA layer, ours and PEFT's, in the order of the model."""
    for path, layer in model.named_modules():
        if isinstance(layer, LoRALayer):
            for name, pair in layer.adapters.items():
                active = name in layer.active_adapters
                yield Part(path, name, pair.lora_A, pair.lora_B, list(pair.parameters()),
                           layer.base_layer.weight, pair.scaling, active, active and layer.merged)
        elif all(hasattr(layer, attribute) for attribute in OF_PEFTS_LAYER):
            all_A = {**layer.lora_A, **layer.lora_embedding_A}
            all_B = {**layer.lora_B, **layer.lora_embedding_B}
            on = () if layer.disable_adapters else layer.active_adapters
            for name in all_A:
                A = _parameter(all_A[name])
                B = _parameter(all_B[name])
                parameters = [p for key, p in layer.named_parameters()  # lora_A.NAME.weight
                              if key.startswith("lora_") and key.split(".")[1] == name]
                weight = getattr(layer.get_base_layer(), "weight", None)
                yield Part(path, name, A, B, parameters, weight, layer.scaling[name], name in on,
                           name in layer.merged_adapters)


def _parameter(matrix: nn.Module | nn.Parameter) -> nn.Parameter:
    """PEFT holds A and B as linear layers, and those of an embedding as they are."""
    return getattr(matrix, "weight", matrix)
