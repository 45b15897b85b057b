"""The curvature and the best learning rate of each start, on two tasks, under SGD and Adam.

Imports NumPy, the fits, the optimisers and, when something is computed, the tasks (torch, PEFT,
scikit-learn). The results are stored in ``data/rates.npz``;

    python -m lora_edu.chapters.starts.rates

makes them anew, in about six minutes of one core.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from lora_edu.chapters.shared.fits import vertex
from lora_edu.optim import OPTIMISERS

STARTS = ("default", "gaussian", "EVA", "A zero", "A zero, wide", "orthogonal", "PiSSA", "MiLoRA",
          "OLoRA", "CorDA", "LoRA-GA", "both random", "both random, subtracted", "both small",
          "both small, subtracted")
TASKS = {"regression": 5, "digits": 3}  # name: seeds
RATES = {"SGD": 2.0 ** np.arange(-21, 3), "Adam": 2.0 ** np.arange(-17, 1)}
STEPS, EVERY = 100, 10  # a run; a loss is kept for each of these steps
LOST = 1e4  # a loss above this, or none
FILE = Path(__file__).with_name("data") / "rates.npz"


def losses(task: str, start: str, optimiser: str, seed: int, rates=None) -> np.ndarray:
    """Losses at every EVERYth step, (rates, points), of one run for each of ``rates``."""
    import torch

    from lora_edu.chapters.starts import tasks

    given, begun = tasks.task(task, seed), tasks.start(start, task, seed)
    rates = RATES[optimiser] if rates is None else np.asarray(rates)
    params = [part.repeat(len(rates), 1, 1).requires_grad_() for part in (*begun.A, *begun.B)]
    arrays = [part.detach().numpy() for part in params]  # the same numbers
    rule = OPTIMISERS[optimiser](lr=rates[:, None, None].astype(arrays[0].dtype))
    state, kept = rule.init(arrays), []
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(STEPS + 1):
            loss = tasks.loss_of(given, begun, params)
            if step % EVERY == 0:
                kept.append(loss.detach().numpy().astype(float))
            grads = torch.autograd.grad(loss.sum(), params)
            state = rule.update(arrays, [grad.numpy() for grad in grads], state)
    kept = np.array(kept).T
    return np.where(np.isfinite(kept), np.minimum(kept, LOST), LOST)


def curvature(task: str, start: str, seed: int) -> float:
    """The largest eigenvalue of the Hessian with respect to all A and B, at the start."""
    from lora_edu.chapters.starts import tasks
    from lora_edu.chapters.starts.curvature import top_curvature

    given, begun = tasks.task(task, seed), tasks.start(start, task, seed)
    return top_curvature(lambda params: tasks.loss_of(given, begun, params),
                         [*begun.A, *begun.B])


@cache
def stored() -> dict[str, np.ndarray]:
    """What the file holds: "task curvature", (starts, seeds), and for each task and optimiser the
    losses: "task optimiser ends", (starts, seeds, rates), and "task optimiser curves" of the first
    seed, (starts, rates, points). The latter are kept as logarithms, to three digits."""
    with np.load(FILE) as file:
        found = {name: 10 ** file[name].astype(float) if name.endswith("curves")
                 else file[name].astype(float) for name in file}
    for values in found.values():
        values.flags.writeable = False
    return found


def best(task: str, optimiser: str) -> np.ndarray:
    """The learning rate with the least loss at the end, (starts, seeds), between the rates tried.

    ValueError where one lies at an end of them.
    """
    ends = stored()[f"{task} {optimiser} ends"]
    logs = np.log(np.where(ends < LOST, ends, np.inf))
    return np.exp(vertex(np.log(RATES[optimiser]), logs))


def main() -> None:
    """Train everything and store it."""
    import torch

    torch.set_num_threads(1)
    found = {}
    for task, seeds in TASKS.items():
        found[f"{task} curvature"] = np.array(
            [[curvature(task, start, seed) for seed in range(seeds)] for start in STARTS],
            dtype=np.float32)
        for optimiser in RATES:
            runs = np.array([[losses(task, start, optimiser, seed) for seed in range(seeds)]
                             for start in STARTS])  # (starts, seeds, rates, points)
            found[f"{task} {optimiser} ends"] = runs[..., -1].astype(np.float32)
            found[f"{task} {optimiser} curves"] = np.log10(runs[:, 0]).astype(np.float16)
    np.savez_compressed(FILE, **found)


if __name__ == "__main__":
    main()
