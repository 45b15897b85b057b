"""The tensors of an adapter's file: PEFT's names for them, and whether they fit the model."""

from __future__ import annotations

import torch
from torch import nn

from lora_edu.nn.config import AdapterConfig
from lora_edu.nn.layer import LoRAEmbedding
from lora_edu.nn.lowrank import DTYPES
from lora_edu.nn.named import LoRALayer

CONFIG = "adapter_config.json"
PREFIX = "base_model.model."  # PEFT's path to the model that an adapter belongs to


def check(tensors: dict, found: dict[str, nn.Module], config: AdapterConfig) -> None:
    """Raise ValueError unless the tensors are the A and B of the layers found, and finite."""
    shapes, bases = {}, {}
    for path, module in found.items():
        r, (key_A, key_B) = config.for_layer(path)[0], keys(path, module)
        weight = base(module).weight
        d, k = weight.T.shape if isinstance(base(module), nn.Embedding) else weight.shape
        shapes |= {key_A: (r, k), key_B: (d, r)}
        bases[f"{PREFIX}{path}.base_layer.weight"] = weight  # PEFT may add an embedding's W0
    for key in shapes.keys() - tensors.keys():
        raise ValueError(f"there must be a tensor {key!r} of shape {shapes[key]}, there is none")
    for key, tensor in tensors.items():
        if key in bases and tensor.shape == bases[key].shape:
            if not torch.equal(tensor.to(bases[key]), bases[key]):
                raise ValueError(f"{key!r} must be the model's own weight, it differs")
        elif key not in shapes:
            raise ValueError(f"there must be no tensor {key!r} (of shape {tuple(tensor.shape)}): "
                             f"{CONFIG} and the model have no place for it")
        elif tensor.shape != shapes[key]:
            raise ValueError(f"{key!r} must have shape {shapes[key]} for {CONFIG} and the model, "
                             f"got {tuple(tensor.shape)}")
        elif tensor.dtype not in DTYPES:
            raise ValueError(f"{key!r} must be of one of the dtypes {DTYPES}, got {tensor.dtype}")
        elif tensor.is_meta:
            raise ValueError(f"{key!r} must hold numbers, it is on the device meta")
        elif not tensor.isfinite().all():
            raise ValueError(f"{key!r} must be finite, got {int((~tensor.isfinite()).sum())} "
                             f"non-finite entries of {tensor.numel()}")


def keys(path: str, layer: nn.Module) -> tuple[str, str]:
    """PEFT's names for the A and the B of a layer."""
    if isinstance(layer, (nn.Embedding, LoRAEmbedding)):
        return f"{PREFIX}{path}.lora_embedding_A", f"{PREFIX}{path}.lora_embedding_B"
    return f"{PREFIX}{path}.lora_A.weight", f"{PREFIX}{path}.lora_B.weight"


def base(module: nn.Module) -> nn.Module:
    return module.base_layer if isinstance(module, LoRALayer) else module
