"""What a LoRA file holds: the modules by name, their matrices, and the settings that scale them.

Where :mod:`lora_edu.nn.convert` refuses a key, this keeps it and says what it is.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from lora_edu import checks
from lora_edu.formats import tensors
from lora_edu.formats.config import AdapterConfig
from lora_edu.formats.layouts import (
    ALPHA,
    CONFIG,
    LAYOUTS,
    METADATA,
    OTHER_KINDS,
    PREFIX,
    UNKNOWN,
    diffusers_settings,
    fit,
    layout_of,
    located,
    mlx_scales,
)
from lora_edu.formats.tensors import Tensor

# What follows a module's name in a key. Between it and "weight" may stand the adapter's name.
MATRIX = re.compile(
    r"(?P<layer>.+?)"
    r"(?:(?P<A>\.lora_(?:embedding_)?A|\.lora_down|[._]lora\.down|\.lora_linear_layer\.down|\.lora_a)"
    r"|(?:\.lora_(?:embedding_)?B|\.lora_up|[._]lora\.up|\.lora_linear_layer\.up|\.lora_b))"
    r"(?:\.(?!weight$|bias$)(?P<adapter>[^.]+))?(?:\.weight)?", re.DOTALL)
# Rules by which there is no s: the settings are not this file's, or α is nothing to reckon with
OTHER_RANK = "of another rank"
UNUSABLE = "by an unusable α"
LARGEST = 1e30  # of s, and the least is its inverse: what is squared then stays a number
METHOD = re.compile(
    r"(?P<layer>.+?)\.(?P<method>hada_|lokr_|oft_|lora_mid|dora_scale|lora_magnitude).*",
    re.DOTALL)


class Scale(NamedTuple):
    """s, and the α and the rule that it comes from; None where the file does not say."""

    s: float | None
    alpha: float | None
    rule: str


@dataclass(frozen=True)
class Module:
    """One module of a file.

    layer: its name. begin: what the file writes before it. method: "LoRA", or what it is instead.
    A, B: (r, …) and (d, r, …), for MLX (k, r) and (r, d). alpha: of a key of its own.
    """

    layer: str
    begin: str = ""
    method: str = "LoRA"
    A: Tensor | None = None
    B: Tensor | None = None
    alpha: float | None = None
    is_embedding: bool = False


@dataclass(frozen=True)
class Source:
    """A file with its settings.

    modules: by their names in the file. whole: keys of what is no adapter. adapters: names of
    adapters in the keys. settings: as they stand there. configs: their plain part, {begin: config}.
    scales: MLX's (for all, {module: its own}). fault: why settings cannot be used.
    """

    name: str
    layout: str
    modules: dict[str, Module]
    whole: tuple[str, ...]
    adapters: tuple[str, ...]
    metadata: dict[str, str]
    settings: dict[str, Any]
    configs: dict[str, AdapterConfig]
    scales: tuple[float | None, dict[str, float]]
    fault: str

    def scale_of(self, module: Module) -> Scale:
        """s of a module, as the program reads it that the file is for."""
        scale = self._scale_of(module)
        is_usable = scale.s in (None, 0) or 1 / LARGEST < abs(scale.s) < LARGEST
        return scale if is_usable else Scale(None, None, UNUSABLE)

    def _scale_of(self, module: Module) -> Scale:
        r = module.A.shape[1 if self.layout == "mlx" else 0]
        config = self.configs.get(module.begin)
        if config is not None:
            want, alpha = config.for_layer(module.layer)
            if want != r:
                return Scale(None, alpha, OTHER_RANK)
            if config.use_rslora:
                return Scale(alpha / math.sqrt(r), alpha, "α/√r")
            return Scale(alpha / r, alpha, "α/r")
        if self.layout == "mlx":
            common, own = self.scales
            s = own.get(module.layer, common)
            return Scale(s, None if s is None else s * r, "scale")
        if module.alpha is not None:
            return Scale(module.alpha / r, module.alpha, "α/r")
        if self.layout in ("peft", UNKNOWN) or self.fault:
            return Scale(None, None, "")
        return Scale(1.0, float(r), "α = r")  # as kohya's and diffusers' loaders take it


def read(source: str | os.PathLike | bytes, config: Any = None) -> Source:
    """The file, and the settings beside it or in it. See :func:`lora_edu.examine`."""
    settings = _settings(config)
    name = "the file"
    layout = None
    if isinstance(source, (str, os.PathLike)):
        layout, file = located(checks.path("source", source))
        name = file.name
        beside = file.parent / CONFIG
        if config is None and beside.is_file():
            settings = beside.read_bytes()
        source = file
    else:
        source = _bytes("source", source)
    try:
        held, metadata = tensors.read(source)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None

    if layout not in ("peft", "mlx"):  # other tools' files may have any name
        layout = layout_of(held, metadata)
    if config is not None and layout == "kohya":
        raise ValueError(f"config must be left out for kohya's layout, which has α in its keys, "
                         f"got {config!r:.100}")
    if config is not None and layout in ("diffusers", UNKNOWN):
        layout = "peft"  # without its prefix
    if layout not in ("peft", "mlx"):
        settings = None  # what lies beside such a file belongs to another
    modules, whole, adapters = _modules(held, layout)
    if not modules or len(adapters) > 1:
        raise ValueError(f"{name}: there must be the matrices of one adapter, such as "
                         f"'….lora_A.weight', got those of {len(adapters)} and {len(whole)} other "
                         f"keys: {[*adapters, *whole][:3]}")
    values, configs, scales, fault = _understood(settings, layout, metadata)
    if values.get("target_parameters"):
        modules = {key: _of_experts(module, configs) for key, module in modules.items()}
    return Source(name, layout, modules, whole, adapters, metadata, values, configs, scales, fault)


def _bytes(argument: str, value: Any) -> bytes:
    try:
        return memoryview(value).cast("B")
    except (TypeError, ValueError):  # an array of another kind
        raise TypeError(f"{argument} must be a path or bytes, got {value!r:.100}") from None


def _settings(config: Any) -> bytes | Mapping | None:
    """The settings that were given: by name, or their text."""
    if config is None or isinstance(config, Mapping):
        return config
    if isinstance(config, (str, os.PathLike)):
        return checks.path("config", config).read_bytes()
    return bytes(_bytes("config, unless it is a dict,", config))


def _understood(settings: bytes | Mapping | None, layout: str, metadata: dict[str, str]) -> tuple:
    """(settings by name, configs, MLX's scales, what is wrong with them)."""
    values, configs, scales = {}, {}, (None, {})
    try:
        if layout == "diffusers" and settings is None:
            by_model = diffusers_settings(metadata.get(METADATA, "{}"))
            values = next(iter(by_model.values()), {})
            begin = LAYOUTS[layout].begin
            configs = {begin(model): _config(values) for model, values in by_model.items()}
        elif settings is not None:
            if not isinstance(settings, Mapping):
                settings = json.loads(settings)
            values = {checks.instance("each setting's name", name, str): value for name, value
                      in checks.instance("the settings", settings, Mapping).items()}
            if layout == "mlx":
                scales = mlx_scales(json.dumps(values))
            else:
                configs = dict.fromkeys((PREFIX, ""), _config(values))
    except (TypeError, ValueError, RecursionError) as error:
        return values, {}, scales, str(error)
    return values, configs, scales, ""


def _config(values: dict) -> AdapterConfig:
    """The plain part of PEFT's settings; what is beyond it is a finding."""
    if values.get("peft_type", "LORA") != "LORA":
        raise ValueError(f"peft_type must be 'LORA', got {values['peft_type']!r}")
    return AdapterConfig.plain_part(values | {
        "init_lora_weights": True, "target_modules": values.get("target_modules") or ".*"})


def _modules(held: dict[str, Tensor], layout: str) -> tuple:
    """(modules by name, keys of what is no adapter, names of adapters in the keys)."""
    parts = defaultdict(dict)
    whole = []
    adapters = set()
    for key, tensor in held.items():
        if match := MATRIX.fullmatch(key):
            parts[match["layer"]]["A" if match["A"] else "B"] = tensor
            adapters.add(match["adapter"])
            if "embedding" in (match["A"] or ""):
                parts[match["layer"]]["is_embedding"] = True
        elif match := METHOD.fullmatch(key):
            parts[match["layer"]]["method"] = next(
                kind for part, kind in OTHER_KINDS.items() if part in match["method"])
        elif key.endswith(ALPHA) and all(side == 1 for side in tensor.shape):
            number = tensors.wide(tensor.raw(), tensor.dtype).item()
            parts[key.removesuffix(ALPHA)]["alpha"] = number
        else:
            whole.append(key)
    modules = {}
    for key, fields in parts.items():
        module = _module(key, fields, layout)
        if fields.keys() == {"alpha"}:
            whole.append(key + ALPHA)
        else:
            modules[module.layer if layout == "peft" else key] = module
    return modules, tuple(whole), tuple(sorted(adapters - {None}))


def _module(name: str, fields: dict, layout: str) -> Module:
    """A module by what the file has of it; its name parted from that of the model."""
    row = LAYOUTS.get(layout)
    begins = [] if row is None else [row.begin(model) for model in row.models]
    begin = next((begin for begin in begins if begin and name.startswith(begin)), "")
    return Module(name.removeprefix(begin), begin, **fields)


def _of_experts(module: Module, configs: dict[str, AdapterConfig]) -> Module:
    """A module that has the A and B of several experts in one, where it is such."""
    config = configs.get(module.begin)
    if config is None or module.A is None or 0 in module.A.shape:
        return module
    of_one = config.for_layer(module.layer)[0]
    return module if module.A.shape[0] == of_one else replace(module, method="LoRA of experts")


def is_whole(module: Module, layout: str) -> bool:
    """Whether a module has an A and a B that can be multiplied."""
    if module.A is None or module.B is None:
        return False
    shapes = (module.A.shape, module.B.shape)
    if layout == "mlx":
        shapes = tuple(shape[::-1] for shape in shapes)
    return fit(*shapes) and {module.A.dtype, module.B.dtype} <= set(tensors.FLOATS)
