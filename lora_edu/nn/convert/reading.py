"""The adapter in a LoRA file as pairs of matrices: what is not plain LoRA, or not said, is refused.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import torch

from lora_edu import checks
from lora_edu.formats import lora_file, tensors
from lora_edu.formats.config import (
    INIT_LORA_WEIGHTS,
    AdapterConfig,
    beyond_plain,
    check_keeps_base,
    whole,
)
from lora_edu.formats.layouts import DIGEST, LAYOUTS, WEIGHTS, Layout, is_embedding, model_in
from lora_edu.formats.lora_file import OTHER_RANK, UNUSABLE, LoraFile, Module
from lora_edu.nn.files import as_torch, naming
from lora_edu.nn.low_rank import check_finite

FLOAT8 = (torch.float8_e4m3fn, torch.float8_e5m2)


class Pair(NamedTuple):
    """A (r, k) and B (d, r), with two more sides for a convolution, and α, for s = α/r."""

    A: torch.Tensor
    B: torch.Tensor
    alpha: float | None


class Adapter(NamedTuple):
    """What a source holds for one model.

    model: how the source calls it. pairs: by the modules' names. config: PEFT's settings, where the
    source has them. fan_in_fan_out: whether the base keeps its weights transposed. files: what was
    read. said: PEFT's settings beyond s and names, as far as the source gives them.
    """

    layout: Layout
    model: str
    pairs: dict[str, Pair]
    config: AdapterConfig | None
    fan_in_fan_out: bool
    files: tuple[Path, ...]
    said: dict[str, Any]


def read(source: Path, only: str | None = None, lora_only: bool = False) -> Adapter:
    """The adapter in a file or folder; of one for several models that for ``only``.

    lora_only: whether tensors that are no LoRA are left aside.
    """
    file = lora_file.read(source, models=() if only is None else (only,))
    if file.whole and not lora_only:
        raise ValueError(f"all tensors must belong to plain LoRA in {file.layout.name}'s layout, "
                         f"got {next(iter(file.whole))!r} and {len(file.whole) - 1} more that were "
                         "trained in full or have unknown names; lora_only=True (--lora-only) "
                         "skips them")
    model = _model(file, only)
    with naming(file.files[-1]):
        config = _config(file, model)
    modules = [module for module in file.modules.values() if module.model == model]
    pairs = {module.layer: _pair(file, module) for module in modules}
    if config is not None:
        for name in pairs:
            _check_one_alpha(config, name)
    fan_in_fan_out = bool(file.settings.values.get("fan_in_fan_out"))
    return Adapter(file.layout, model, pairs, config, fan_in_fan_out, file.files, _said(file))


def _model(file: LoraFile, only: str | None) -> str:
    """The one of the models in a file that is to be converted."""
    row = file.layout
    models = dict.fromkeys(module.model for module in file.modules.values())
    is_told = "" in row.models or only == "" or model_in(file.modules)
    if "" in models and not is_told:
        name = next(module.layer for module in file.modules.values() if not module.model)
        known = row.models or LAYOUTS["diffusers"].models
        raise ValueError(f"{name!r} must begin with the model that it belongs to, one of "
                         f"{', '.join(known)}; pass only='' (--only '') if the keys begin with the "
                         "names of modules, as save_lora_adapter writes them")
    if only is None and len(models) == 1:
        [model] = models
        return model
    return checks.choice("only", only, models)


def _config(file: LoraFile, model: str) -> AdapterConfig | None:
    """PEFT's settings of a model, of plain LoRA."""
    if file.fault:
        raise ValueError(file.fault)
    config = file.settings.configs.get(model)
    if config is None:
        return None
    check_keeps_base(file.settings.values)
    for key, value in beyond_plain(file.settings.values).items():
        raise ValueError(f"{key} must be off, because it has no counterpart here, got {value!r}")
    if file.metadata.get(DIGEST) not in (None, config.digest()):  # PEFT writes no digest
        raise ValueError(f"this must contain the settings that {WEIGHTS} was saved with, but it "
                         "contains different ones")
    return config


def _said(file: LoraFile) -> dict[str, Any]:
    """PEFT's settings beyond s and names: how A and B began, where the file or its tool says so."""
    start = file.settings.values.get("init_lora_weights")
    if start not in [*INIT_LORA_WEIGHTS]:
        start = {"kaiming_uniform": True, "peft_gaussian": "gaussian"}.get(file.start)
    return {} if start is None else {"init_lora_weights": start}


def _pair(file: LoraFile, module: Module) -> Pair:
    """A module's matrices and α, checked."""
    name = module.layer
    row = file.layout
    if "base_layer" in name.split("."):
        raise ValueError(f"{name!r} must be a name in the model, but it is one inside PEFT's "
                         "wrapper, for example of a MultiheadAttention")
    kind = "an embedding's adapter" if module.is_embedding else module.method
    if kind != "LoRA":
        raise ValueError(f"{name!r} must be plain LoRA in {row.name}'s layout, got {kind}")
    if row.transposed and is_embedding(name):
        raise ValueError(f"{name!r} must not be an embedding, because an embedding's adapter has "
                         "different names in PEFT")
    matrices = {side: matrix for side, matrix in (("A", module.A), ("B", module.B))
                if matrix is not None}
    for side, matrix in matrices.items():
        if matrix.dtype not in tensors.FLOATS:
            raise ValueError(f"{side} of {name!r} must have a floating dtype, got {matrix.dtype}")
    if not file.is_whole(module) or len(module.A.shape) not in (2, 4):
        raise ValueError(f"{name!r} must have A (r, k) and B (d, r), for a convolution "
                         "A (r, k, h, w) and B (d, r, 1, 1), got "
                         f"{[(side, matrix.shape) for side, matrix in matrices.items()]}")
    A, B = (_numbers(f"{side} of {name!r}", as_torch(matrix), row)
            for side, matrix in matrices.items())
    return Pair(A, B, _alpha(file, module, len(A)))


def _numbers(place: str, matrix: torch.Tensor, row: Layout) -> torch.Tensor:
    """A matrix, if it is finite; float8 as float16."""
    if matrix.dtype in FLOAT8:
        matrix = matrix.to(torch.float16)
    check_finite(place, matrix)
    return matrix.mT if row.transposed and matrix.ndim == 2 else matrix


def _alpha(file: LoraFile, module: Module, r: int) -> float | None:
    """α for s = α/r, rsLoRA folded in; None where the file does not say it."""
    scale = file.scale_of(module)
    own = module.alpha
    if own is not None:
        own = checks.number(f"alpha of {module.layer!r}", own, above=0.0)
    if scale.rule == OTHER_RANK:
        [want, _] = file.settings.configs[module.model].for_layer(module.layer)
        raise ValueError(f"{module.layer!r} must have the rank {want} of its settings, got {r}")
    if scale.rule == UNUSABLE:
        raise ValueError(f"{module.layer!r} must have an α that makes s a usable number")
    if scale.s is None or scale.rule == "α = r":
        return None
    alpha = scale.s * r if scale.rule == "α/√r" else scale.alpha
    if own is not None and not math.isclose(own, alpha, rel_tol=1e-3):
        raise ValueError(f"{module.layer!r} must have one α, got {own:g} from its key and "
                         f"{alpha:g} from the settings")
    return whole(alpha)


def _check_one_alpha(config: AdapterConfig, name: str) -> None:
    """Raise ValueError where patterns with two values match: PEFT's files have lost their order."""
    values = config.alpha_pattern.matching(name)
    if len(set(values.values())) > 1:
        raise ValueError(f"alpha_pattern must have one value for {name!r}, got {values}; keep the "
                         "one that came first in training (PEFT's file does not record which)")
