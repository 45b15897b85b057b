"""What every LoRA layer does besides its formula: named adapters, and merging.

Nothing here writes to the base's weight: a merged weight is
kept beside it, so unmerging and deleting give back every bit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Unpack

import torch
from torch import nn

from lora_edu import _check
from lora_edu.nn.lowrank import Draws, LowRank, Settings, check_known


class LoRALayer(nn.Module):
    """A frozen layer with named adapters; :class:`LoRALinear` and :class:`LoRAEmbedding` are such.

    base_layer: the layer itself; its parameters are frozen. r, alpha, rng, name and settings: the
    first adapter, see :meth:`add_adapter`.

    ``adapters``: {name: :class:`LowRank`}. ``active_adapters``: the names of those that count in
    the output and train. ``merged_weight``: None, or the weight that stands in for W0 and them.
    Forward hooks of the base layer see it alone, W0 without the adapters.

    Raises TypeError unless base_layer is of the very type the layer is for (a subclass may compute
    something else), and as :meth:`add_adapter` does. Then base_layer is as it was.

    >>> from lora_edu.nn import LoRALinear
    >>> layer = LoRALinear(nn.Linear(6, 4), r=2, alpha=8)
    >>> layer.add_adapter("second", r=1, alpha=8)
    >>> list(layer.adapters), layer.active_adapters
    (['default', 'second'], ['second'])
    >>> layer.set_adapter(["default", "second"])  # both count, and train
    >>> [adapter.r for adapter in layer.active]
    [2, 1]
    """

    base_type: type[nn.Module]
    start: str
    distribution: str | float

    def __init__(self, base_layer: nn.Module, r: int, alpha: float, *, rng: Draws = None,
                 name: str = "default", matrices: tuple[torch.Tensor, torch.Tensor] | None = None,
                 **settings: Unpack[Settings]):
        super().__init__()
        self.check_base(base_layer)
        self.base_layer = base_layer
        self.adapters = nn.ModuleDict()
        self.active_adapters: list[str] = []
        self.register_buffer("merged_weight", None, persistent=False)
        self.register_load_state_dict_post_hook(_unmerge_after_loading)
        self.add_adapter(name, r, alpha, rng=rng, matrices=matrices, **settings)
        self.train(base_layer.training)
        base_layer.requires_grad_(False)

    @classmethod
    def check_base(cls, base_layer: nn.Module) -> None:
        """Raise TypeError or ValueError unless this kind of layer can stand for ``base_layer``."""
        if type(base_layer) is not cls.base_type:
            raise TypeError(f"base_layer must be a torch.nn.{cls.base_type.__name__} itself, not "
                            f"a subclass, got {type(base_layer).__name__}")
        if "weight" not in base_layer._parameters:
            raise ValueError("base_layer must hold its weight as a parameter; here a hook computes "
                             "it (pruning, weight_norm, spectral_norm): make that permanent first")
        if base_layer.weight.is_meta:
            raise ValueError("base_layer must hold its numbers, its weight is on the device meta, "
                             "which has none: load the model's weights first")

    def add_adapter(self, name: str, r: int, alpha: float, *, rng: Draws = None,
                    matrices: tuple[torch.Tensor, torch.Tensor] | None = None,
                    **settings: Unpack[Settings]) -> None:
        """Add an adapter and make it the only active one.

        settings: rule, start, distribution, dropout, dtype; all is explained in :class:`LowRank`.
        start, distribution: PEFT's for this kind of layer unless given. dtype: the base's, but no
        narrower than float32, unless given: beside a base in bfloat16 or float16 it is float32, as
        in PEFT.

        Raises ValueError for a name that is taken or cannot name a module, and as LowRank does.
        Then nothing has changed.
        """
        self.check_new_name(name)
        check_known(settings)
        weight = self.base_layer.weight
        d, k = self.as_weight(weight).shape
        pefts = {"start": self.start, "distribution": self.distribution,
                 "dtype": torch.promote_types(weight.dtype, torch.float32)}
        given = {key: value for key, value in settings.items()
                 if value is not None or key not in pefts}
        self.adapters[name] = LowRank(d, k, r, alpha, rng=rng, matrices=matrices,
                                      device=weight.device, **pefts | given)
        self.set_adapter(name)

    def check_new_name(self, name: str) -> None:
        """Raise ValueError unless ``name`` can name a further adapter."""
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(f"name must be a string without dots, not empty, got {name!r}")
        if hasattr(self.adapters, name):
            taken = f"an adapter {list(self.adapters)}" if name in self.adapters else \
                "an attribute of torch.nn.ModuleDict"
            raise ValueError(f"name must not be that of {taken}, got {name!r}")

    def set_adapter(self, names: str | Iterable[str]) -> None:
        """Let these adapters, and no others, count in the output and train; ``[]``: none.

        Unmerges. Raises ValueError for a name that this layer has no adapter of.
        """
        names = names_of(names)
        for name in names:
            _check.choice("name", name, self.adapters)
        self.unmerge()
        self.active_adapters = names
        for name, adapter in self.adapters.items():
            adapter.requires_grad_(name in names)

    def delete_adapter(self, name: str) -> None:
        """Forget an adapter. Unmerges. Raises ValueError for a name that there is none of."""
        _check.choice("name", name, self.adapters)
        self.set_adapter([active for active in self.active_adapters if active != name])
        del self.adapters[name]

    @property
    def active(self) -> list[LowRank]:
        """The adapters that count in the output."""
        return [self.adapters[name] for name in self.active_adapters]

    @property
    def weight(self) -> torch.Tensor:
        """The weight that the layer computes with: W0 + ΔW, rounded as :meth:`merge` rounds it.

        For code that reads a layer's weight and does not call it, as T5 and the fast path of
        ``nn.TransformerEncoderLayer`` do. It is added up anew at each reading, with gradients.
        """
        if self.merged:
            return self.merged_weight
        W0 = self.base_layer.weight
        weight = W0.to(torch.promote_types(W0.dtype, torch.float32), copy=True)
        for adapter in self.active:
            weight = weight + self.as_weight(adapter.delta())
        return weight.to(W0.dtype)

    @property
    def merged(self) -> bool:
        """Whether ``merged_weight`` stands in for W0 and the active adapters."""
        return self.merged_weight is not None

    @torch.no_grad()
    def merge(self) -> None:
        """From now on use one matrix, W0 + Σ s·B·A over the active adapters.

        It is added up in float32 or wider and rounded once, to the base's dtype: a small ΔW can
        vanish in a bfloat16 weight, which keeps 8 bits. W0 stays as it is, so a merged layer holds
        two such matrices, and merging again starts from W0 again.

        Raises ValueError for a base whose forward hooks would be passed over, or whose weight a
        hook computes by now.
        """
        self.check_base(self.base_layer)
        if self.base_layer._forward_hooks or self.base_layer._forward_pre_hooks:
            raise ValueError("base_layer must have no forward hooks when it is merged: they act on "
                             "W0 alone, the merged weight is one; remove them first")
        self.unmerge()
        self.merged_weight = self.weight

    def unmerge(self) -> None:
        """Use W0 and the adapters again, every bit as before; nothing to do when not merged."""
        self.merged_weight = None


def of_base(name: str) -> property:
    """An attribute that a LoRA layer has of its base, for code that takes it for a plain layer."""
    return property(lambda layer: getattr(layer.base_layer, name), doc=f"The base's {name}.")


def names_of(names: str | Iterable[str]) -> list[str]:
    """One name, or several without repetition, as a list; TypeError for anything else."""
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, Iterable):
        raise TypeError(f"names must be a name or a list of names, got {names!r}")
    return [_check.instance("name", name, str) for name in dict.fromkeys(names)]


def _unmerge_after_loading(layer: LoRALayer, incompatible_keys) -> None:
    """After ``load_state_dict`` a merged weight would be out of date."""
    layer.unmerge()
