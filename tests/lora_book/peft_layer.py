"""The layer of Step zero's board in PEFT, and how tests train it."""

import torch
from peft import LoraConfig, get_peft_model

from lora_book.shared.tasks import task_64
from lora_book.starts.runs_saved_files import loss_and_inputs, original

TASK = task_64()
LOSS_OF, X = loss_and_inputs()
W0 = torch.tensor(TASK.W0, dtype=torch.float32)


def adapted(seed=0, model=None, **settings):
    """(the model in PEFT, its adapted layer)."""
    torch.manual_seed(seed)
    model = get_peft_model(original() if model is None else model, LoraConfig(
        **{"r": 8, "lora_alpha": 16, "target_modules": ["0"]} | settings))
    return model, model.base_model.model[0]


def train(model, optimiser, steps=30):
    for _ in range(steps):
        optimiser.zero_grad()
        LOSS_OF(model).backward()
        optimiser.step()


def trained(model):
    """The parameters that train."""
    return [p for p in model.parameters() if p.requires_grad]
