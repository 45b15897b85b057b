"""The layer of Step zero's board in PEFT, and how the tests of its chapters train it."""

import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from lora_edu.chapters.step_zero.runs import problem

torch.set_num_threads(1)

TASK = problem()
W0 = torch.tensor(TASK.W0, dtype=torch.float32)
X = torch.tensor(TASK.X, dtype=torch.float32)
TARGET = X @ torch.tensor(TASK.W_star.T, dtype=torch.float32)


def original():
    model = nn.Sequential(nn.Linear(64, 64, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(W0)
    return model


def adapted(seed=0, **settings):
    """(the model in PEFT, its adapted layer)."""
    torch.manual_seed(seed)
    model = get_peft_model(original(), LoraConfig(
        **{"r": 8, "lora_alpha": 16, "target_modules": ["0"]} | settings))
    return model, model.base_model.model[0]


def loss_of(model):
    return ((model(X) - TARGET) ** 2).sum() / (2 * len(X))


def train(model, rule, steps=30):
    for _ in range(steps):
        rule.zero_grad()
        loss_of(model).backward()
        rule.step()


def trained(model):
    return [p for p in model.parameters() if p.requires_grad]


def off(model, right):
    with torch.no_grad():
        return ((model(X) - right(X)).norm() / right(X).norm()).item()
