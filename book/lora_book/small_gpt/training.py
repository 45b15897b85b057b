"""Make or load a small GPT, train it, measure it, let it write.

Losses are in nats a character: the mean of −log p of the character that came.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from lora_book.small_gpt.model import GPT, Size
from lora_book.small_gpt.text import ALPHABET, DATA, decode, encode


def load_base() -> GPT:
    """The small GPT pretrained on Shakespeare, in float32 and evaluation mode."""
    model = GPT(Size(len(ALPHABET)), generator=torch.Generator().manual_seed(0))
    model.load_state_dict(load_file(DATA / "base.safetensors"))  # float16, widened on the way
    return model.eval()


def fit(model, ids: torch.Tensor, *, steps: int, lr: float, rng: np.random.Generator,
        batch: int = 16, warmup: int = 10, weight_decay: float = 0.0, optimiser=None,
        schedule=None, after_step=None) -> list[float]:
    """Train what is not frozen on random windows of ids; returns the batches' losses.

    Gradients are clipped to norm 1. Leaves the model in evaluation mode.

    Args:
        lr: The peak; it rises over ``warmup`` steps and falls to zero like a half cosine.
        rng: Draws the windows.
        optimiser: Makes one of torch's kind from the parameters; default: AdamW. A parameter group
            with a number under "times" has that times the rate.
        schedule: Another function than :func:`rate`.
        after_step: Called with (step, loss).
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    rule = optimiser(trained) if optimiser else torch.optim.AdamW(
        trained, lr=lr, betas=(0.9, 0.99), weight_decay=weight_decay)
    schedule = schedule or rate
    T = model.size.context
    losses = []
    model.train()
    for step in range(steps):
        for group in rule.param_groups:
            group["lr"] = lr * group.get("times", 1.0) * schedule(step, steps, warmup)
        starts = rng.integers(0, len(ids) - T, batch)  # (B,)
        windows = torch.stack([ids[i:i + T + 1] for i in starts])  # (B, T + 1)
        loss = F.cross_entropy(model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())
        rule.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        rule.step()
        losses.append(loss.item())
        if after_step:
            after_step(step + 1, losses[-1])
    model.eval()
    return losses


def rate(step: int, steps: int, warmup: int) -> float:
    """The learning rate at a step as a share of its peak."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


@torch.no_grad()
def loss_on(model, ids: torch.Tensor) -> float:
    """The mean loss over ids, cut into windows of the model's context. No dropout."""
    T = model.size.context
    was_training = model.training
    model.eval()
    count = (len(ids) - 1) // T
    x = ids[:count * T].view(count, T)
    y = ids[1:count * T + 1].view(count, T)  # the character after each
    total = sum(F.cross_entropy(model(a).flatten(0, 1), b.flatten(), reduction="sum").item()
                for a, b in zip(x.split(64), y.split(64), strict=True))
    model.train(was_training)
    return total / (count * T)


def write(model, prompt: str, length: int, *, rng: np.random.Generator,
          temperature: float = 0.8) -> str:
    """``length`` further characters, each drawn from softmax(logits / temperature) of the last."""
    ids = encode(prompt)
    for _ in range(length):
        with torch.no_grad():
            logits = model(ids[None, -model.size.context:])[0, -1]  # (vocabulary,)
        p = torch.softmax(logits.double() / temperature, 0).cumsum(0).numpy()
        drawn = np.searchsorted(p / p[-1], rng.random(), side="right")
        ids = torch.cat([ids, torch.tensor([int(drawn)])])
    return decode(ids[-length:])


@torch.no_grad()
def surprise(model, text: str) -> np.ndarray:
    """−log p of each character but the first, given those before it (as many as fit), in nats."""
    ids = encode(text)
    T = model.size.context
    head = model(ids[None, :-1][:, :T])[0]  # the places with less than T characters before them
    starts = range(1, len(ids) - T)
    tail = [model(ids[None, i:i + T])[0, -1:] for i in starts]
    logits = torch.cat([head, *tail])  # (len(text) − 1, vocabulary)
    return F.cross_entropy(logits, ids[1:], reduction="none").double().numpy()
