"""How long it takes to adapt a model of many layers, beside PEFT, and what files cost in memory:
python -m tests.benchmarks.many_layers [LAYERS]

inject, save, load, set, merge and unload on LAYERS (2,000) Linear(16, 16), and PEFT's injection of
the same; then the peak of memory while an adapter of 537 MB is saved and loaded, as a share of it
(of saving, beyond the adapter itself; of loading, the adapter included). Needs Linux.
"""

import sys
import tempfile
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from lora_edu.nn import inject, load_adapter, merge, save_adapter, set_adapter, unload


def plain(layers):
    return nn.Sequential(*(nn.Linear(16, 16) for _ in range(layers)))


def timed(name, function):
    begin = perf_counter()
    function()
    print(f"{name:14} {perf_counter() - begin:6.2f} s")


def speed(layers):
    folder, rng = tempfile.mkdtemp(), np.random.default_rng(0)
    model, fresh, twin = plain(layers), plain(layers), plain(layers)
    print(f"{layers} layers")
    timed("PEFT's inject", lambda: get_peft_model(twin, LoraConfig(r=4, target_modules=r"\d+")))
    timed("inject", lambda: inject(model, r"\d+", 4, 8, rng=rng))
    timed("save", lambda: save_adapter(model, folder))
    timed("load", lambda: load_adapter(fresh, folder))
    timed("set", lambda: set_adapter(model, "default"))
    timed("merge", lambda: merge(model))
    timed("unload", lambda: unload(model))


def memory(field):
    """A line of Linux's account of this process, in bytes: VmRSS, VmHWM (the peak)."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines()
               if line.startswith(field)]
    return int(line.split()[1]) * 1024


def large(task, folder):
    """Save or load A and B of 512 MB, and print the peak, without what was there before."""
    torch.set_num_threads(1)
    model = nn.ModuleList([nn.Linear(8, 8) for _ in range(4)])
    if task == "save":
        inject(model, r"\d+", 2**21, 8, rng=np.random.default_rng(0), start="both zero")
    Path("/proc/self/clear_refs").write_text("5")  # begin a new peak
    before = memory("VmRSS")
    (save_adapter if task == "save" else load_adapter)(model, folder)
    size = sum(file.stat().st_size for file in Path(folder).iterdir())
    print(f"{task}: a file of {size / 1e6:.0f} MB, peak {(memory('VmHWM') - before) / size:.2f} of "
          f"its size more than before")


if __name__ == "__main__":
    speed(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
    with tempfile.TemporaryDirectory() as folder:
        for task in ("save", "load"):
            child = get_context("spawn").Process(target=large, args=(task, folder))
            child.start()
            child.join()
