"""Which learning rate is best at which rank, under three rules for the scale s.

``python -m lora_edu.chapters.small_gpt.first_r [FOLDER]`` makes ``first_r.log`` (240 runs, about
40 minutes on one core): the Bible, q and v, losses on the validation part. The rules agree at rank
8, where s = 1: those runs are made once. Settings and seeds are those of ``compare``.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import torch

from lora_edu.chapters.small_gpt.base import load_base
from lora_edu.chapters.small_gpt.compare import BATCH, RANKS, SEEDS, STEPS
from lora_edu.chapters.small_gpt.text import DATA, part
from lora_edu.chapters.small_gpt.training import fit, loss_on
from lora_edu.nn import inject

FIRST = 8  # the rank at which every rule has s = 1
ALPHAS = {"lora": 8, "rslora": 8**0.5, "none": 1}  # s = 8/r, √(8/r), 1
RATES = [0.004 * 2**i for i in range(8)]  # 0.004 … 0.512


def validation_loss(rule: str, r: int, lr: float, seed: int) -> float:
    """Adapt the base to the Bible, and measure."""
    rng, model = np.random.default_rng(seed), load_base()
    inject(model, ["q", "v"], r, ALPHAS[rule], rule=rule, rng=rng)
    fit(model, part("bible", "train"), steps=STEPS, lr=lr, rng=rng, batch=BATCH)
    return loss_on(model, part("bible", "validation"))


@cache
def losses(folder: Path = DATA) -> dict[tuple[str, int], np.ndarray]:
    """{(rule, r): losses of (SEEDS, RATES)}, from the log."""
    lines = (folder / "first_r.log").read_text(encoding="utf-8").splitlines()
    told = {(seed, rule, int(r), lr): float(loss) for seed, rule, r, lr, loss in
            (line.split() for line in lines if not line.startswith("#"))}
    return {(rule, r): np.array([[told[str(seed), rule if r != FIRST else "lora", r, f"{lr:g}"]
                                  for lr in RATES] for seed in SEEDS])
            for rule in ALPHAS for r in RANKS}


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    with open(folder / "first_r.log", "w", encoding="utf-8") as log:
        def say(line: str) -> None:
            print(line, flush=True)
            log.write(line + "\n")
            log.flush()

        say(f"# bible, q and v, {STEPS} steps, batch {BATCH}, torch {torch.__version__}")
        say("# seed rule r lr validation_loss")
        for seed in SEEDS:
            for rule in ALPHAS:
                for r in RANKS if rule == "lora" else [r for r in RANKS if r != FIRST]:
                    for lr in RATES:
                        loss = validation_loss(rule, r, lr, seed)
                        say(f"{seed} {rule} {r} {lr:g} {loss:.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA)
