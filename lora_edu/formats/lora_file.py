"""What a LoRA file holds: the modules by name, their matrices, and the settings that scale them.

The one reader of such files, for ``examine``, which names what is wrong with them, and for
``lora_edu.nn.convert``, which refuses it.
"""

from __future__ import annotations

import math
import os
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from lora_edu import checks
from lora_edu.formats import tensors
from lora_edu.formats.config import AdapterConfig, parsed
from lora_edu.formats.layouts import (
    ALPHA,
    CONFIG,
    LAYOUTS,
    OLD_KEYS,
    OTHER_KINDS,
    Layout,
    Settings,
    ends,
    fit,
    layout_of,
    located,
)
from lora_edu.formats.tensors import Tensor

# What follows a module's name in a key. Between it and "weight" may stand the adapter's name.
MATRIX = re.compile(
    rf"(?P<layer>.+?)(?:(?P<A>{ends('A')})|(?:{ends('B')}))"
    r"(?:\.(?!weight$|bias$)(?P<adapter>[^.]+))?(?:\.weight)?", re.DOTALL)
METHOD = re.compile(
    r"(?P<layer>.+?)\.(?P<method>hada_|lokr_|oft_|lora_mid|dora_scale|lora_magnitude).*",
    re.DOTALL)
# Rules by which there is no s: the settings are not this file's, or α is nothing to reckon with
OTHER_RANK = "of another rank"
UNUSABLE = "by an unusable α"
LARGEST = 1e30  # of s, and the smallest is its inverse: what is squared then stays a number


class Scale(NamedTuple):
    """s, and the α and the rule that it comes from; None where the file does not say."""

    s: float | None
    alpha: float | None
    rule: str


@dataclass(frozen=True)
class Module:
    """One module of a file.

    layer: its name. model: what it belongs to, by the file; "" where that does not say. method:
    "LoRA", or what it is instead. A, B: (r, …) and (d, r, …), for MLX (k, r) and (r, d). alpha: of
    a key of its own.
    """

    layer: str
    model: str = ""
    method: str = "LoRA"
    A: Tensor | None = None
    B: Tensor | None = None
    alpha: float | None = None
    is_embedding: bool = False


@dataclass(frozen=True)
class LoraFile:
    """A file with its settings.

    name: of the file. files: what was read. numbers: how many. modules: by their names in a report.
    whole: the shapes of what is no adapter, by key. adapters: names of adapters in the keys. fault:
    why settings cannot be used. alpha: given from outside, for modules that have none.
    """

    name: str
    files: tuple[Path, ...]
    layout: Layout
    numbers: int
    modules: dict[str, Module]
    whole: dict[str, tuple[int, ...]]
    adapters: tuple[str, ...]
    metadata: dict[str, str]
    settings: Settings
    fault: str
    alpha: float | None = None

    def rank_of(self, module: Module) -> int:
        """r of a module that is whole."""
        return module.A.shape[1 if self.layout.transposed else 0]

    @property
    def start(self) -> str | None:
        """How A began, as settings, metadata or the tool say; None where none does."""
        if self.metadata.get("ss_network_module") == "networks.lora":
            return "kaiming_uniform"
        if not self.settings.configs:
            return self.layout.start
        named = str(self.settings.values.get("init_lora_weights"))
        return {"True": "kaiming_uniform", "False": "kaiming_uniform",
                "gaussian": "peft_gaussian"}.get(named)

    @property
    def has_other_start(self) -> bool:
        """Whether the settings name a start whose spread is not known, such as PiSSA's."""
        is_named = self.settings.values.get("init_lora_weights") is not None
        return bool(self.settings.configs) and is_named and self.start is None

    def is_whole(self, module: Module) -> bool:
        """Whether a module has an A and a B that can be multiplied."""
        if module.A is None or module.B is None:
            return False
        shapes = (module.A.shape, module.B.shape)
        if self.layout.transposed:
            shapes = tuple(shape[::-1] for shape in shapes)
        return fit(*shapes) and {module.A.dtype, module.B.dtype} <= set(tensors.FLOATS)

    def needs_alpha(self, module: Module) -> bool:
        """Whether neither the file nor its settings say s."""
        return replace(self, alpha=None).scale_of(module).rule in ("", "α = r")

    def scale_of(self, module: Module) -> Scale:
        """s of a module, as the program reads it that the file is for."""
        scale = self._scale_of(module)
        is_usable = scale.s in (None, 0) or 1 / LARGEST < abs(scale.s) < LARGEST
        return scale if is_usable else Scale(None, None, UNUSABLE)

    def _scale_of(self, module: Module) -> Scale:
        r = self.rank_of(module)
        config = self.settings.configs.get(module.model)
        if config is not None:
            return _by_config(config, module.layer, r)
        s = self.settings.scales.get(module.layer, self.settings.scale)
        if s is not None:
            return Scale(s, s * r, "scale")
        alpha = self.alpha if module.alpha is None else module.alpha
        if alpha is not None:
            return Scale(alpha / r, alpha, "α/r")
        if self.layout.alpha_is_r and not self.fault:
            return Scale(1.0, float(r), "α = r")
        return Scale(None, None, "")


def _by_config(config: AdapterConfig, layer: str, r: int) -> Scale:
    """By PEFT's settings, if they are of this rank."""
    want, alpha = config.for_layer(layer)
    if want != r:
        return Scale(None, alpha, OTHER_RANK)
    if config.use_rslora:
        return Scale(alpha / math.sqrt(r), alpha, "α/√r")
    return Scale(alpha / r, alpha, "α/r")


def read(source: str | os.PathLike | bytes, config: Any = None, *, alpha: float | None = None,
         models: tuple[str, ...] = ()) -> LoraFile:
    """The file, and the settings beside it or in it. See :func:`lora_edu.examine`.

    models: what names may begin with, besides what is known.
    """
    settings = _settings(config)
    name = "the file"
    row = None
    files = ()
    if isinstance(source, (str, os.PathLike)):
        row, source = located(checks.path("source", source))
        name = source.name
        files = (source,)
    else:
        source = _bytes("source", source)
    try:
        held, metadata = tensors.read(source)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None

    row = row or layout_of(map(_as_written_now, held), metadata)
    if config is not None and not row.takes_config:
        raise ValueError(f"config must be left out for {row.name}'s layout, which has α in its "
                         f"keys, got {config!r:.100}")
    if config is not None and not row.has_config:
        row = LAYOUTS["peft"]  # without its prefix
    if row.has_config and config is None and files:
        beside = source.parent / CONFIG
        files = (source, beside)
        settings = beside.read_bytes() if beside.is_file() else None
    modules, whole, adapters = _modules(held, row, models)
    if not modules or len(adapters) > 1:
        flat = next((key for key in whole if key.endswith("_lora_down.weight")), "")
        hint = f"; {flat!r} would have to end in '.lora_down.weight'" if flat else ""
        others = "1 other key" if len(whole) == 1 else f"{len(whole)} other keys"
        raise ValueError(f"{name}: the file must contain the matrices of exactly one adapter, such "
                         f"as '….lora_A.weight', got {len(adapters)} adapters and {others}: "
                         f"{[*adapters, *whole][:3]}{hint}")
    understood, fault = _understood(settings, row, metadata)
    if understood.values.get("target_parameters"):
        modules = {key: _of_experts(module, understood.configs)
                   for key, module in modules.items()}
    numbers = sum(math.prod(tensor.shape) for tensor in held.values())
    return LoraFile(name, files, row, numbers, modules, whole, adapters, metadata, understood,
                    fault, alpha)


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
        file = checks.path("config", config)
        return (file / CONFIG if file.is_dir() else file).read_bytes()
    return bytes(_bytes("config, unless it is a dict,", config))


def _understood(settings: bytes | Mapping | None, row: Layout,
                metadata: dict[str, str]) -> tuple[Settings, str]:
    """(the settings, what is wrong with them)."""
    values = {}
    try:
        if settings is not None:
            values = settings if isinstance(settings, Mapping) else parsed(settings)
        values = {checks.instance("each setting's name", name, str): value
                  for name, value in values.items()}
        return row.settings_of(values, metadata), ""
    except (OverflowError, TypeError, ValueError) as error:
        return Settings(values), str(error)


def _modules(held: dict[str, Tensor], row: Layout, models: tuple[str, ...]) -> tuple:
    """(modules by name, shapes of what is no adapter, names of adapters in the keys)."""
    parts = defaultdict(dict)
    whole = {}
    adapters = set()
    for key, tensor in held.items():
        modern = _as_written_now(key)
        if match := MATRIX.fullmatch(modern):
            parts[match["layer"]]["A" if match["A"] else "B"] = tensor
            adapters.add(match["adapter"])
            if "embedding" in (match["A"] or ""):
                parts[match["layer"]]["is_embedding"] = True
        elif match := METHOD.fullmatch(modern):
            parts[match["layer"]]["method"] = next(
                kind for part, kind in OTHER_KINDS.items() if part in match["method"])
        elif modern.endswith(ALPHA) and all(side == 1 for side in tensor.shape):
            number = tensors.wide(tensor.raw(), tensor.dtype).item()
            parts[modern.removesuffix(ALPHA)]["alpha"] = number
        else:
            whole[key] = tensor.shape
    modules = {}
    for name, fields in parts.items():
        model, layer = row.split(name, models)
        if fields.keys() == {"alpha"}:
            whole[name + ALPHA] = ()
        else:
            modules[name if len(row.models) > 1 else layer] = Module(layer, model, **fields)
    return modules, whole, tuple(sorted(adapters - {None}))


def _as_written_now(key: str) -> str:
    """A key as the tool writes it today."""
    for old, new in OLD_KEYS:
        key = re.sub(old, new, key)
    return key


def _of_experts(module: Module, configs: Mapping[str, AdapterConfig]) -> Module:
    """A module that has the A and B of several experts in one, where it is such."""
    config = configs.get(module.model)
    if config is None or module.A is None or 0 in module.A.shape:
        return module
    of_one = config.for_layer(module.layer)[0]
    return module if module.A.shape[0] == of_one else replace(module, method="LoRA of experts")
