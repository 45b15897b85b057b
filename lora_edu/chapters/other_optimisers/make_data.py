"""Makes the page's data anew, in forty minutes of one core:

    python -m lora_edu.chapters.other_optimisers.make_data

``digits.npz``, and in ``shared/maps`` the log of the small GPT, of which only what is missing is
trained.
"""

import numpy as np
import torch
from transformers.optimization import Adafactor

from lora_edu.chapters.first_r.make_data import train
from lora_edu.chapters.other_optimisers import runs
from lora_edu.chapters.shared import rate_maps
from lora_edu.chapters.shared.scale_rules import SCALE_RULES
from lora_edu.chapters.small_gpt.make_maps import SET_UP, validation_loss


def scale(rule: str, r: int) -> float:
    """The scale s, which is 1 at rank 8 under each rule."""
    return {"unscaled": 1.0, "rsLoRA": (8 / r)**0.5, "LoRA": 8 / r}[rule]


def digits_losses(optimiser: str, rule: str, r: int, rates) -> np.ndarray:
    """Adapt the digits' network as the map of The first r you try does, (seeds, rates)."""
    return train(runs.ADAM, r, scale(rule, r), rates, optimiser=runs.MAKE[optimiser]).T


GPT_SEEDS = (0, 1)
BEGIN = {"Muon": 4, "Lion": 1, "Adafactor": 3}  # the octave of η where a search begins


class Lion(torch.optim.Optimizer):
    """As in Chen et al. 2023, with β₁ = 0.9, β₂ = 0.99 and no decay."""

    def __init__(self, params, lr: float = 0.0):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                momentum = self.state[p].setdefault("momentum", torch.zeros_like(p))
                p -= group["lr"] * (0.9 * momentum + 0.1 * p.grad).sign()
                momentum.lerp_(p.grad, 0.01)


MAKE = {"Muon": lambda params: torch.optim.Muon(params, weight_decay=0.0), "Lion": Lion,
        "Adafactor": lambda params: Adafactor(params, lr=0.0, scale_parameter=False,
                                              relative_step=False)}


def gpt_loss(optimiser: str, rule: str, r: int, lr: float, seed: int) -> float:
    """Adapt the small GPT's q and v to the Bible, and measure on the validation part."""
    return validation_loss("bible", rule, r, lr, seed, optimiser=MAKE[optimiser])


def main() -> None:
    torch.set_num_threads(1)
    np.savez_compressed(runs.FILE, **{
        optimiser: np.array([[digits_losses(optimiser, rule, r, rates)
                              for r in runs.ranks(runs.DIGITS, optimiser)] for rule in SCALE_RULES],
                            dtype=np.float16) for optimiser, rates in runs.RATES.items()})
    for optimiser, begin in BEGIN.items():
        rate_maps.search(
            "optimisers.log", gpt_loss, tasks=[optimiser],
            ranks=runs.ranks(runs.GPT, optimiser), seeds=GPT_SEEDS, begin=begin,
            head=f"# the small GPT, Bible, {SET_UP}\n# optimiser rule r seed lr validation_loss\n")


if __name__ == "__main__":
    main()
