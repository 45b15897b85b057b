"""What the base model says about an adapter: the names of its modules, and their shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import nn

from lora_edu import checks
from lora_edu.formats.config import AdapterConfig
from lora_edu.nn.convert.reading import Pair
from lora_edu.nn.layer import LoRAConv1D, plain
from lora_edu.nn.model import inner

Base = Mapping[str, nn.Module | torch.Tensor | None]


def base_of(names: nn.Module | Mapping | Iterable[str]) -> Base:
    """{module's name: the module, its weight, or None where no more than the name is known}."""
    if isinstance(names, nn.Module):
        return dict(inner(names).named_modules())
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise TypeError("names must be the model, its state_dict, or the names of its modules, "
                        f"got {names!r}")
    weights = names if isinstance(names, Mapping) else dict.fromkeys(names)
    return {checks.instance("each of names", name, str).removesuffix(".weight"): weight
            for name, weight in weights.items()}


def check_fits(pairs: dict[str, Pair], base: Base, fan_in_fan_out: bool) -> None:
    """Raise ValueError for a module that the base has not, or has in another shape.

    fan_in_fan_out: whether its weights alone are (k, d), as those of GPT-2.
    """
    for name, (A, B, _) in pairs.items():
        if name not in base:
            raise ValueError(f"names must contain {name!r}, because source has an adapter for it")
        shape = _shape(name, base[name], fan_in_fan_out)
        if shape is None:
            continue
        d, *widths = shape
        r = len(A)
        of_A = (r, *widths)
        of_B = (d, r, *[1 for _ in widths[1:]])
        if (tuple(A.shape), tuple(B.shape)) != (of_A, of_B):
            raise ValueError(f"{name!r} must have A {of_A} and B {of_B} for the weight "
                             f"{tuple(shape)} in names, got {tuple(A.shape)} and {tuple(B.shape)}")


def check_complete(pairs: dict[str, Pair], config: AdapterConfig, base: Base) -> None:
    """Raise ValueError where the settings choose a module of the base that has no pair."""
    missing = [name for name in base if name not in pairs and config.chooses(name)]
    if missing:
        raise ValueError(f"source must have an adapter for each module that target_modules "
                         f"chooses in names, but it has none for {missing}")


def _shape(name: str, known: nn.Module | torch.Tensor | None,
           fan_in_fan_out: bool) -> tuple[int, ...] | None:
    """The shape of a weight; None where it cannot be known, as of a packed one."""
    if isinstance(known, torch.Tensor):
        shape = known.shape[::-1] if fan_in_fan_out else known.shape
        return shape if known.is_floating_point() else None
    if known is None:
        return None
    layer = plain(known)
    if hasattr(layer, "in_features"):  # a quantised Linear has it, too
        return layer.out_features, layer.in_features
    if LoRAConv1D.stands_for(layer):
        return layer.weight.shape[::-1]
    if isinstance(layer, nn.Conv2d):
        return layer.weight.shape
    raise ValueError(f"names must have a Linear or a Conv2d called {name!r}, but it has a "
                     f"{type(layer).__name__}")
