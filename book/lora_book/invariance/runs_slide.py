"""What a larger α is worth in learning rate when A's start stays as it is."""

from functools import cache
from types import SimpleNamespace

import numpy as np

from lora_edu import Adam, Adapter, initial, train

SIDE = 32
R = 8
STEPS = 50
RATES = np.logspace(-5.5, 1, 53)  # eight a decade


@cache
def useful_parts(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(−⟨BA, G⟩, ‖A − A0‖ / ‖A0‖) after STEPS steps of Adam for each of RATES, under a constant G.

    Two arrays, one number a rate. With a constant G and a negligible ε the path of A and B does
    not depend on the scale, so the useful part of ΔW = s·BA is s times the first of the two.
    """
    rng = np.random.default_rng(seed)
    start = Adapter(*initial(SIDE, SIDE, R, rng=rng), scaling=1.0)
    G = rng.normal(size=(SIDE, SIDE))
    # what ``train`` asks of a problem, with L(W) = ⟨G, W⟩
    problem = SimpleNamespace(W0=np.zeros_like(G),
                              loss_and_gradient=lambda W: (np.vdot(G, W), G))
    runs = [train(problem, start, Adam(float(lr), eps=1e-30), STEPS) for lr in RATES]
    moved = [np.linalg.norm(run.adapter.A - start.A) for run in runs]
    return np.array([run.useful[-1] for run in runs]), np.array(moved) / np.linalg.norm(start.A)


def worth(factor: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(‖A − A0‖/‖A0‖, μ): with η × μ instead, the useful part is that of α × factor.

    Two arrays, one number for each of RATES whose η × μ lies among them too.
    """
    useful, moved = useful_parts(seed)
    log_useful = np.log(useful)  # rises with the rate
    log_rates = np.log(RATES)
    wanted = log_useful + np.log(factor)
    inside = wanted <= log_useful[-1]
    log_mu = np.interp(wanted[inside], log_useful, log_rates) - log_rates[inside]
    return moved[inside], np.exp(log_mu)
