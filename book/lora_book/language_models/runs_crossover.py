"""The crossover ranks of a network's layers, and the one of all of them under a common η."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from lora_book.divide_by_r.runs_rate import crossover
from lora_book.first_r import make_data
from lora_book.shared import digits
from lora_book.small_gpt import load_base, part

BATCH = 16  # windows of text


def digits_network(angle: float):
    """The network of the rotated digits, (network, its layers, pictures, classes)."""
    mlp = make_data.model()
    layers = []
    for W, b in zip(mlp.weights, mlp.biases, strict=True):
        layer = nn.Linear(*W.shape[::-1], dtype=torch.float64)
        layer.weight.data = torch.tensor(W)
        layer.bias.data = torch.tensor(b)
        layers.append(layer)
    first, second, last = layers
    data = digits.load(angle)
    return (nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last), layers,
            torch.tensor(data.X_train), torch.tensor(data.y_train))


def small_gpt():
    """The small GPT before the King James Bible, (GPT, its q and v, windows, the characters that
    follow)."""
    model = load_base()
    layers = [layer for name, layer in model.named_modules() if name.endswith((".q", ".v"))]
    ids = part("bible", "train")
    length = model.size.context
    starts = np.random.default_rng(0).integers(0, len(ids) - length, BATCH)
    windows = torch.stack([ids[start:start + length + 1] for start in starts])
    return model, layers, windows[:, :-1], windows[:, 1:]


def apart(model, layers, inputs, targets) -> list[float]:
    """The r_c of each layer, as if it were a regression of its own."""
    received = {}

    def keep(layer, arguments, output):
        received[layer] = arguments[0].detach().flatten(0, -2).double().numpy()

    hooks = [layer.register_forward_hook(keep) for layer in layers]
    gradients = torch.autograd.grad(loss(model, inputs, targets), [at.weight for at in layers])
    for hook in hooks:
        hook.remove()
    return [crossover(G.double().numpy(), received[layer].T @ received[layer]
                      / len(received[layer]), "Adam")
            for G, layer in zip(gradients, layers, strict=True)]


def together(model, layers, inputs, targets, draws: int = 32) -> tuple[float, float]:
    """The r_c of all layers under one η, E H[T] / H[E T], and its standard error.

    H is the second derivative of the loss and T the step of one rank of all layers, in units of
    ηs. The rows of A are uniform, as PEFT draws them.
    """
    weights = [layer.weight for layer in layers]
    gradients = torch.autograd.grad(loss(model, inputs, targets), weights, create_graph=True)

    def harm(steps) -> float:
        slope = sum((G * T).sum() for G, T in zip(gradients, steps, strict=True))
        bends = torch.autograd.grad(slope, weights, retain_graph=True)
        return sum((bend * T).sum().item() for bend, T in zip(bends, steps, strict=True))

    G0 = [G.detach() for G in gradients]
    of_mean = harm([mean_step(G) for G in G0])
    generator = torch.Generator().manual_seed(0)
    harms = [harm([one_step(G, generator) for G in G0]) for _ in range(draws)]
    return np.mean(harms) / of_mean, np.std(harms, ddof=1) / draws**0.5 / of_mean


def loss(model, inputs, targets) -> torch.Tensor:
    """The mean cross entropy."""
    return F.cross_entropy(model(inputs).flatten(0, -2), targets.flatten())


def one_step(G: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The first step of Adam on one rank of a layer, sign(Ga)·aᵀ, with a uniform row a of A."""
    k = G.shape[1]
    a = (2 * torch.rand(k, dtype=G.dtype, generator=generator) - 1) / k**0.5
    return torch.outer((G @ a).sign(), a)


def mean_step(G: torch.Tensor) -> torch.Tensor:
    """The mean of ``one_step`` over normal rows a of the same variance, √(2/π)·σ·ĝ in each row."""
    lengths = G.norm(dim=1, keepdim=True)
    directions = torch.where(lengths > 0, G / lengths, 0)
    return (2 / np.pi / (3 * G.shape[1]))**0.5 * directions
