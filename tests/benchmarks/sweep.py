"""How fast ``sweep`` is, beside a torch loop over PEFT layers: python -m tests.benchmarks.sweep

The same trajectories both ways: d = k = 64, 200 Adam steps, float64, five quantities recorded at
every step.
"""

import warnings
from time import perf_counter

import numpy as np
import torch
from peft import LoraConfig, get_peft_model

from lora_edu import initial, sweep, teacher_student

D, STEPS, RUNS = 64, 200, {4: 800, 8: 400, 16: 240, 64: 80}
warnings.filterwarnings("ignore", category=UserWarning)


def best(function, repeats=3):
    """The shortest of a few timings: the least disturbed one."""
    times = []
    for _ in range(repeats):
        begin = perf_counter()
        function()
        times.append(perf_counter() - begin)
    return min(times)


def peft_run(problem, A, B, r, alpha, lr, steps):
    """A run as most people write it: (steps + 1, 5), loss, ‖ΔW‖, ‖∇A‖, ‖∇B‖, −⟨ΔW, G0⟩."""
    linear = torch.nn.Linear(*problem.W0.shape[::-1], bias=False)
    model = get_peft_model(torch.nn.Sequential(linear), LoraConfig(
        r=r, lora_alpha=alpha, target_modules=["0"])).double()
    layer = model.base_model.model[0]
    lora_A, lora_B = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    with torch.no_grad():
        linear.weight.copy_(torch.tensor(problem.W0))
        lora_A.copy_(torch.tensor(A))
        lora_B.copy_(torch.tensor(B))
    X = torch.tensor(problem.X)
    target = X @ torch.tensor(problem.W_star).T
    G0 = torch.tensor(problem.gradient(problem.W0))
    adam = torch.optim.Adam([lora_A, lora_B], lr=lr)
    records = np.empty((steps + 1, 5))
    for t in range(steps + 1):
        adam.zero_grad()
        loss = ((model(X) - target) ** 2).sum() / (2 * len(X))
        loss.backward()
        with torch.no_grad():
            delta = layer.scaling["default"] * lora_B @ lora_A
            records[t] = [loss.item(), delta.norm().item(), lora_A.grad.norm().item(),
                          lora_B.grad.norm().item(), -(delta * G0).sum().item()]
        if t < steps:
            adam.step()
    return records


def main():
    torch.set_num_threads(1)
    problem = teacher_student(D, D, shift_rank=4, rng=np.random.default_rng(0))
    print("  r   sweep runs/s   PEFT loop runs/s   ratio")
    for r, runs in RUNS.items():
        rate = runs / best(lambda r=r, runs=runs: sweep(problem, r=r, alpha=16, lr=1e-3,
                                                        seed=range(runs), steps=STEPS))
        A, B = initial(D, D, r, rng=np.random.default_rng(0))
        loop = 1 / best(lambda r=r, A=A, B=B: peft_run(problem, A, B, r, 16, 1e-3, STEPS), 5)
        print(f"{r:3}   {rate:12.0f}   {loop:16.2f}   {rate / loop:4.0f}×")


if __name__ == "__main__":
    main()
