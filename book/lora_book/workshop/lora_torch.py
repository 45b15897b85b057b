"""The LoRA layer in PyTorch: a frozen linear layer, and a second path beside it."""

import torch
from torch import nn
from torch.nn.functional import linear


# 9 The layer in PyTorch
class LoRALinear(nn.Module):
    def __init__(self, base, A, B, s):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.A = nn.Parameter(torch.tensor(A))  # (r, k)
        self.B = nn.Parameter(torch.tensor(B))  # (d, r)
        self.s = s

    def forward(self, X):
        U = linear(X, self.A)  # (..., r)
        return self.base(X) + linear(U, self.B) * self.s  # (..., d)
