"""The adapters of a model, its own or PEFT's, read by their structure. PEFT is not needed.

Imports torch, config, named and tensors. Nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lora_edu.nn.config import AdapterConfig, parsed
from lora_edu.nn.named import LoRALayer
from lora_edu.nn.tensors import CONFIG, PREFIX

OF_PEFTS_LAYER = ("base_layer", "lora_A", "lora_B", "scaling", "active_adapters")


@dataclass(frozen=True, eq=False)
class Part:
    """One adapter of one layer: its matrices and what is set about them.

    parameters: A, B, and what else the adapter has there (DoRA's lengths, a bias of B). active: it
    counts in the output. dropping: its dropout is on at the moment.
    """

    layer: str
    adapter: str
    A: nn.Parameter
    B: nn.Parameter
    parameters: tuple[nn.Parameter, ...]
    base: nn.Module
    scaling: float
    dropout: float
    dropping: bool
    active: bool
    merged: bool

    @property
    def trains(self) -> bool:
        return any(p.requires_grad for p in self.parameters)

    @property
    def weight(self) -> torch.Tensor | None:
        """W0, where the layer has one weight."""
        return getattr(self.base, "weight", None)


@dataclass(frozen=True)
class Case:
    """What the doctor is asked about; see :func:`lora_edu.nn.doctor`."""

    model: nn.Module
    batch: Any = None
    optimiser: torch.optim.Optimizer | None = None
    loss_fn: Any = None
    training: bool = True
    loss_scale: float = 1.0
    config: Any = None
    reference: torch.Tensor | None = None
    parts: list[Part] = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "parts", list(parts_of(self.model)))

    def has(self, what: str) -> bool:
        """Whether there is what a test needs: "training", "use", or an argument by its name."""
        if what == "use":
            return not self.training
        return self.training if what == "training" else getattr(self, what) is not None

    @cached_property
    def learning(self) -> list[Part]:
        """Those that count in the output and train."""
        return [part for part in self.parts if part.active and part.trains and not part.merged]

    @cached_property
    def settings(self) -> dict[str, dict]:
        """{adapter: its settings under PEFT's names}, as given or as the model holds them."""
        names = dict.fromkeys(part.adapter for part in self.parts)
        if self.config is not None:
            return dict.fromkeys(names, settings_of(self.config))
        held: dict[str, Any] = {}
        for module in self.model.modules():
            configs = getattr(module, "peft_config", None)
            if isinstance(configs, Mapping):
                held = {**configs, **held}
        return {name: settings_of(held[name]) for name in names if name in held}

    def of_model(self, key: str) -> Any:
        """A setting of the transformers model, such as ``eos_token_id``; None where there is none.
        """
        configs = (getattr(module, "config", None) for module in self.model.modules())
        return next((value for config in configs
                     if (value := getattr(config, key, None)) is not None), None)


def needs(*what: str):
    """Mark a test: it is made only where a case has all of this."""
    def mark(test):
        test.needs = what
        return test
    return mark


def parts_of(model: nn.Module) -> Iterator[Part]:
    """The parts of every LoRA layer, in the order of the model."""
    for name, layer in model.named_modules():
        if not is_lora(layer):
            continue
        base, of_adapter = layer.base_layer, {}
        while hasattr(base, "base_layer"):
            base = base.base_layer
        for path, parameter in layer.named_parameters():
            matrix, adapter = _named(path)
            if adapter is not None:
                of_adapter.setdefault(adapter, []).append((matrix, parameter))
        for adapter, found in of_adapter.items():
            matrices = {matrix[-1]: parameter for matrix, parameter in found
                        if matrix in ("lora_A", "lora_B", "lora_embedding_A", "lora_embedding_B")}
            if matrices.keys() == {"A", "B"}:
                yield Part(name, adapter, matrices["A"], matrices["B"],
                           tuple(parameter for _, parameter in found), base,
                           **_state(layer, adapter))


def is_lora(module: nn.Module) -> bool:
    """Whether this is a LoRA layer of ours or, by its attributes, of PEFT."""
    return isinstance(module, LoRALayer) or all(hasattr(module, a) for a in OF_PEFTS_LAYER)


def short(layer: str) -> str:
    """A layer's name in the model itself, without what PEFT or torch.compile put before it."""
    inside = layer.rpartition(PREFIX)[2]
    return inside.removeprefix("module.").removeprefix("_orig_mod.")


def layers(parts: Iterable[Part]) -> tuple[str, ...]:
    """The layers' names, each once."""
    return tuple(dict.fromkeys(part.layer for part in parts))


def words(names: Iterable[str]) -> str:
    """The names in quotes, each once."""
    return ", ".join(map(repr, dict.fromkeys(names)))


def settings_of(config: Any) -> dict[str, Any]:
    """Settings under PEFT's names, of a config, of a dict of them, or of a file or its folder.

    Raises TypeError for anything else, OSError and ValueError for a file that cannot be read.
    """
    if isinstance(config, AdapterConfig):
        return asdict(config)
    if isinstance(config, Mapping):
        return dict(config)
    if callable(getattr(config, "to_dict", None)):
        return dict(config.to_dict())
    if isinstance(config, (str, Path)):
        path = Path(config)
        path = path / CONFIG if path.is_dir() else path
        try:
            settings = parsed(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        if isinstance(settings, dict):
            return settings
        raise ValueError(f"config must be a file with one JSON object, got {str(path)!r}")
    raise TypeError("config must be a LoraConfig, an AdapterConfig, a dict of settings, or the "
                    f"path of {CONFIG} or of its folder, got {config!r}")


def _named(path: str) -> tuple[str, str | None]:
    """(matrix, adapter) of a parameter's name below its layer; of a base's: adapter None."""
    head, _, rest = path.partition(".")
    if head == "base_layer" or not rest:
        return head, None
    adapter, _, matrix = rest.partition(".")
    if head == "adapters":  # ours: adapters.NAME.lora_A
        return matrix, adapter
    return head if matrix in ("", "weight") else f"{head}.{matrix}", adapter  # lora_A.NAME.weight


def _state(layer: nn.Module, adapter: str) -> dict[str, Any]:
    """What is set about one adapter of a layer."""
    if isinstance(layer, LoRALayer):
        ours = layer.adapters[adapter]
        return {"scaling": ours.scaling, "dropout": ours.dropout, "dropping": layer.training,
                "active": adapter in layer.active_adapters,
                "merged": layer.merged and adapter in layer.active_adapters}
    dropouts = getattr(layer, "lora_dropout", {})
    dropout = dropouts[adapter] if adapter in dropouts else nn.Identity()
    on = not getattr(layer, "disable_adapters", False)
    return {"scaling": float(layer.scaling.get(adapter, 1.0)),
            "dropout": getattr(dropout, "p", 0.0), "dropping": dropout.training,
            "active": on and adapter in layer.active_adapters,
            "merged": adapter in getattr(layer, "merged_adapters", ())}
