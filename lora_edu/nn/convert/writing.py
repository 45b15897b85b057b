"""Write an adapter in the layout of one tool."""

from __future__ import annotations

import json
from typing import Any

import torch
from safetensors.torch import save

from lora_edu.formats.config import AdapterConfig, as_json
from lora_edu.formats.layouts import ALPHA, CONFIG, LAYOUTS, METADATA, Layout
from lora_edu.nn.convert.reading import Pair
from lora_edu.nn.files import pefts_files


def contents(to: str, pairs: dict[str, Pair], model: str, said: dict[str, Any]) -> dict[str, bytes]:
    """{file: its bytes} of the adapter in that layout.

    model: what names begin with. said: PEFT's settings beyond s and names, which the source gives.
    """
    row = LAYOUTS[to]
    model = row.models[0] if len(row.models) == 1 else model
    write = WRITERS.get(to, _with_alphas)
    return write(row, pairs, model, _matrices(row, pairs, model), said)


def _matrices(row: Layout, pairs: dict[str, Pair], model: str) -> dict[str, torch.Tensor]:
    """A and B of all modules, by key."""
    tensors = {}
    for module, (A, B, _) in pairs.items():
        name = row.named(model, module)
        for key, matrix in ((name + row.A, A), (name + row.B, B)):
            tensors[key] = (matrix.mT if row.transposed else matrix).contiguous()
    return tensors


def _peft(row: Layout, pairs: dict[str, Pair], model: str, tensors: dict,
          said: dict[str, Any]) -> dict[str, bytes]:
    config = _config(pairs)
    return pefts_files(tensors, config) | {CONFIG: as_json(_settings(config, said)).encode()}


def _diffusers(row: Layout, pairs: dict[str, Pair], model: str, tensors: dict,
               said: dict[str, Any]) -> dict[str, bytes]:
    settings = {row.begin(model) + key: value
                for key, value in _settings(_config(pairs), said).items()}
    return {row.file: save(tensors, metadata={"format": "pt", METADATA: json.dumps(settings)})}


def _config(pairs: dict[str, Pair]) -> AdapterConfig:
    return AdapterConfig.of_layers({name: len(pair.A) for name, pair in pairs.items()},
                                   {name: pair.alpha for name, pair in pairs.items()})


def _settings(config: AdapterConfig, said: dict[str, Any]) -> dict[str, Any]:
    """PEFT's by name, without a start that the source does not give."""
    settings = config.in_peft()
    del settings["init_lora_weights"]
    return settings | said


def _with_alphas(row: Layout, pairs: dict[str, Pair], model: str, tensors: dict,
                 said: dict[str, Any]) -> dict[str, bytes]:
    """With a float32 for the α of each module."""
    alphas = {row.named(model, module) + ALPHA: torch.tensor(pair.alpha, dtype=torch.float32)
              for module, pair in pairs.items()}
    return {row.file: save(tensors | alphas)}


def _mlx(row: Layout, pairs: dict[str, Pair], model: str, tensors: dict,
         said: dict[str, Any]) -> dict[str, bytes]:
    """With one rank and one scale for all."""
    settings = {(len(pair.A), pair.alpha / len(pair.A)) for pair in pairs.values()}
    sides = {pair.A.ndim for pair in pairs.values()}
    if len(settings) > 1 or sides != {2}:
        raise ValueError("source must have one rank, one scale and no convolutions for MLX, got "
                         f"(r, s) = {sorted(settings)} and matrices with {sorted(sides)} sides")
    [(r, scale)] = settings
    # whole names as keys: the loader finds them wherever they are, and num_layers is unused
    parameters = {"rank": r, "scale": scale, "dropout": 0.0,
                  "keys": sorted(pairs)}
    config = {"fine_tune_type": "lora", "num_layers": 0, "lora_parameters": parameters}
    return {row.file: save(tensors), CONFIG: json.dumps(config, indent=2).encode()}


# Others have α in keys
WRITERS = {"peft": _peft, "diffusers": _diffusers, "mlx": _mlx}
