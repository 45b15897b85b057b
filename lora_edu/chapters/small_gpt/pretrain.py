"""``python -m lora_edu.chapters.small_gpt.pretrain [FOLDER]`` makes A small GPT's checkpoint.

Trains the small GPT on Shakespeare, writes ``base.safetensors`` (float16) and ``base.log`` (the
losses on the way, and of the file as it is read back). Takes about a quarter of an hour on one
core. Another version of torch, or another processor, gives other bits and nearly the same losses.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from lora_edu.chapters.small_gpt.model import GPT, Size
from lora_edu.chapters.small_gpt.text import ALPHABET, DATA, part
from lora_edu.chapters.small_gpt.training import fit, loss_on

STEPS, DROPOUT = 6000, 0.1
SETTINGS = {"lr": 2e-3, "batch": 32, "warmup": 100, "weight_decay": 0.1}


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)  # dropout has no generator of its own
    with open(folder / "base.log", "w", encoding="utf-8") as log:
        def say(line: str) -> None:
            print(line, flush=True)
            log.write(line + "\n")

        model = pretrain(say)
        file = folder / "base.safetensors"
        half = {name: p.half() for name, p in model.state_dict().items()}
        save_file(half, file)
        model.load_state_dict(half)
        for name in ("validation", "test"):
            say(f"# in float16: {name} loss {loss_on(model, part('shakespeare', name)):.4f}")
        say(f"# sha256 {hashlib.sha256(file.read_bytes()).hexdigest()}")


def pretrain(say) -> GPT:
    """Train the model; ``say`` gets a line of the log every 250 steps."""
    model = GPT(Size(len(ALPHABET)), dropout=DROPOUT, generator=torch.Generator().manual_seed(0))
    recent = []

    def after_step(step: int, loss: float) -> None:
        recent.append(loss)
        if step % 250 == 0:
            validation = loss_on(model, part("shakespeare", "validation"))
            say(f"{step:6} {np.mean(recent):11.4f} {validation:16.4f}")
            recent.clear()

    say(f"# {STEPS} steps, dropout {DROPOUT}, {SETTINGS}, torch {torch.__version__}")
    say("#step  training loss  validation loss")
    fit(model, part("shakespeare", "train"), steps=STEPS, rng=np.random.default_rng(0),
        after_step=after_step, **SETTINGS)
    return model


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA)
