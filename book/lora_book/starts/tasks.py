"""The task on which every start is trained, and what each start makes of its layer."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch

from lora_book.shared.tasks import task_64
from lora_book.starts.runs import adapt, as_model, one_thread, quiet_peft

R = 8
ALPHA = 16
S = ALPHA / R


@dataclass(frozen=True)
class DrawnTask:
    """A layer to adapt, and the loss as a function of its weight.

    W0: (d, k). loss: (…, d, k) → (…). model: the same in torch, for PEFT. X: inputs. torch_loss: of
    a model, from it.
    """

    W0: torch.Tensor
    loss: Callable
    model: Callable
    X: torch.Tensor
    torch_loss: Callable


@dataclass(frozen=True)
class Start:
    """A (r, k), B (d, r) and the frozen weight (d, k)."""

    A: torch.Tensor
    B: torch.Tensor
    base: torch.Tensor


@cache
def draw_task(seed: int) -> DrawnTask:
    """The regression of Step zero, drawn with ``seed``."""
    regression = task_64(seed)
    W0 = torch.tensor(regression.W0)
    W_star = torch.tensor(regression.W_star)
    C = torch.tensor(regression.covariance)
    _, torch_loss, X = as_model(regression, torch.float32)

    def loss(W):
        return 0.5 * ((W - W_star) @ C * (W - W_star)).sum(dim=(-2, -1))

    return DrawnTask(W0, loss, lambda: as_model(regression, torch.float32)[0], X, torch_loss)


PEFT_NAMES = {"default": "True", "gaussian": "gaussian", "EVA": "eva", "orthogonal": "orthogonal",
              "PiSSA": "pissa", "OLoRA": "olora", "CorDA": "corda",
              "LoRA-GA": "lora_ga", "both random": "False"}


@cache
def draw_start(name: str, seed: int) -> Start:
    """One of COMPARED_STARTS, r = 8 and s = 2, on the task of that seed."""
    drawn = draw_task(seed)
    kind = name.removesuffix(", subtracted")
    if kind in PEFT_NAMES:
        start = _from_peft(drawn, PEFT_NAMES[kind], seed)
    else:
        A, B = _by_hand(kind, drawn.W0, torch.Generator().manual_seed(seed))
        start = Start(A, B, drawn.W0)
    if name.endswith(", subtracted") or kind == "MiLoRA":
        start = Start(start.A, start.B, drawn.W0 - S * start.B @ start.A)
    return start


def loss_with(drawn: DrawnTask, start: Start, matrices: list[torch.Tensor]) -> torch.Tensor:
    """The loss with A, (…, r, k), and B, (…, d, r)."""
    A, B = matrices
    return drawn.loss(start.base + S * B @ A)


def _by_hand(kind: str, W: torch.Tensor, rng: torch.Generator):
    """(A, B), in W's dtype."""
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
        model = adapt(drawn.model(), init, R, ALPHA, drawn.X, drawn.torch_loss)
        layer = model.base_model.model[0]

    def copy_of(weight: torch.Tensor) -> torch.Tensor:
        return weight.detach().to(drawn.W0.dtype).clone()

    return Start(copy_of(layer.lora_A["default"].weight), copy_of(layer.lora_B["default"].weight),
                 copy_of(layer.base_layer.weight))
