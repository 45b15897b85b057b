"""Adapters of each start, trained and saved, and how far a loaded one is from what was trained."""

import warnings
from functools import cache
from pathlib import Path

import torch
from peft import get_peft_model

from lora_book.shared.tasks import task_64
from lora_book.starts.runs import as_model, config_for, quiet_peft


@cache
def loss_and_inputs() -> tuple:
    """(The loss of a model on the board's task, X): what every adapter here is trained with."""
    return as_model(task_64(), torch.float32)[1:]


def original() -> torch.nn.Module:
    """The model of one layer that every adapter here is made for."""
    return as_model(task_64(), torch.float32)[0]


def off(model, right) -> float:
    """How far the outputs of ``model`` are from those of ``right``, in parts of these."""
    _, X = loss_and_inputs()
    with torch.no_grad():
        return ((model(X) - right(X)).norm() / right(X).norm()).item()


def train_and_save(start: str | bool, r: int, folder: str | Path):
    """The board's layer after 100 steps of Adam at s = 2, and its files below ``folder``.

    "adapter" is what PEFT saves. "converted" is the same as an ordinary adapter of rank 2r, made
    with "start", the adapter before training; PEFT does not convert MiCA's, nor need it.
    """
    loss_of, X = loss_and_inputs()
    with warnings.catch_warnings(), quiet_peft():
        # a second adapter joins a moved base while it is converted
        warnings.filterwarnings("ignore", "(PiSSA|OLoRA|CorDA) changes the base weights")
        warnings.filterwarnings("ignore", "`corda_config` specified but")
        torch.manual_seed(0)
        base = original()
        config = config_for(base, start, r, 2 * r, X, loss_of)
        model = get_peft_model(base, config)
        config.init_lora_weights = True  # the start is saved as a plain adapter
        model.save_pretrained(f"{folder}/start")
        config.init_lora_weights = start
        optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3)
        for _ in range(100):
            optimiser.zero_grad()
            loss_of(model).backward()
            optimiser.step()
        model.save_pretrained(f"{folder}/adapter")
        if start != "mica":
            model.save_pretrained(f"{folder}/converted",
                                  path_initial_model_for_weight_conversion=f"{folder}/start")
    return model
