"""Read a LoRA file of any layout: which layout it is, and the A, B and α of each module."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import torch

from lora_edu import checks
from lora_edu.adapter import scaling
from lora_edu.formats.config import AdapterConfig, whole
from lora_edu.formats.layouts import (
    ALPHA,
    CONFIG,
    LAYOUTS,
    METADATA,
    UNKNOWN,
    WEIGHTS,
    diffusers_settings,
    fit,
    is_embedding,
    layout_of,
    located,
    mlx_scales,
    split_key,
)
from lora_edu.nn.files import naming, read_folder, read_tensors
from lora_edu.nn.low_rank import DTYPES

FLOAT8 = (torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz)


class Pair(NamedTuple):
    """A (r, k) and B (d, r), with two more sides for a convolution, and α, for s = α/r."""

    A: torch.Tensor
    B: torch.Tensor
    alpha: float | None


class Adapter(NamedTuple):
    """What a source holds for one model.

    model: how the source calls it. pairs: by the modules' names. config: PEFT's settings, where the
    source has them. files: what was read.
    """

    layout: str
    model: str
    pairs: dict[str, Pair]
    config: AdapterConfig | None
    files: tuple[Path, ...]


def read(source: Path, only: str | None = None) -> Adapter:
    """The adapter in a file or folder; of one for several models that for ``only``."""
    layout, file = located(source)
    config = None
    metadata = {}
    if layout == "peft":
        config, tensors = read_folder(file.parent)
    else:
        tensors, metadata = read_tensors(file)
        layout = layout or _layout_of(tensors, metadata, file)

    models = _models(tensors, layout, only)
    if not models:
        raise ValueError(f"source must hold the matrices of an adapter, {str(file)!r} has none")
    if only is None and len(models) == 1:
        [model] = models
    else:
        model = checks.choice("only", only, models)

    pairs = models[model]
    files = (file,)
    if METADATA in metadata:
        config = _of_metadata(metadata[METADATA], model, file)
    if layout in ("peft", "mlx"):
        files = (file, file.parent / CONFIG)
    if config is not None:
        pairs = _with_settings(pairs, config)
    elif layout == "mlx":
        pairs = _with_scales(pairs, file.parent / CONFIG)
    return Adapter(layout, model, pairs, config, files)


def _layout_of(tensors: dict[str, torch.Tensor], metadata: dict[str, str], file: Path) -> str:
    """The layout of a file of any name, which is not PEFT's."""
    layout = layout_of(tensors, metadata)
    if layout == UNKNOWN and any(key.endswith(LAYOUTS["diffusers"].A) for key in tensors):
        layout = "diffusers"  # without its prefix, for which split_key asks
    if layout == UNKNOWN:
        raise ValueError("source must hold the matrices of an adapter in the layout of "
                         f"{', '.join(LAYOUTS)}, {str(file)!r} has none, its keys are "
                         f"{list(tensors)[:3] or 'none'}")
    if layout == "peft":
        raise ValueError(f"source must be the folder with PEFT's {WEIGHTS} and {CONFIG}, which "
                         f"has the α, got {str(file)!r}")
    return layout


def _models(tensors: dict[str, torch.Tensor], layout: str,
            only: str | None) -> dict[str, dict[str, Pair]]:
    """{model: {module: pair}} of a file's tensors."""
    parts = defaultdict(lambda: defaultdict(dict))
    for key, tensor in tensors.items():
        model, module, end = split_key(key, layout, only)
        if layout == "mlx" and tensor.ndim == 2:
            tensor = tensor.t()
        parts[model][module][end] = tensor
    return {model: {module: _pair(module, parts[model][module], layout)
                    for module in parts[model]} for model in parts}


def _pair(module: str, parts: dict[str, torch.Tensor], layout: str) -> Pair:
    """A module's tensors, by what their keys end in, checked."""
    row = LAYOUTS[layout]
    A = parts.get(row.A)
    B = parts.get(row.B)
    alpha = parts.get(ALPHA)
    fits = (A is not None and B is not None and A.ndim in (2, 4)
            and fit(A.shape, B.shape))
    if not fits or (alpha is not None and alpha.numel() != 1):
        raise ValueError(f"{module!r} must have A (r, k) and B (d, r), for a convolution "
                         "A (r, k, h, w) and B (d, r, 1, 1), and one α, if any, got "
                         f"{[(end, tuple(tensor.shape)) for end, tensor in parts.items()]}")
    if alpha is not None:
        alpha = whole(checks.number(f"alpha of {module!r}", alpha.item(), above=0.0))
    return Pair(_numbers(module + row.A, A), _numbers(module + row.B, B), alpha)


def _numbers(key: str, matrix: torch.Tensor) -> torch.Tensor:
    """The matrix, if it is one that :func:`load_adapter` takes; float8 as float16."""
    if matrix.dtype in FLOAT8:
        matrix = matrix.to(torch.float16)
    if matrix.dtype not in DTYPES:
        raise ValueError(f"{key!r} must have a floating dtype, got {matrix.dtype}")
    if not matrix.isfinite().all():
        raise ValueError(f"{key!r} must be finite, got {int((~matrix.isfinite()).sum())} "
                         f"non-finite entries of {matrix.numel()}")
    return matrix


def _of_metadata(text: str, model: str, file: Path) -> AdapterConfig | None:
    """The settings of one model in the metadata of diffusers' file, if they are there."""
    with naming(f"{file}, {METADATA} in its metadata"):
        settings = diffusers_settings(text)
        return AdapterConfig.from_json(json.dumps(settings[model])) if model in settings else None


def _with_settings(pairs: dict[str, Pair], config: AdapterConfig) -> dict[str, Pair]:
    """The pairs with α from PEFT's settings, rsLoRA folded in."""
    configured = {}
    for name, (A, B, own_alpha) in pairs.items():
        _check_one_alpha(config, name)
        r, alpha = config.for_layer(name)
        if r != len(A):
            raise ValueError(f"{name!r} must have the rank {r} of its settings, got {len(A)}")
        if config.use_rslora:
            alpha = scaling(r, alpha, "rslora") * r
        if own_alpha is not None and not math.isclose(own_alpha, alpha, rel_tol=1e-3):
            raise ValueError(f"{name!r} must have one α, got {own_alpha:g} from its key and "
                             f"{alpha:g} from the settings in the file's metadata")
        configured[name] = Pair(A, B, whole(alpha))
    return configured


def _check_one_alpha(config: AdapterConfig, name: str) -> None:
    """Raise ValueError where patterns with two values match: PEFT's files have lost their order."""
    values = config.alpha_pattern.matching(name)
    if len(set(values.values())) > 1:
        raise ValueError(f"alpha_pattern must have one value for {name!r}, got {values}: leave the "
                         "one that was first in training, which PEFT's file does not say")


def _with_scales(pairs: dict[str, Pair], config_file: Path) -> dict[str, Pair]:
    """MLX's pairs with α = scale·r, and None without a scale."""
    with naming(config_file):
        common, own = mlx_scales(config_file.read_text(encoding="utf-8"))
    scaled = {}
    for name, (A, B, _) in pairs.items():
        if is_embedding(name):
            raise ValueError(f"{name!r} is an embedding, whose adapter has other names in PEFT")
        scale = own.get(name, common)
        scaled[name] = Pair(A, B, None if scale is None else whole(scale * len(A)))
    return scaled
