"""A tiny chat model, and a batch of questions with answers."""

from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

PAD = 0
END = 2
IGNORED = -100
VOCABULARY = 16


class Block(nn.Module):
    """x + v(tanh(q(x)))"""

    def __init__(self, d):
        super().__init__()
        self.q = nn.Linear(d, d)
        self.v = nn.Linear(d, d)

    def forward(self, x):
        return self.v(torch.tanh(self.q(x)))


class TinyChat(nn.Module):
    """Token ids (n, t) → logits (n, t, VOCABULARY), and with labels a loss, as in transformers.

    There is no attention: a token is predicted from the one before. gate: a factor on every
    block's output.
    """

    def __init__(self, d=16, seed=0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.tokens = nn.Embedding(VOCABULARY, d)
            self.blocks = nn.ModuleList([Block(d), Block(d)])
            self.head = nn.Linear(d, VOCABULARY, bias=False)
        self.gate = 1.0
        self.gradient_checkpointing = False

    def forward(self, input_ids, attention_mask=None, labels=None):
        x = self.tokens(input_ids)
        for block in self.blocks:
            if self.gradient_checkpointing and self.training:
                x = x + self.gate * checkpoint(block, x, use_reentrant=True)
            else:
                x = x + self.gate * block(x)
        logits = self.head(x)
        loss = None if labels is None else F.cross_entropy(
            logits[:, :-1].reshape(-1, VOCABULARY).float(), labels[:, 1:].reshape(-1))
        return SimpleNamespace(logits=logits, loss=loss)

    def enable_input_require_grads(self):
        """What transformers' method of this name does."""
        self.tokens.register_forward_hook(lambda module, args, out: out.requires_grad_(True))


def batch() -> dict[str, torch.Tensor]:
    """Two texts of a prompt (tokens below 8) and an answer (from 8 on); the second is padded."""
    ids = torch.tensor([[3, 4, 5, 9, 8, 10, 12, END],
                        [6, 3, 7, 11, 9, END, PAD, PAD]])
    counts = (ids >= 8) | (ids == END)
    return {"input_ids": ids, "attention_mask": (ids != PAD).long(),
            "labels": torch.where(counts, ids, IGNORED)}
