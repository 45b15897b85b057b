"""Which learning rate is best at which rank, under three rules for the scale s.

``python -m lora_edu.chapters.small_gpt.first_r`` completes ``chapters/shared/maps/small_gpt.log``:
it trains what is missing there, ten seconds a run on one core, and all of it where the file is
away. q and v, losses on the validation part; settings are those of ``compare``.
"""

from __future__ import annotations

import numpy as np
import torch

from lora_edu.chapters.shared import rate_maps
from lora_edu.chapters.small_gpt.base import load_base
from lora_edu.chapters.small_gpt.compare import BATCH, SEEDS, STEPS
from lora_edu.chapters.small_gpt.text import part
from lora_edu.chapters.small_gpt.training import fit, loss_on
from lora_edu.nn import inject

NAME = "small_gpt"
RANKS = (1, 4, 8, 16, 64)
STYLES = ("bible",)
BEGIN = 3  # octaves: η = 0.032


def validation_loss(style: str, rule: str, r: int, lr: float, seed: int) -> float:
    """Adapt the base to a text, and measure."""
    rng, model = np.random.default_rng(seed), load_base()
    inject(model, ["q", "v"], r, rate_maps.ALPHAS[rule], rule=rule, rng=rng)
    fit(model, part(style, "train"), steps=STEPS, lr=lr, rng=rng, batch=BATCH)
    return loss_on(model, part(style, "validation"))


def main() -> None:
    torch.set_num_threads(1)
    rate_maps.search(
        rate_maps.FOLDER / f"{NAME}.log", validation_loss, tasks=STYLES, ranks=RANKS, seeds=SEEDS,
        begin=BEGIN, head=f"# q and v, {STEPS} steps, batch {BATCH}, torch {torch.__version__}\n"
        "# task rule r seed lr validation_loss\n")


if __name__ == "__main__":
    main()
