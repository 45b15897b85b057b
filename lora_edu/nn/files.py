"""Save and load an adapter in PEFT's format: adapter_config.json and adapter_model.safetensors.

Imports torch, safetensors and the NumPy core. A file is written under another name and then
renamed, so it is never there by half. A file that does not fit is refused before anything changes.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from lora_edu.nn.config import AdapterConfig
from lora_edu.nn.inject import adapt, select, train_only
from lora_edu.nn.layer import LoRAEmbedding
from lora_edu.nn.model import lora_layers
from lora_edu.nn.named import LoRALayer

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
PREFIX = "base_model.model."  # PEFT's path to the model that an adapter belongs to


def save_adapter(model: nn.Module, directory: str | os.PathLike, name: str = "default") -> None:
    """Write one adapter of ``model`` into ``directory``, for us and for PEFT; replaces its files.

    PEFT has no rule "none": s = α is written as α'/r with α' = α·r.

    Raises ValueError for a name that no layer has, for layers that disagree about rsLoRA or
    dropout (the file has one value for all), and for a model that is itself a LoRA layer.
    """
    layers = lora_layers(model, name)
    if "" in layers:
        raise ValueError("model must contain the LoRA layer, not be it: the file needs its name")
    adapters = {path: layer.adapters[name] for path, layer in layers.items()}
    config = AdapterConfig.of(model, adapters)
    tensors = {}
    for path, adapter in adapters.items():
        key_A, key_B = _keys(path, layers[path])
        tensors[key_A] = adapter.lora_A.detach().contiguous()
        tensors[key_B] = adapter.lora_B.detach().contiguous()
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    _write({directory / WEIGHTS: save(tensors, metadata={"format": "pt"}),
            directory / CONFIG: config.to_json().encode()})


def load_adapter(model: nn.Module, directory: str | os.PathLike,
                 name: str = "default") -> list[str]:
    """Add the adapter in ``directory``, ours or PEFT's, to ``model``; return its layers' names.

    ``name``: what to call it here. As after :func:`lora_edu.nn.inject`, it is the active adapter
    and the only thing that trains. A and B have the file's dtype or the base's, the wider one, but
    no narrower than float32: no bit is lost, and they can train.

    Raises FileNotFoundError for a missing file, and ValueError for a name that is taken and for a
    file that is damaged, does not fit the model, or asks for more than plain LoRA (DoRA, trained
    biases, a start that changes W0, …); the message names the file. Then the model is as it was.
    """
    config_file, weights_file = Path(directory) / CONFIG, Path(directory) / WEIGHTS
    with _in(config_file):
        config = AdapterConfig.from_json(config_file.read_text(encoding="utf-8"))
        found = select(model, config.target_modules, config.exclude_modules)
        if not found:
            raise ValueError("target_modules must match layers of the model, nothing matches "
                             f"{config.target_modules!r}")
    with _in(weights_file):
        tensors = load_file(weights_file)
        _check_tensors(tensors, found, config)
    for module in model.modules():
        if isinstance(module, LoRALayer):
            module.check_new_name(name)
    for path, module in found.items():
        A, B = (tensors[key] for key in _keys(path, module))
        wide = torch.promote_types(A.dtype, torch.float32)
        layer = adapt(model, module, name, *config.for_layer(path), rule=config.rule,
                      dropout=config.lora_dropout, start="both zero", rng=np.random.default_rng(0),
                      dtype=torch.promote_types(wide, _base(module).weight.dtype))
        with torch.no_grad():
            layer.adapters[name].lora_A.copy_(A)
            layer.adapters[name].lora_B.copy_(B)
    train_only(model, name)
    return list(found)


def _check_tensors(tensors: dict, found: dict[str, nn.Module], config: AdapterConfig) -> None:
    """Raise ValueError unless the tensors are the A and B of the layers found, and finite."""
    shapes, bases = {}, {}
    for path, module in found.items():
        r, (key_A, key_B) = config.for_layer(path)[0], _keys(path, module)
        weight = _base(module).weight
        d, k = weight.T.shape if isinstance(_base(module), nn.Embedding) else weight.shape
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
        elif not tensor.isfinite().all():
            raise ValueError(f"{key!r} must be finite, got {int((~tensor.isfinite()).sum())} "
                             f"non-finite entries of {tensor.numel()}")


def _keys(path: str, layer: nn.Module) -> tuple[str, str]:
    """PEFT's names for the A and the B of a layer."""
    if isinstance(layer, (nn.Embedding, LoRAEmbedding)):
        return f"{PREFIX}{path}.lora_embedding_A", f"{PREFIX}{path}.lora_embedding_B"
    return f"{PREFIX}{path}.lora_A.weight", f"{PREFIX}{path}.lora_B.weight"


def _base(module: nn.Module) -> nn.Module:
    return module.base_layer if isinstance(module, LoRALayer) else module


@contextmanager
def _in(file: Path):
    """Say in which file it was that something did not fit."""
    try:
        yield
    except (TypeError, ValueError, SafetensorError) as error:
        raise ValueError(f"{file}: {error}") from error


def _write(contents: dict[Path, bytes]) -> None:
    """Write files so that each holds its old contents or all of its new ones, at any moment."""
    temporary = {file: file.with_name(f".{file.name}.{os.getpid()}") for file in contents}
    try:
        for file, data in contents.items():
            with open(temporary[file], "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
        for file in contents:
            os.replace(temporary[file], file)
    finally:
        for leftover in temporary.values():
            leftover.unlink(missing_ok=True)
