"""The exact reparametrisation: the same W at every step, bit for bit where that is claimed."""


import numpy as np
import pytest

from lora_edu import (
    SGD,
    Adafactor,
    Adam,
    AdamW,
    Adapter,
    Clipped,
    Lion,
    Momentum,
    Muon,
    SignSGD,
    equivalent,
    initial,
    teacher_student,
)

OPTIMISERS = {
    "SGD": SGD(0.05), "SGD with L2": SGD(0.05, weight_decay=0.1),
    "Momentum": Momentum(0.01), "Momentum with L2": Momentum(0.01, weight_decay=0.1),
    "Nesterov": Momentum(0.01, nesterov=True, weight_decay=0.1),
    "Adam": Adam(0.01), "Adam, large eps": Adam(0.01, eps=1e-3),
    "Adam with L2": Adam(0.01, weight_decay=0.1),
    "AdamW": AdamW(0.01, weight_decay=0.3),
    "SignSGD": SignSGD(0.003), "Lion": Lion(0.003, weight_decay=0.3),
    "Muon": Muon(0.01, weight_decay=0.3),
    "Muon, large eps": Muon(0.01, nesterov=False, eps=1.0, adjust_lr_fn="match_rms_adamw"),
    "Adafactor": Adafactor(0.1, eps2=0.2, weight_decay=0.3),  # eps2 acts on some steps
    "Adafactor, unscaled": Adafactor(0.01, weight_decay=0.3, scale_parameter=False),
    "per array": AdamW((0.01, 0.03), eps=(1e-8, 1e-4), weight_decay=(0.3, 0.1)),
}
CLIPPED = {f"{name}, clipped": Clipped(OPTIMISERS[name], max_norm=0.05)
           for name in ("SGD", "Momentum with L2", "Adam", "AdamW")}


def start(seed=0, r=4, name="A random, B zero"):
    problem = teacher_student(12, 9, n=64, rng=np.random.default_rng(seed))
    A, B = initial(12, 9, r, name, rng=np.random.default_rng(seed + 1))
    return problem, Adapter(A, B, 2.0)


def weights(problem, adapter, optimiser, steps=60):
    """ΔW at every step, (steps + 1, d, k), by the plainest loop there is."""
    A = adapter.A
    B = adapter.B
    s = adapter.scaling
    state = optimiser.init([A, B])
    path = []
    for _ in range(steps + 1):
        path.append(s * (B @ A))
        G = problem.gradient(problem.W0 + path[-1])
        (A, B), state = optimiser.step([A, B], [s * (B.T @ G), s * (G @ A.T)], state)
    return np.array(path)


@pytest.mark.claim("thm-invariance", "thm-degree")
@pytest.mark.parametrize(("name", "a", "b"), [
    *((name, a, a) for name in OPTIMISERS | CLIPPED for a in (1 / 8, 2, 4)),
    *((name, a, b) for name in OPTIMISERS for a, b in ((1, 4), (1 / 2, 8), (16, 1 / 16)))])
def test_powers_of_two_give_the_same_bits(name, a, b):
    optimiser = (OPTIMISERS | CLIPPED)[name]
    problem, adapter = start(name="both random")
    ours = weights(problem, adapter, optimiser)
    assert np.array_equal(ours, weights(problem, *equivalent(adapter, optimiser, a, b)))
    assert np.abs(ours[-1] - ours[0]).max() > 1e-3  # and something happened
