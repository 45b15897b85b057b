"""A small GPT: a decoder-only transformer over characters, in the open.

After Vaswani et al. 2017 (attention) and Radford et al. 2019 (GPT-2: layer norm first), as laid out
in Karpathy's nanoGPT. Shapes: B windows, T characters each, C = width, H heads of C/H numbers.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Size:
    """The numbers that fix the architecture; the width is a multiple of the heads."""

    vocabulary: int = 64
    context: int = 64
    layers: int = 4
    heads: int = 4
    width: int = 96


class Attention(nn.Module):
    """Each character looks at itself and the characters before it."""

    def __init__(self, size: Size, dropout: float):
        super().__init__()
        self.heads = size.heads
        self.dropout = dropout
        self.q, self.k, self.v, self.out = (nn.Linear(size.width, size.width, bias=False)
                                            for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        B, T, C = x.shape
        q, k, v = (project(x).view(B, T, self.heads, C // self.heads).transpose(1, 2)
                   for project in (self.q, self.k, self.v))  # (B, H, T, C/H) each
        scores = q @ k.transpose(2, 3) / (C // self.heads) ** 0.5  # (B, H, T, T)
        later = torch.ones(T, T, dtype=torch.bool, device=x.device).triu(1)
        weights = scores.masked_fill(later, -torch.inf).softmax(-1)  # rows sum to 1
        mixed = F.dropout(weights, self.dropout, self.training) @ v  # (B, H, T, C/H)
        return self.out(mixed.transpose(1, 2).reshape(B, T, C))


class Block(nn.Module):
    """Attention, then an MLP for each character; both add to what passes by."""

    def __init__(self, size: Size, dropout: float):
        super().__init__()
        self.norm1 = nn.LayerNorm(size.width)
        self.norm2 = nn.LayerNorm(size.width)
        self.attention = Attention(size, dropout)
        self.up = nn.Linear(size.width, 4 * size.width, bias=False)
        self.down = nn.Linear(4 * size.width, size.width, bias=False)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.drop(self.attention(self.norm1(x)))  # (B, T, C)
        return x + self.drop(self.down(F.gelu(self.up(self.norm2(x)))))  # (B, T, C)


class GPT(nn.Module):
    """ids (B, T) → logits (B, T, vocabulary) of the next character at each place.

    Args:
        size: See :class:`Size`.
        dropout: The share of numbers zeroed while training.
        generator: Draws the weights from N(0, 0.02²); those that add to the stream are smaller.
    """

    def __init__(self, size: Size = Size(), *, dropout: float = 0.0,
                 generator: torch.Generator):
        super().__init__()
        self.size = size
        self.characters = nn.Embedding(size.vocabulary, size.width)
        self.places = nn.Embedding(size.context, size.width)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(size, dropout) for _ in range(size.layers))
        self.norm = nn.LayerNorm(size.width)
        self.head = nn.Linear(size.width, size.vocabulary, bias=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                adds = name.endswith(("out.weight", "down.weight"))
                std = 0.02 / (2 * size.layers) ** 0.5 if adds else 0.02
                nn.init.normal_(p, std=std, generator=generator)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        places = torch.arange(ids.shape[1], device=ids.device)  # (T,)
        x = self.drop(self.characters(ids) + self.places(places))  # (B, T, C)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))  # (B, T, vocabulary)
