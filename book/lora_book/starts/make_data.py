"""Makes ``data/rates.npz`` anew, in a few minutes of one core:

    python -m lora_book.starts.make_data
"""

import numpy as np
import torch
from torch.autograd.functional import hessian

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
    size = first.A.numel()

    def loss(both: torch.Tensor) -> torch.Tensor:
        """Of the entries of A and then of B."""
        return loss_with(drawn, first, [both[:size].view_as(first.A), both[size:].view_as(first.B)])

    H = hessian(loss, torch.cat([first.A.flatten(), first.B.flatten()]))
    return torch.linalg.eigvalsh(H)[-1].item()


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
