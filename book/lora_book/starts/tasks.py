"""Two tasks on which every start is trained, and what each start makes of their layers."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import nn

from lora_book.rotated_digits.training import base_for
from lora_book.shared.tasks import task_64
from lora_book.starts.runs import adapt, as_model, one_thread, quiet_peft

R = 8
ALPHA = 16
S = ALPHA / R
PICTURES = 200  # of the rotated ones, all in each step


@dataclass(frozen=True)
class DrawnTask:
    """Layers to adapt, and the loss as a function of their weights.

    weights: list of (d, k). loss: list of (…, d, k) → (…). model: the same in torch, for PEFT, with
    ``names`` the layers' names. X: inputs. torch_loss: of a model, from it.
    """

    weights: list[torch.Tensor]
    loss: Callable
    model: Callable
    names: tuple[str, ...]
    X: torch.Tensor
    torch_loss: Callable


@dataclass(frozen=True)
class Start:
    """For each layer A (r, k), B (d, r) and the frozen weight (d, k)."""

    A: list[torch.Tensor]
    B: list[torch.Tensor]
    base: list[torch.Tensor]


@cache
def draw_task(task: str, seed: int) -> DrawnTask:
    """"regression": that of Step zero, drawn with ``seed``. "digits": rotated by 90°, adapted in
    the two hidden layers; the seed draws the pretrained base."""
    return _regression(seed) if task == "regression" else _digits(seed)


def _regression(seed: int) -> DrawnTask:
    regression = task_64(seed)
    W0 = torch.tensor(regression.W0)
    W_star = torch.tensor(regression.W_star)
    C = torch.tensor(regression.covariance)
    _, torch_loss, X = as_model(regression, torch.float32)

    def loss(weights):
        [W] = weights
        return 0.5 * ((W - W_star) @ C * (W - W_star)).sum(dim=(-2, -1))

    return DrawnTask([W0], loss, lambda: as_model(regression, torch.float32)[0], ("0",), X,
                     torch_loss)


def _digits(seed: int) -> DrawnTask:
    base, parts = base_for("rotated", seed)
    X, y = (part[:PICTURES] for part in parts["train"])
    b0 = base[0].bias.detach()
    b1 = base[2].bias.detach()
    head = base[4].weight.detach()
    b2 = base[4].bias.detach()

    def loss(weights):
        W0, W1 = weights
        H = torch.relu(X @ W0.mT + b0)
        H = torch.relu(H @ W1.mT + b1)
        Z = H @ head.T + b2
        return (Z.logsumexp(dim=-1) - Z[..., torch.arange(len(y)), y]).mean(dim=-1)

    return DrawnTask([base[i].weight.detach() for i in (0, 2)], loss, lambda: copy.deepcopy(base),
                     ("0", "2"), X, lambda model: nn.functional.cross_entropy(model(X), y))


PEFT_NAMES = {"default": "True", "gaussian": "gaussian", "EVA": "eva", "orthogonal": "orthogonal",
              "PiSSA": "pissa", "OLoRA": "olora", "CorDA": "corda",
              "LoRA-GA": "lora_ga", "both random": "False"}


@cache
def draw_start(name: str, task: str, seed: int) -> Start:
    """One of COMPARED_STARTS on a task, r = 8 and s = 2, both drawn with ``seed``."""
    drawn = draw_task(task, seed)
    rng = torch.Generator().manual_seed(seed)
    kind = name.removesuffix(", subtracted")
    subtracted = name.endswith(", subtracted")
    if kind in PEFT_NAMES:
        start = _from_peft(drawn, PEFT_NAMES[kind], seed)
    else:
        pairs = [_by_hand(kind, W, rng) for W in drawn.weights]
        start = Start([A for A, _ in pairs], [B for _, B in pairs], drawn.weights)
    if subtracted or kind == "MiLoRA":
        base = [W - S * b @ a for W, a, b in zip(drawn.weights, start.A, start.B, strict=True)]
        start = Start(start.A, start.B, base)
    return start


def loss_with(drawn: DrawnTask, start: Start, matrices: list[torch.Tensor]) -> torch.Tensor:
    """The loss with every layer's A, (…, r, k), then every layer's B, (…, d, r), in matrices."""
    n = len(start.A)
    A = matrices[:n]
    B = matrices[n:]
    return drawn.loss([W + S * b @ a for W, a, b in zip(start.base, A, B, strict=True)])


def _by_hand(kind: str, W: torch.Tensor, rng: torch.Generator):
    """(A, B) of one layer, in W's dtype."""
    d, k = W.shape

    def draw(*shape: int) -> torch.Tensor:
        return 2 * torch.rand(shape, generator=rng, dtype=W.dtype) - 1  # from −1 to 1

    A = draw(R, k)
    B = draw(d, R)
    if kind == "A zero":
        return 0 * A, B / d**0.5
    if kind == "A zero, wide":
        return 0 * A, B / R**0.5
    if kind == "both small":
        return A / k**0.5, 0.1 * B / d**0.5
    U, sizes, Vt = torch.linalg.svd(W, full_matrices=False)
    root = (sizes[-R:] / S).sqrt()  # MiLoRA: the smallest
    return root[:, None] * Vt[-R:], U[:, -R:] * root


def _from_peft(drawn: DrawnTask, init: str, seed: int) -> Start:
    with torch.random.fork_rng(), one_thread(), quiet_peft():
        torch.manual_seed(seed)
        model = adapt(drawn.model(), init, R, ALPHA, drawn.X, drawn.torch_loss, drawn.names)
        layers = [model.base_model.model.get_submodule(name) for name in drawn.names]

    def copy_of(weight: torch.Tensor) -> torch.Tensor:
        return weight.detach().to(drawn.weights[0].dtype).clone()

    return Start([copy_of(layer.lora_A["default"].weight) for layer in layers],
                 [copy_of(layer.lora_B["default"].weight) for layer in layers],
                 [copy_of(layer.base_layer.weight) for layer in layers])
