"""Save and load an adapter in PEFT's format: adapter_config.json and adapter_model.safetensors.

Imports torch, safetensors and the NumPy core. The two files are replaced together: the weights
carry a digest of the settings they were saved with, and a pair that does not belong together is
refused. So is a file that does not fit, before anything changes.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from lora_edu import _check
from lora_edu.nn.config import AdapterConfig
from lora_edu.nn.folder import locked, replace_both, second_of
from lora_edu.nn.inject import add, select
from lora_edu.nn.layer import LoRAEmbedding
from lora_edu.nn.model import lora_layers
from lora_edu.nn.named import LoRALayer

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
LARGEST_CONFIG = 2**20  # bytes
DIGEST = "lora_edu_settings"  # in the metadata of the weights
PIECE = 2**20  # numbers that are looked at together
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
PREFIX = "base_model.model."  # PEFT's path to the model that an adapter belongs to


def save_adapter(model: nn.Module, directory: str | os.PathLike, name: str = "default") -> None:
    """Write one adapter of ``model`` into ``directory``, for us and for PEFT; replaces its files.

    Both files are replaced or neither, also when the process is killed, and several processes may
    save and load at once (except on Windows, where a load that meets a save can be refused). PEFT
    has no rule "none": s = α is written as α'/r with α' = α·r.

    Raises ValueError for a name that no layer has, for layers that disagree about rsLoRA or
    dropout (the file has one value for all), for a model that is itself a LoRA layer, and for an
    adapter that :func:`load_adapter` would refuse (not finite, of another shape or dtype). Then the
    files are as they were.
    """
    layers = lora_layers(model, _check.instance("name", name, str))
    if "" in layers:
        raise ValueError("model must contain the LoRA layer, not be it: the file needs its name")
    adapters = {path: layer.adapters[name] for path, layer in layers.items()}
    config = AdapterConfig.of(model, adapters)
    tensors = {key: matrix.detach().contiguous() for path, adapter in adapters.items()
               for key, matrix in zip(_keys(path, layers[path]), (adapter.lora_A, adapter.lora_B),
                                      strict=True)}
    _check_tensors(tensors, layers, config)
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)

    def write(path: Path) -> None:
        save_file(tensors, path, metadata={"format": "pt", DIGEST: config.digest()})
        _sort_metadata(path)

    replace_both(directory, WEIGHTS, write, CONFIG, config.to_json(),
                 lambda text: _belongs(_digest(directory / WEIGHTS), text))


def load_adapter(model: nn.Module, directory: str | os.PathLike,
                 name: str = "default") -> list[str]:
    """Add the adapter in ``directory``, ours or PEFT's, to ``model``; return its layers' names.

    ``name``: what to call it here. As after :func:`lora_edu.nn.inject`, it is the active adapter
    and the only thing that trains. A and B have the file's dtype or the base's, the wider one, but
    no narrower than float32: no bit is lost, and they can train.

    Raises FileNotFoundError for a missing file, and ValueError for a name that is taken and for a
    file that is damaged, does not fit the model, does not belong to the other file, or asks for
    more than plain LoRA (DoRA, trained biases, a start that changes W0, …); the message names the
    file. Then the model is as it was.
    """
    _check.instance("model", model, nn.Module)
    directory = Path(directory)
    config_file, weights_file = directory / CONFIG, directory / WEIGHTS
    for file in (config_file, weights_file):
        if file.exists() and not file.is_file():
            raise ValueError(f"{file}: this must be a file")
    with locked(directory, to_write=False) if directory.is_dir() else nullcontext():
        with _in(weights_file):
            digest, tensors = _digest(weights_file), load_file(weights_file)
        with _in(config_file):
            text = second_of(directory, CONFIG, partial(_belongs, digest), _read)
            config = AdapterConfig.from_json(text)
            if not _belongs(digest, text):
                raise ValueError(f"these are not the settings that {WEIGHTS} was saved with")
    with _in(config_file):
        found = select(model, config.target_modules, config.exclude_modules)
        if not found:
            raise ValueError("target_modules must match layers of the model, nothing matches "
                             f"{config.target_modules!r}")
    with _in(weights_file):
        _check_tensors(tensors, found, config)
    for module in model.modules():
        if isinstance(module, LoRALayer):
            module.check_new_name(name)
    add(model, found, name, partial(_settings, found, config, tensors))
    return list(found)


def _sort_metadata(path: Path) -> None:
    """safetensors writes its metadata in any order; the same adapter shall give the same bytes."""
    with open(path, "r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode().ljust(size)
        if len(text) == size:
            file.seek(8)
            file.write(text)


def _settings(found: dict[str, nn.Module], config: AdapterConfig, tensors: dict, path: str) -> dict:
    """The arguments of ``add_adapter`` for one layer; its A and B leave ``tensors``."""
    A, B = (tensors.pop(key) for key in _keys(path, found[path]))
    r, alpha = config.for_layer(path)
    return {"r": r, "alpha": alpha, "rule": config.rule, "dropout": config.lora_dropout,
            "matrices": (A, B),
            "dtype": torch.promote_types(torch.promote_types(A.dtype, torch.float32),
                                         _base(found[path]).weight.dtype)}


def _digest(weights_file: Path) -> str | None:
    """That of the settings with which weights were saved; None for PEFT's."""
    with safe_open(weights_file, "pt") as file:
        return (file.metadata() or {}).get(DIGEST)


def _belongs(digest: str | None, text: str) -> bool:
    """Whether settings are those that a digest was made of; PEFT's files have no digest."""
    try:
        return digest is None or AdapterConfig.from_json(text).digest() == digest
    except (TypeError, ValueError):
        return True  # what is wrong with it is said when it is read


def _read(file: Path) -> str:
    size = file.stat().st_size
    if size > LARGEST_CONFIG:
        raise ValueError(f"a config must have at most {LARGEST_CONFIG:,} bytes, got {size:,}")
    return file.read_text(encoding="utf-8")


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
        elif not all(part.isfinite().all() for part in tensor.reshape(-1).split(PIECE)):
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
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{file}: there is no such file") from error
    except (OSError, TypeError, ValueError, SafetensorError) as error:
        raise ValueError(f"{file}: {error}") from error
