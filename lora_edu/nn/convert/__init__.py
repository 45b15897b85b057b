"""The layouts of LoRA files: PEFT's, kohya's, diffusers' and MLX's, and from one to another.

Bits stay: A and B are renamed, and for MLX transposed. What is not plain LoRA is refused by its
key, and what a file does not say (its α, the dots in kohya's names) is asked for, never guessed.
"""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save
from torch import nn

from lora_edu import checks
from lora_edu.adapter import scaling
from lora_edu.nn.config import CONSTANT, AdapterConfig, whole
from lora_edu.nn.files import (
    CONFIG,
    PREFIX,
    WEIGHTS,
    pefts_files,
    read_folder,
    read_tensors,
    replace_files,
)


class Layout(NamedTuple):
    """The file in a folder, what the keys of A and B end in, and what names begin with."""

    file: str
    A: str
    B: str
    prefix: str


LAYOUTS = {
    "peft": Layout(WEIGHTS, ".lora_A.weight", ".lora_B.weight", r"(base_model\.model)\."),
    "kohya": Layout("lora.safetensors", ".lora_down.weight", ".lora_up.weight",
                    r"(lora_unet|lora_te\d?)_"),
    "diffusers": Layout("pytorch_lora_weights.safetensors", ".lora_A.weight", ".lora_B.weight",
                        r"([^.]+)\."),
    "mlx": Layout("adapters.safetensors", ".lora_a", ".lora_b", "()")}
METADATA = "lora_adapter_metadata"  # in diffusers' files: PEFT's settings, each after "unet." or so
OTHER_KINDS = {"hada_": "LoHa", "lokr_": "LoKr", "lora_mid": "a convolution in three factors",
               "dora_scale": "DoRA", "magnitude": "DoRA", "embedding": "an embedding's adapter",
               "bias": "a trained bias", ".diff": "a whole difference", "oft_": "OFT"}


class Pair(NamedTuple):
    """A (r, k) and B (d, r), with two more sides for a convolution, and α, for s = α/r."""

    A: torch.Tensor
    B: torch.Tensor
    alpha: float | None


def convert(source: str | os.PathLike, to: str, out: str | os.PathLike, *,
            alpha: float | str | None = None, names: nn.Module | Iterable[str] | None = None,
            prefix: str | None = None, only: str | None = None) -> dict[str, tuple[int, float]]:
    """Write a LoRA file in the layout of another tool.

    rsLoRA is folded into α, which then is s·r. In kohya's layout α is a float32. Dropout is not
    carried over.

    Args:
        source: A folder of PEFT, MLX or diffusers, or a ``.safetensors`` of kohya or diffusers.
        to: ``"peft"``, ``"kohya"``, ``"diffusers"`` or ``"mlx"``.
        out: The folder to write.
        alpha: For modules without an α: a number, or ``"r"`` for the rank of each.
        names: From kohya's layout, which has underscores for the dots of a name: the model, or the
            names of its modules or of its weights.
        prefix: What names begin with in ``out``: for kohya ``"lora_unet"``, ``"lora_te"``,
            ``"lora_te1"`` or ``"lora_te2"``, for diffusers ``"unet"``, ``"transformer"``, ….
        only: Of a file for several models the one to convert, by its prefix there.

    Returns:
        {module's name in ``out``: (r, α)}.

    Raises:
        TypeError, ValueError: For what is not plain LoRA, for what is not said, for a module name
            that is unknown or could be two, and for MLX, where ranks or scales differ. Then nothing
            is written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from lora_edu.nn import inject, save_adapter
        >>> model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> found = inject(model, ["0", "2"], r=2, alpha=4)
        >>> with TemporaryDirectory() as folder:
        ...     save_adapter(model, folder)
        ...     convert(folder, "kohya", folder, prefix="lora_unet")
        {'lora_unet_0': (2, 4), 'lora_unet_2': (2, 4)}
    """
    checks.choice("to", to, LAYOUTS)
    layout, models = read(Path(source))
    only = checks.choice("only", only, models) if only or len(models) > 1 else next(iter(models))
    pairs = _with_alpha(models[only], alpha)
    if layout == "kohya" != to:
        pairs = _with_dots(pairs, names)
    begins = ""
    if to in ("peft", "mlx") and prefix is not None:
        raise ValueError(f"prefix must be left out for {to}, got {prefix!r}")
    if to in ("kohya", "diffusers"):
        begins = (only if prefix is None and to == layout else prefix or "") + "._"[to == "kohya"]
        if not re.fullmatch(LAYOUTS[to].prefix, begins):
            raise ValueError("prefix must be what names begin with, such as 'lora_unet' for kohya "
                             f"and 'unet' for diffusers, got {prefix!r} for {to}")
    if {layout, to} == {"peft", "mlx"} and Path(out).resolve() == _folder(Path(source)).resolve():
        raise ValueError(f"out must not be source, whose {CONFIG} would be lost, got {str(out)!r}")
    written = {begins + (name.replace(".", "_") if to == "kohya" else name): pair
               for name, pair in pairs.items()}
    if len(written) < len(pairs):
        raise ValueError("two modules would have one name in kohya's layout, with dots as "
                         f"underscores: {sorted(pairs)}")
    replace_files(Path(out), _files(to, written, begins))
    return {name: (len(pair.A), pair.alpha) for name, pair in written.items()}


def read(source: Path) -> tuple[str, dict[str, dict[str, Pair]]]:
    """(layout, {prefix: {module: pair}}) of a LoRA file or folder."""
    source = _folder(source)
    layout = next((name for name, row in LAYOUTS.items() if (source / row.file).is_file()), None)
    if layout is None and source.is_dir():
        raise ValueError("source must be a file, or a folder with one of "
                         f"{[row.file for row in LAYOUTS.values()]}, got {str(source)!r}")
    configs = {}
    if layout == "peft":
        configs[PREFIX[:-1]], tensors = read_folder(source)
    else:
        tensors, metadata = read_tensors(source / LAYOUTS[layout].file if layout else source)
        if any(key.startswith(PREFIX) for key in tensors):
            raise ValueError(f"source must be the folder with PEFT's {WEIGHTS} and {CONFIG}, which "
                             f"has the α, got {str(source)!r}")
        layout = layout or ("diffusers" if any(".lora_A." in key for key in tensors) else "kohya")
        said = json.loads(metadata.get(METADATA, "{}"))
        for begins in [key[:-1] for key in said if key.endswith(".r")]:
            configs[begins[:-1]] = AdapterConfig.from_json(json.dumps(
                {key.removeprefix(begins): value for key, value in said.items()
                 if key.startswith(begins)}))
    models = _pairs(tensors, layout)
    if not models:
        raise ValueError(f"source must hold the matrices of an adapter, {str(source)!r} has none")
    for prefix in configs.keys() & models:
        models[prefix] = _configured(models[prefix], configs[prefix])
    if layout == "mlx":
        models[""] = _scaled(models[""], json.loads((source / CONFIG).read_text(encoding="utf-8")))
    return layout, models


def _folder(source: Path) -> Path:
    """The folder, where source is the file of a layout whose settings lie beside it."""
    return source.parent if source.name in (WEIGHTS, LAYOUTS["mlx"].file) else source


def _pairs(tensors: dict[str, torch.Tensor], layout: str) -> dict[str, dict[str, Pair]]:
    """{prefix: {module: pair}}; ValueError for a key that is not plain LoRA's."""
    row, found = LAYOUTS[layout], defaultdict(lambda: defaultdict(dict))
    key_of = re.compile(f"{row.prefix}(.+)({re.escape(row.A)}|{re.escape(row.B)}|\\.alpha)")
    for key, tensor in tensors.items():
        match = key_of.fullmatch(key)
        if match is None:
            kind = next((kind for part, kind in OTHER_KINDS.items() if part in key), "unknown here")
            raise ValueError(f"{key!r} is not of plain LoRA in the layout of {layout}: {kind}")
        prefix, module, part = match.groups()
        found[prefix][module][part] = tensor.t() if layout == "mlx" and tensor.ndim == 2 else tensor
    for modules in found.values():
        for module, parts in modules.items():
            A, B, alpha = (parts.get(part) for part in (row.A, row.B, ".alpha"))
            sides = [matrix.ndim for matrix in (A, B) if matrix is not None]
            fits = sides in ([2, 2], [4, 4]) and 0 < len(A) == B.shape[1]
            if not fits or (alpha is not None and alpha.numel() != 1):
                raise ValueError(f"{module!r} must have A (r, k), B (d, r) and one α, if any, got "
                                 f"{[(part, tuple(t.shape)) for part, t in parts.items()]}")
            modules[module] = Pair(A, B, None if alpha is None else whole(
                checks.number(f"alpha of {module!r}", alpha.item(), above=0.0)))
    return found


def _configured(pairs: dict[str, Pair], config: AdapterConfig) -> dict[str, Pair]:
    """The pairs with α from PEFT's settings, rsLoRA folded in."""
    for name, (A, B, _) in pairs.items():
        r, alpha = config.for_layer(name)
        if r != len(A):
            raise ValueError(f"{name!r} must have the rank {r} of its settings, got {len(A)}")
        folded = scaling(r, alpha, "rslora") * r if config.use_rslora else alpha
        pairs[name] = Pair(A, B, whole(folded))
    return pairs


def _scaled(pairs: dict[str, Pair], config: dict) -> dict[str, Pair]:
    """MLX's pairs with α = scale·r. Unsloth's scales of single modules count, where there are."""
    if config.get("fine_tune_type", "lora") != "lora":
        raise ValueError(f"fine_tune_type must be 'lora', got {config['fine_tune_type']!r}")
    common = (config.get("lora_parameters") or {}).get("scale")
    for name, (A, B, _) in pairs.items():
        if "embed" in name.rpartition(".")[2]:
            raise ValueError(f"{name!r} is an embedding, whose adapter has other names in PEFT")
        scale = config.get("unsloth_mlx_lora_module_scales", {}).get(name, common)
        pairs[name] = Pair(A, B, None if scale is None else whole(scale * len(A)))
    return pairs


def _with_alpha(pairs: dict[str, Pair], alpha: float | str | None) -> dict[str, Pair]:
    """The pairs, with ``alpha`` where the file has none."""
    without = [name for name, pair in pairs.items() if pair.alpha is None]
    if without and alpha is None:
        raise ValueError(
            f"alpha must be given, the file has none for {len(without)} of {len(pairs)} modules, "
            f"such as {without[0]!r}: kohya and diffusers would take the rank of each, for which "
            "say alpha='r'; else give the number it was trained with")
    if alpha is not None and not without:
        raise ValueError(f"alpha must be left out, every module has its own, got {alpha!r}")
    if alpha not in (None, "r"):
        checks.number("alpha", alpha, above=0.0)
    return {name: pair if pair.alpha is not None else pair._replace(
        alpha=len(pair.A) if alpha == "r" else whole(alpha)) for name, pair in pairs.items()}


def _with_dots(pairs: dict[str, Pair], names) -> dict[str, Pair]:
    """The pairs under the names whose dots kohya wrote as underscores."""
    if names is None:
        raise ValueError("names must be given, the model or the names of its modules: kohya writes "
                         f"dots as underscores, as in {next(iter(pairs))!r}")
    if isinstance(names, nn.Module):
        names = [name for name, _ in names.named_modules()]
    dotted = defaultdict(set)
    for name in (name.removesuffix(".weight") for name in names):
        dotted[name.replace(".", "_")].add(name)
    for flat in pairs:
        if len(dotted[flat]) != 1:
            raise ValueError(f"names must have one that is {flat!r} with underscores for dots, got "
                             f"{sorted(dotted[flat]) or 'none'}")
    return {next(iter(dotted[flat])): pair for flat, pair in pairs.items()}


def _files(to: str, pairs: dict[str, Pair], begins: str) -> dict[str, bytes]:
    """What is to be written, by file. begins: what the names of diffusers begin with."""
    row, sides = LAYOUTS[to], {pair.A.ndim for pair in pairs.values()}
    settings = {(len(pair.A), pair.alpha / len(pair.A)) for pair in pairs.values()}
    if to == "mlx" and (len(settings) > 1 or sides != {2}):
        raise ValueError("MLX has one rank and one scale for all modules, and no convolutions, got "
                         f"(r, s) = {sorted(settings)} and matrices with {sorted(sides)} sides")
    tensors = {(PREFIX if to == "peft" else "") + name + end:
               (matrix.t() if to == "mlx" else matrix).contiguous()
               for name, (A, B, _) in pairs.items() for end, matrix in ((row.A, A), (row.B, B))}
    if to == "kohya":
        return {row.file: save(tensors | {f"{name}.alpha": torch.tensor(float(pair.alpha))
                                          for name, pair in pairs.items()})}
    if to == "mlx":
        [(r, scale)] = settings
        # whole names as keys: the loader finds them wherever they are, and num_layers is unused
        config = {"fine_tune_type": "lora", "num_layers": 0, "lora_parameters": {
            "rank": r, "scale": scale, "dropout": 0.0, "keys": sorted(pairs)}}
        return {row.file: save(tensors), CONFIG: json.dumps(config, indent=2).encode()}
    named = {name.removeprefix(begins): pair for name, pair in pairs.items()}
    config = AdapterConfig.of_layers({name: len(pair.A) for name, pair in named.items()},
                                     {name: pair.alpha for name, pair in named.items()})
    if to == "peft":
        return pefts_files(tensors, config)
    said = {begins + key: value for key, value in (CONSTANT | asdict(config)).items()}
    return {row.file: save(tensors, metadata={"format": "pt", METADATA: json.dumps(said)})}
