"""The LoRA layers: h = W0·x + s·B·A·x (Hu et al. 2021, equation 3).

W0 is the frozen weight, A is (r, k), B is (d, r), s the scaling.
The shapes beside the code leave out what comes before the last axis: a batch, a sequence.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from lora_edu.nn.named import LoRALayer, of_base


class LoRALinear(LoRALayer):
    """h = W0·x + b + s·B·A·x, around a frozen ``torch.nn.Linear``.

    Settings: rule="lora", start="A random, B zero", distribution="kaiming_uniform", dropout=0.0,
    dtype=None; all arguments are those of :class:`LoRALayer`.

    >>> layer = LoRALinear(nn.Linear(6, 4), r=2, alpha=8)
    >>> [name for name, p in layer.named_parameters() if p.requires_grad]
    ['adapters.default.lora_A', 'adapters.default.lora_B']
    >>> layer(torch.ones(3, 6)).shape
    torch.Size([3, 4])
    """

    base_type, start, distribution = nn.Linear, "A random, B zero", "kaiming_uniform"
    bias, in_features, out_features = map(of_base, ("bias", "in_features", "out_features"))

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

    Settings: rule="lora", start="A zero, B random", distribution=1.0, dropout=0.0, dtype=None; all
    arguments are those of :class:`LoRALayer`. The start is PEFT's, with B from N(0, 1). dropout has
    no effect (an index cannot be scaled), as in PEFT. The base must be without max_norm, which
    writes to W0, scale_grad_by_freq and sparse.

    >>> layer = LoRAEmbedding(nn.Embedding(10, 4), r=2, alpha=8)
    >>> layer(torch.tensor([3, 1])).shape
    torch.Size([2, 4])
    """

    base_type, start, distribution = nn.Embedding, "A zero, B random", 1.0
    num_embeddings, embedding_dim, padding_idx = map(
        of_base, ("num_embeddings", "embedding_dim", "padding_idx"))

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


LAYERS = {layer.base_type: layer for layer in (LoRALinear, LoRAEmbedding)}
