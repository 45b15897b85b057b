"""How fast a LoRA layer is, beside PEFT's and a plain Linear: python -m tests.benchmarks.layer

Forward and backward (with the gradient of the input, as inside a model), r = 8, float32, without
and with a step of AdamW; and inference with a merged adapter against a plain Linear. The layers
share one frozen base where they can, and are timed one after the other, many rounds over, in an
order that changes from round to round, so that a busy machine hurts all alike.
Printed are the median over the rounds, the fastest round, and the median of the ratio within a
round. An argument sets the number of threads (1 unless given).
"""

import random
import sys
from copy import deepcopy
from statistics import median
from time import perf_counter

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from lora_edu.nn import LoRALinear, inject, merge_and_unload

SHAPES = [(16, 64), (64, 256), (64, 768), (256, 1024)]  # batch, d = k
R, ALPHA, ROUNDS, ROUND_SECONDS = 8, 16, 200, 1.5e-3


def ours(base):
    return LoRALinear(base, R, ALPHA, rng=np.random.default_rng(0))


def merged(base):
    layer = ours(base)
    layer.merge()
    return layer


def merged_and_unloaded(base):
    model = nn.Sequential(deepcopy(base))
    inject(model, ["0"], R, ALPHA, rng=np.random.default_rng(0))
    merge_and_unload(model)
    return model[0]


def pefts(base):
    config = LoraConfig(r=R, lora_alpha=ALPHA, target_modules=["0"])
    return get_peft_model(nn.Sequential(base), config).base_model.model[0]


def pefts_merged(base):
    layer = pefts(deepcopy(base))
    layer.merge()
    return layer


def plain(base):
    return deepcopy(base).requires_grad_(True)


def frozen(base):
    return base


def products(layer, x):
    x, gradient = x.clone().requires_grad_(True), torch.randn_like(x)

    def step():
        layer.zero_grad(set_to_none=True)
        x.grad = None
        layer(x).backward(gradient)

    return step


def training_step(layer, x):
    step = products(layer, x)
    rule = torch.optim.AdamW([p for p in layer.parameters() if p.requires_grad])

    def with_optimiser():
        step()
        rule.step()

    return with_optimiser


def inference(layer, x):

    def step():
        with torch.inference_mode():
            layer(x)

    return step


def timed(step, repeats):
    begin = perf_counter()
    for _ in range(repeats):
        step()
    return (perf_counter() - begin) / repeats


def compare(makers, job, n, d, against):
    """Time the layers in turn and print a line for each."""
    base, x = nn.Linear(d, d).requires_grad_(False), torch.randn(n, d)
    steps = {make.__name__: job(make(base), x) for make in makers}
    for step in steps.values():  # warm up
        timed(step, 5)
    repeats = max(1, round(ROUND_SECONDS / min(timed(step, 5) for step in steps.values())))
    times = {name: [] for name in steps}
    shuffle = random.Random(0).shuffle
    for _ in range(ROUNDS):
        order = list(steps)
        shuffle(order)
        for name in order:
            times[name].append(timed(steps[name], repeats))
    for name, spent in times.items():
        ratio = median(a / b for a, b in zip(spent, times[against], strict=True))
        print(f"{n:5} × {d:<5} {job.__name__:14} {name:20} {1e6 * median(spent):9.1f} "
              f"{1e6 * min(spent):9.1f}   {ratio:6.3f} × {against}", flush=True)


def main():
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, {threads} thread(s), microseconds\n"
          f"{'batch × d':13} {'job':14} {'layer':20} {'median':>9} {'fastest':>9}   ratio")
    for n, d in SHAPES:
        compare([ours, pefts, frozen, plain], products, n, d, against="pefts")
        compare([ours, pefts, plain], training_step, n, d, against="plain")
        compare([merged, merged_and_unloaded, pefts_merged, plain], inference, n, d, "plain")


if __name__ == "__main__":
    main()
