"""Makes ``data/rates.npz`` anew, in a few minutes of one core:

    python -m lora_book.starts.make_data
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh

from lora_book.shared.all_runs import all_runs
from lora_book.starts import COMPARED_STARTS
from lora_book.starts.rates import EVERY, FILE, LOST, RATES, SEEDS, STEPS
from lora_book.starts.tasks import draw_start, draw_task, loss_with
from lora_edu.optim import OPTIMISERS


def losses(optimiser: str, start: str, seed: int, rates=None) -> np.ndarray:
    """Losses at every EVERYth step, (rates, points), of one run for each of ``rates``."""
    drawn = draw_task(seed)
    first = draw_start(start, seed)
    rates = RATES[optimiser] if rates is None else np.asarray(rates)
    params = [part.repeat(len(rates), 1, 1).requires_grad_() for part in (first.A, first.B)]
    arrays = [part.detach().numpy() for part in params]  # the same numbers
    stepper = OPTIMISERS[optimiser](lr=rates[:, None, None].astype(arrays[0].dtype))
    state = stepper.init(arrays)
    kept = []
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(STEPS + 1):
            loss = loss_with(drawn, first, params)
            if step % EVERY == 0:
                kept.append(loss.detach().numpy().astype(float))
            grads = torch.autograd.grad(loss.sum(), params)
            state = stepper.update(arrays, [grad.numpy() for grad in grads], state)
    kept = np.array(kept).T
    return np.where(np.isfinite(kept), np.minimum(kept, LOST), LOST)


def curvature(start: str, seed: int) -> float:
    """The largest eigenvalue of the Hessian with respect to A and B, at the start."""
    drawn = draw_task(seed)
    first = draw_start(start, seed)
    return top_curvature(partial(loss_with, drawn, first), [first.A, first.B])


def top_curvature(loss: Callable, at: list[torch.Tensor]) -> float:
    """The largest eigenvalue of the Hessian of ``loss`` at ``at``, by Lanczos' method.

    Nothing but products of the Hessian with vectors is formed. loss: list of tensors → a tensor of
    one number. at: the trained matrices.
    """
    gradient = torch.func.grad(loss)
    size = sum(part.numel() for part in at)

    def product(v: np.ndarray) -> np.ndarray:
        vector = torch.from_numpy(v.ravel()).to(at[0].dtype)
        move = [part.view_as(one) for part, one in
                zip(vector.split([part.numel() for part in at]), at, strict=True)]

        def along(params):  # ⟨∇L, v⟩, whose gradient is the Hessian times v
            return sum((a * b).sum() for a, b in zip(gradient(params), move, strict=True))

        return torch.cat([part.flatten() for part in torch.func.grad(along)(at)]).double().numpy()

    start = np.random.default_rng(0).normal(size=size)  # eigsh would draw one by itself
    operator = LinearOperator((size, size), matvec=product, dtype=np.float64)
    return float(eigsh(operator, k=1, which="LA", v0=start, tol=1e-4,
                       return_eigenvectors=False)[0])


def main() -> None:
    """Train everything and store it."""
    torch.set_num_threads(1)
    curvatures = all_runs(curvature, COMPARED_STARTS, range(SEEDS), name="curvature")
    stored = {"curvature": curvatures.astype(np.float32)}
    for optimiser in RATES:
        [runs] = all_runs(losses, [optimiser], COMPARED_STARTS, range(SEEDS),
                          name=optimiser)  # (starts, seeds, rates, points)
        stored[f"{optimiser} ends"] = runs[..., -1].astype(np.float32)
        stored[f"{optimiser} curves"] = np.log10(runs[:, 0]).astype(np.float16)
    np.savez_compressed(FILE, **stored)


if __name__ == "__main__":
    main()
