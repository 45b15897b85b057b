"""One LoRA run as most people write it: a PEFT layer in a plain torch loop, the rival of sweep."""

import numpy as np
import torch
from peft import LoraConfig, get_peft_model


class OneLayer(torch.nn.Module):
    """A linear layer without bias."""

    def __init__(self, W0):
        super().__init__()
        d, k = W0.shape
        self.layer = torch.nn.Linear(k, d, bias=False, dtype=torch.float64)
        with torch.no_grad():
            self.layer.weight.copy_(torch.tensor(W0))

    def forward(self, X):
        return self.layer(X)


def peft_run(problem, A, B, r, alpha, lr, steps):
    """(steps + 1, 5): loss, ‖ΔW‖, ‖∇A‖, ‖∇B‖, −⟨ΔW, G0⟩, with torch's Adam in float64."""
    model = get_peft_model(OneLayer(problem.W0), LoraConfig(
        r=r, lora_alpha=alpha, target_modules=["layer"])).double()
    layer = model.base_model.model.layer
    lora_A, lora_B = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    with torch.no_grad():
        lora_A.copy_(torch.tensor(A))
        lora_B.copy_(torch.tensor(B))
    X = torch.tensor(problem.X)
    target = X @ torch.tensor(problem.W_star).T
    G0 = torch.tensor(problem.gradient(problem.W0))
    adam = torch.optim.Adam([lora_A, lora_B], lr=lr)
    records = np.empty((steps + 1, 5))
    for t in range(steps + 1):
        adam.zero_grad()
        loss = ((model(X) - target) ** 2).sum() / (2 * len(X))
        loss.backward()
        with torch.no_grad():
            delta = layer.scaling["default"] * lora_B @ lora_A
            records[t] = [loss.item(), delta.norm().item(), lora_A.grad.norm().item(),
                          lora_B.grad.norm().item(), -(delta * G0).sum().item()]
        if t < steps:
            adam.step()
    return records
