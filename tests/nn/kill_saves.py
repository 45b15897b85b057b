"""Saves that are killed, and saves and loads of one folder at once:
python -m tests.nn.kill_saves FOLDER [KILLS] [LOADS]. Exits with an error if a load fails or finds
weights and settings of two saves, or if files are left over. Prints how many it has loaded.

An adapter with α = 4·n has the number n in every entry of A, so that a mixture shows.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import torch
from torch import nn

from lora_edu.nn import LoRALinear, load_adapter, save_adapter

SIDE = 512


def plain():
    return nn.ModuleDict({"q": nn.Linear(SIDE, SIDE)})


def numbered(n):
    model = plain()
    model["q"] = LoRALinear(model["q"], 4, 4.0 * n, start="both zero", rng=RNG)
    nn.init.constant_(model["q"].adapters["default"].lora_A, n)
    return model


def loaded(folder):
    """The number of the adapter that is in the folder; an error if it is a mixture."""
    model = plain()
    load_adapter(model, folder)
    (adapter,) = model["q"].active
    n = int(adapter.scaling)
    assert (adapter.lora_A == n).all(), f"a mixture: alpha says {n}, A {adapter.lora_A[0, 0]}"
    return n


def in_a_child(work):
    """Start ``work`` in a process of its own; its number."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def save_for_ever(folder, models):
    while True:
        save_adapter(random.choice(models), folder)


def main(folder, kills=200, loads=200):
    torch.set_num_threads(1)
    models = [numbered(n) for n in (1, 2, 3)]
    save_adapter(models[0], folder)
    for _ in range(kills):
        child = in_a_child(lambda: save_for_ever(folder, models))
        time.sleep(random.uniform(0.001, 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        loaded(folder)
        assert len(list(folder.iterdir())) <= 4, "files are left over"
    savers = [in_a_child(lambda: save_for_ever(folder, models)) for _ in range(2)]
    try:
        for _ in range(loads):
            loaded(folder)
    finally:
        for child in savers:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    save_adapter(models[0], folder)
    left = sorted(file.name for file in folder.iterdir())
    assert left == ["adapter_config.json", "adapter_model.safetensors"], left
    print(kills, loads)


if __name__ == "__main__":
    import numpy as np

    RNG = np.random.default_rng(0)
    random.seed(0)
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
