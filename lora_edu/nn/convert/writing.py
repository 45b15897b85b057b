"""Write an adapter in the layout of one tool."""

from __future__ import annotations

import json
from dataclasses import asdict

import torch
from safetensors.torch import save

from lora_edu import checks
from lora_edu.formats.config import CONSTANT, AdapterConfig
from lora_edu.formats.layouts import ALPHA, CONFIG, LAYOUTS, METADATA
from lora_edu.nn.convert.reading import Pair
from lora_edu.nn.files import pefts_files


def contents(to: str, pairs: dict[str, Pair], model: str) -> dict[str, bytes]:
    """{file: its bytes} of the adapter in that layout. model: what names begin with."""
    row = LAYOUTS[to]
    tensors = _matrices(to, pairs, row.models[0] if to == "peft" else model)
    if to == "kohya":
        return {row.file: save(tensors | _alphas(pairs, model))}
    if to == "mlx":
        return {row.file: save(tensors), CONFIG: _mlx_config(pairs)}
    config = AdapterConfig.of_layers({name: len(pair.A) for name, pair in pairs.items()},
                                     {name: pair.alpha for name, pair in pairs.items()})
    if to == "peft":
        return pefts_files(tensors, config)
    settings = {row.begin(model) + key: value
                for key, value in (CONSTANT | asdict(config)).items()}
    return {row.file: save(tensors, metadata={"format": "pt", METADATA: json.dumps(settings)})}


def _matrices(to: str, pairs: dict[str, Pair], model: str) -> dict[str, torch.Tensor]:
    """A and B of all modules, by key."""
    row = LAYOUTS[to]
    tensors = {}
    for module, (A, B, _) in pairs.items():
        name = row.name(model, module)
        for key, matrix in ((name + row.A, A), (name + row.B, B)):
            tensors[key] = (matrix.mT if to == "mlx" else matrix).contiguous()
    return tensors


def _alphas(pairs: dict[str, Pair], model: str) -> dict[str, torch.Tensor]:
    """kohya's α of all modules, by key."""
    row = LAYOUTS["kohya"]
    float32 = torch.finfo(torch.float32)
    tensors = {}
    for module, pair in pairs.items():
        alpha = checks.number(f"alpha of {module!r}, a float32 in kohya's layout,", pair.alpha,
                              minimum=float32.tiny, below=float32.max)
        tensors[row.name(model, module) + ALPHA] = torch.tensor(alpha, dtype=torch.float32)
    return tensors


def _mlx_config(pairs: dict[str, Pair]) -> bytes:
    """MLX's settings: one rank and one scale for all."""
    settings = {(len(pair.A), pair.alpha / len(pair.A)) for pair in pairs.values()}
    sides = {pair.A.ndim for pair in pairs.values()}
    if len(settings) > 1 or sides != {2}:
        raise ValueError("MLX has one rank and one scale for all modules, and no convolutions, got "
                         f"(r, s) = {sorted(settings)} and matrices with {sorted(sides)} sides")
    [(r, scale)] = settings
    # whole names as keys: the loader finds them wherever they are, and num_layers is unused
    parameters = {"rank": r, "scale": checks.number("scale", scale, above=0.0), "dropout": 0.0,
                  "keys": sorted(pairs)}
    config = {"fine_tune_type": "lora", "num_layers": 0, "lora_parameters": parameters}
    return json.dumps(config, indent=2).encode()
