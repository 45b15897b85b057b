"""How fast a LoRA layer is, beside PEFT's and a plain Linear: python -m tests.benchmarks.layer

A training step (forward, backward with the gradient of the input, AdamW), and inference with a
merged adapter; r = 8, float32, one thread. The layers are timed one after the other, many rounds
over, in an order that changes from round to round, so that a busy machine hurts all alike. Printed
are the median time and the median of its ratio to the plain Linear within a round.
"""

import random
from copy import deepcopy
from statistics import median
from time import perf_counter

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from lora_edu.nn import LoRALinear

SHAPES = [(16, 64), (64, 256), (64, 768), (256, 1024)]  # batch, d = k
R, ALPHA, ROUNDS = 8, 16, 200


def layers(d):
    """Ours, PEFT's and one that is trained as a whole."""
    plain, config = nn.Linear(d, d), LoraConfig(r=R, lora_alpha=ALPHA, target_modules=["0"])
    pefts = get_peft_model(nn.Sequential(deepcopy(plain)), config).base_model.model[0]
    ours = LoRALinear(deepcopy(plain), R, ALPHA, rng=np.random.default_rng(0))
    return {"ours": ours, "PEFT's": pefts, "plain": plain}


def training(layer, x):
    x, gradient = x.clone().requires_grad_(True), torch.randn_like(x)
    optimiser = torch.optim.AdamW([p for p in layer.parameters() if p.requires_grad])

    def step():
        optimiser.zero_grad()
        x.grad = None
        layer(x).backward(gradient)
        optimiser.step()

    return step


def inference(layer, x):
    if hasattr(layer, "merge"):
        layer.merge()
    return torch.inference_mode()(lambda: layer(x))


def timed(step):
    begin = perf_counter()
    step()
    return perf_counter() - begin


def main():
    torch.set_num_threads(1)
    random.seed(0)
    for n, d in SHAPES:
        for job in (training, inference):
            steps = {name: job(layer, torch.randn(n, d)) for name, layer in layers(d).items()}
            rounds = [{name: timed(steps[name]) for name in random.sample(list(steps), len(steps))}
                      for _ in range(ROUNDS)]
            for name in steps:
                ratio = median(times[name] / times["plain"] for times in rounds)
                print(f"{n:4} × {d:<5} {job.__name__:10} {name:7}"
                      f"{1e6 * median(times[name] for times in rounds):9.1f} µs   {ratio:6.3f}")


if __name__ == "__main__":
    main()
