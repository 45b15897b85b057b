"""The LoRA layers: h = W0·x + s·B·A·x (Hu et al. 2021, equation 3).

W0 is the frozen weight, A is (r, k), B is (d, r), s the scaling. ``LoRALayer`` is a frozen layer
with several adapters by name, and its two kinds have the formula. Nothing here writes to W0: a
merged weight is kept beside it, so unmerging and deleting give back every bit.
"""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import nn

from lora_edu import checks
from lora_edu.nn.low_rank import LowRank

SETTINGS = ("rule", "start", "distribution", "dropout", "dtype")  # besides r and alpha


def of_base(name: str) -> property:
    """An attribute that a LoRA layer has of its base, for code that takes it for a plain layer."""
    return property(lambda layer: getattr(layer.base_layer, name), doc=f"The base's {name}.")


class LoRALayer(nn.Module):
    """A frozen layer with named adapters, such as :class:`LoRALinear` or :class:`LoRAEmbedding`.

    ``adapters`` is {name: :class:`LowRank`}. ``active_adapters`` are the names of the adapters that
    contribute to the output and are trained. ``merged_weight`` is None, or the weight that replaces
    W0 and the active adapters. Forward hooks of the base layer see only W0, without the adapters.

    Args:
        base_layer: The layer itself; its parameters are frozen.
        r, alpha, name, settings: The first adapter, see :meth:`add_adapter`.

    Raises:
        TypeError, ValueError: As :meth:`add_adapter` does; for a base_layer that does not have
            exactly the type the layer is for (a subclass may compute something else), or whose
            weight is on the meta device or computed by a hook. Then base_layer is unchanged.

    Example:
        >>> from lora_edu.nn import LoRALinear
        >>> layer = LoRALinear(nn.Linear(6, 4), r=2, alpha=8)
        >>> layer.add_adapter("second", r=1, alpha=8)
        >>> list(layer.adapters), layer.active_adapters
        (['default', 'second'], ['second'])
    """

    base_type: type[nn.Module]
    start: str
    distribution: str | float

    def __init__(self, base_layer: nn.Module, r: int, alpha: float, *, name: str = "default",
                 **settings):
        super().__init__()
        self.check_base(base_layer)
        self.base_layer = base_layer
        self.adapters = nn.ModuleDict()
        self.active_adapters: list[str] = []
        self.register_buffer("merged_weight", None, persistent=False)
        self.register_load_state_dict_post_hook(_unmerge_after_loading)
        self.add_adapter(name, r, alpha, **settings)
        self.train(base_layer.training)
        base_layer.requires_grad_(False)

    @classmethod
    def stands_for(cls, module: nn.Module) -> bool:
        """Whether this is the very type that the layer is for; a subclass may compute otherwise."""
        return type(module) is cls.base_type

    @classmethod
    def check_base(cls, base_layer: nn.Module) -> None:
        """Raise TypeError or ValueError unless this kind of layer can stand for ``base_layer``."""
        if not cls.stands_for(base_layer):
            raise TypeError(f"base_layer must be a torch.nn.{cls.base_type.__name__} itself, not "
                            f"a subclass, got {type(base_layer).__name__}")
        if "weight" not in base_layer._parameters:
            raise ValueError("base_layer must have its weight as a parameter, but a hook computes "
                             "it (pruning, weight_norm, spectral_norm); make it permanent first")
        if base_layer.weight.is_meta:
            raise ValueError("base_layer must have a weight with values, but it is on the meta "
                             "device, which stores no values; load the model's weights first")

    def add_adapter(self, name: str, r: int, alpha: float, **settings) -> None:
        """Add an adapter and make it the only active one.

        Args:
            name: Its name.
            r, alpha: See :class:`LowRank`.
            settings: rng, rule, start, distribution, dropout, dtype; see :class:`LowRank`. start
                and distribution are PEFT's for this kind of layer unless given. dtype is the
                base's, but no narrower than float32, unless given: with a base in bfloat16 or
                float16 it is float32, as in PEFT.

        Raises ValueError for a name that is taken or cannot name a module, and as LowRank does.
        Then nothing has changed.
        """
        self.check_new_name(name)
        known = ("rng", "matrices", *SETTINGS)
        if unknown := [key for key in settings if key not in known]:
            raise TypeError(f"{type(self).__name__} has no setting {', '.join(unknown)}; its "
                            f"settings are {', '.join(known)}")
        weight = self.base_layer.weight
        d, k = self.as_weight(weight).shape
        pefts = {"start": self.start, "distribution": self.distribution,
                 "dtype": torch.promote_types(weight.dtype, torch.float32)}
        chosen = {key: value for key, value in settings.items()
                  if value is not None or key not in pefts}
        self.adapters[name] = LowRank(d, k, r, alpha, device=weight.device, **pefts | chosen)
        self.set_adapter(name)

    def check_new_name(self, name: str) -> None:
        """Raise ValueError unless ``name`` can name a further adapter."""
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(f"name must be a string without dots, not empty, got {name!r}")
        if hasattr(self.adapters, name):
            raise ValueError(f"name must not be one of the adapters {list(self.adapters)}, nor an "
                             f"attribute of torch.nn.ModuleDict, got {name!r}; give another name, "
                             "or call unload(model) first")

    def set_adapter(self, names: str | Iterable[str]) -> None:
        """Make these adapters, and no others, active and trainable; ``[]``: none.

        Unmerges. Raises ValueError if this layer has no adapter of that name.
        """
        names = names_of(names)
        for name in names:
            checks.choice("each of names", name, self.adapters)
        self.unmerge()
        self.active_adapters = names
        for name, adapter in self.adapters.items():
            adapter.requires_grad_(name in names)

    def delete_adapter(self, name: str) -> None:
        """Delete an adapter, and unmerge. Raises ValueError for an unknown name."""
        checks.choice("name", name, self.adapters)
        self.set_adapter([active for active in self.active_adapters if active != name])
        del self.adapters[name]

    @property
    def active(self) -> list[LowRank]:
        """The adapters that contribute to the output."""
        return [self.adapters[name] for name in self.active_adapters]

    @property
    def weight(self) -> torch.Tensor:
        """The weight that the layer computes with, W0 + ΔW, rounded as :meth:`merge` rounds it.

        For code that reads a layer's weight instead of calling the layer, as T5 and the fast path
        of ``nn.TransformerEncoderLayer`` do. It is computed at each access, with gradients.
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
        """Replace W0 and the active adapters by one matrix, W0 + Σ s·B·A.

        It is computed in float32 or wider and rounded once, to the base's dtype: a small ΔW can
        vanish in a bfloat16 weight, which keeps 8 bits. W0 is kept, so a merged layer holds two
        such matrices, and each merge starts from W0.

        Raises ValueError for a base whose forward hooks would be passed over, or whose weight a
        hook computes by now.
        """
        self.check_merge()
        self.unmerge()
        self.merged_weight = self.weight

    def check_merge(self) -> None:
        """Raise ValueError unless the layer can be merged."""
        self.check_base(self.base_layer)
        if self.base_layer._forward_hooks or self.base_layer._forward_pre_hooks:
            raise ValueError("base_layer must have no forward hooks when it is merged: they act "
                             "on W0 alone, but the merged weight is one matrix; remove them first")

    def unmerge(self) -> None:
        """Use W0 and the adapters again, every bit as before; nothing to do when not merged."""
        self.merged_weight = None


# The two kinds. The shapes beside the code leave out what comes before the last axis: a batch, a
# sequence.


class LoRALinear(LoRALayer):
    """h = W0·x + b + s·B·A·x, around a frozen ``torch.nn.Linear``.

    Args:
        settings: rule="lora", start="A random, B zero", distribution="kaiming_uniform",
            dropout=0.0, dtype=None; these and all others are those of :class:`LoRALayer`.

    Example:
        >>> layer = LoRALinear(nn.Linear(6, 4), r=2, alpha=8)
        >>> [name for name, p in layer.named_parameters() if p.requires_grad]
        ['adapters.default.lora_A', 'adapters.default.lora_B']
        >>> layer(torch.ones(3, 6)).shape
        torch.Size([3, 4])
    """

    base_type = nn.Linear
    start = "A random, B zero"
    distribution = "kaiming_uniform"

    bias = of_base("bias")
    in_features = of_base("in_features")
    out_features = of_base("out_features")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (…, k), in the base's dtype. Returns h: (…, d)."""
        merged_weight = self.merged_weight
        if merged_weight is not None:
            return F.linear(x, merged_weight, self.base_layer.bias)
        h = self.base_layer(x)  # W0·x + b: (d,)
        dtype = h.dtype
        for adapter in self.active:
            x_in = F.dropout(x.to(adapter.lora_A.dtype), adapter.dropout, self.training)
            low = adapter.scaling * F.linear(x_in, adapter.lora_A)  # s·A·x: (r,)
            h = h + F.linear(low, adapter.lora_B)  # + B·(s·A·x): (d,)
        return h.to(dtype)

    @staticmethod
    def as_weight(delta: torch.Tensor) -> torch.Tensor:
        """torch keeps a Linear's weight as (d, k), the shape of ΔW."""
        return delta


class LoRAEmbedding(LoRALayer):
    """h = W0[:, i] + s·B·A[:, i], around a frozen ``torch.nn.Embedding`` of k vectors of length d.

    The start is PEFT's, with B from N(0, 1). dropout has no effect (an index cannot be scaled), as
    in PEFT. The base must be without max_norm, which writes to W0, scale_grad_by_freq and sparse.

    Args:
        settings: rule="lora", start="A zero, B random", distribution=1.0, dropout=0.0, dtype=None;
            these and all others are those of :class:`LoRALayer`.

    Example:
        >>> layer = LoRAEmbedding(nn.Embedding(10, 4), r=2, alpha=8)
        >>> layer(torch.tensor([3, 1])).shape
        torch.Size([2, 4])
    """

    base_type = nn.Embedding
    start = "A zero, B random"
    distribution = 1.0

    num_embeddings = of_base("num_embeddings")
    embedding_dim = of_base("embedding_dim")
    padding_idx = of_base("padding_idx")

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """ids: (…), whole numbers below k. Returns h: (…, d)."""
        merged_weight = self.merged_weight
        if merged_weight is not None:
            return F.embedding(ids, merged_weight)
        h = self.base_layer(ids)  # a column of W0: (d,)
        dtype = h.dtype
        for adapter in self.active:
            columns = F.embedding(ids, adapter.lora_A.T, self.base_layer.padding_idx)  # of A: (r,)
            h = h + F.linear(adapter.scaling * columns, adapter.lora_B)  # (d,)
        return h.to(dtype)

    @staticmethod
    def as_weight(delta: torch.Tensor) -> torch.Tensor:
        """torch keeps an Embedding's weight as (k, d), one row a vector: ΔW transposed."""
        return delta.T

    @classmethod
    def check_base(cls, base_layer: nn.Module) -> None:
        super().check_base(base_layer)
        for option in ("max_norm", "scale_grad_by_freq", "sparse"):
            if getattr(base_layer, option):
                raise ValueError(f"base_layer must be without {option}, got {base_layer}")


class LoRAConv1D(LoRALinear):
    """:class:`LoRALinear` around transformers' ``Conv1D``, as in GPT-2: its weight is (k, d)."""

    bias = of_base("bias")
    in_features = property(lambda layer: len(layer.base_layer.weight))
    out_features = of_base("nf")
    nf = of_base("nf")

    @classmethod
    def stands_for(cls, module: nn.Module) -> bool:
        """Whether this is transformers' Conv1D, known by its name: nothing imports transformers."""
        kind = type(module)
        return (kind.__module__, kind.__name__) == ("transformers.pytorch_utils", "Conv1D")

    @staticmethod
    def as_weight(delta: torch.Tensor) -> torch.Tensor:
        """It keeps its weight as (k, d): ΔW transposed."""
        return delta.T

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (…, k), in the base's dtype. Returns h: (…, d)."""
        merged_weight = self.merged_weight
        if merged_weight is not None:
            return F.linear(x, merged_weight.T, self.base_layer.bias)
        return super().forward(x)


LAYERS = (LoRALinear, LoRAConv1D, LoRAEmbedding)


def lora_layer_for(module: nn.Module) -> type[LoRALayer] | None:
    """The kind of LoRA layer that can stand for a plain one; None where there is none."""
    return next((kind for kind in LAYERS if kind.stands_for(module)), None)


def plain(module: nn.Module) -> nn.Module:
    """The layer under the adapters, or the module itself."""
    return module.base_layer if isinstance(module, LoRALayer) else module


def names_of(names: str | Iterable[str]) -> list[str]:
    """One name, or several without repetition, as a list; TypeError for anything else."""
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, Iterable):
        raise TypeError(f"names must be a name or a list of names, got {names!r}")
    return [checks.instance("each of names", name, str) for name in dict.fromkeys(names)]


def _unmerge_after_loading(layer: LoRALayer, incompatible_keys) -> None:
    """After ``load_state_dict`` a merged weight would be out of date."""
    layer.unmerge()
