"""How fast ``sweep`` is, beside a torch loop over PEFT layers: python -m tests.benchmarks.sweep

The same problem both ways: d = k = 64, 200 Adam steps, float64, five quantities recorded at
every step.
"""

import warnings
from functools import partial
from timeit import repeat

import numpy as np
import torch
from peft import LoraConfig, get_peft_model

from lora_edu import sweep, teacher_student

D, STEPS, RUNS = 64, 200, {4: 800, 8: 400, 16: 240, 64: 80}
warnings.filterwarnings("ignore", category=UserWarning)


def peft_run(problem, r, alpha=16, lr=1e-3):
    """A run as most people write it: (STEPS + 1, 5), loss, ‖ΔW‖, ‖∇A‖, ‖∇B‖, −⟨ΔW, G0⟩."""
    linear = torch.nn.Linear(D, D, bias=False)
    model = get_peft_model(torch.nn.Sequential(linear), LoraConfig(
        r=r, lora_alpha=alpha, target_modules=["0"])).double()
    with torch.no_grad():
        linear.weight.copy_(torch.tensor(problem.W0))
    layer = model.base_model.model[0]
    A = layer.lora_A["default"].weight
    B = layer.lora_B["default"].weight
    X = torch.tensor(problem.X)
    target = X @ torch.tensor(problem.W_star).T
    G0 = torch.tensor(problem.gradient(problem.W0))
    adam = torch.optim.Adam([A, B], lr=lr)
    records = np.empty((STEPS + 1, 5))
    for t in range(STEPS + 1):
        adam.zero_grad()
        loss = ((model(X) - target) ** 2).sum() / (2 * len(X))
        loss.backward()
        with torch.no_grad():
            delta = layer.scaling["default"] * B @ A
            records[t] = [loss, delta.norm(), A.grad.norm(), B.grad.norm(), -(delta * G0).sum()]
        if t < STEPS:
            adam.step()
    return records


def best(function, *arguments, repeats=3, **options):
    """The shortest of a few timings, in seconds: the least disturbed one."""
    return min(repeat(partial(function, *arguments, **options), number=1, repeat=repeats))


def main():
    torch.set_num_threads(1)
    problem = teacher_student(D, D, shift_rank=4, rng=np.random.default_rng(0))
    print("  r   sweep runs/s   PEFT loop runs/s   ratio")
    for r, runs in RUNS.items():
        rate = runs / best(sweep, problem, r=r, alpha=16, lr=1e-3, seed=range(runs), steps=STEPS)
        loop = 1 / best(peft_run, problem, r, repeats=5)
        print(f"{r:3}   {rate:12.0f}   {loop:16.2f}   {rate / loop:4.0f}×")


if __name__ == "__main__":
    main()
