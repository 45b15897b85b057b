"""Makes the data of Muon's best rates anew:

    python -m lora_book.other_optimisers.make_data

``digits.npz``, and in ``shared/maps`` the log of the small GPT, of which only what is missing is
trained.
"""

from functools import partial

import numpy as np
import torch

from lora_book.first_r.make_data import train
from lora_book.other_optimisers import runs
from lora_book.shared import rate_maps
from lora_book.shared.scale_rules import SCALE_RULES
from lora_book.small_gpt.make_maps import COLUMNS, SET_UP, validation_loss
from lora_edu import scaling


def digits_losses(optimiser: str, rule: str, r: int, rates) -> np.ndarray:
    """Adapt the digits' network as the map of The first r you try does, (seeds, rates).

    rule: as ``scaling`` has it.
    """
    s = scaling(r, rate_maps.ALPHAS[rule], rule)
    return train(runs.MAP_TASK, r, s, rates, optimiser=runs.MAKE[optimiser]).T


def muon(params) -> torch.optim.Optimizer:
    return torch.optim.Muon(params, weight_decay=0.0)


gpt_loss = partial(validation_loss, optimiser=muon)


def main() -> None:
    torch.set_num_threads(1)
    saved = {}  # optimiser → (rules, ranks, seeds, rates)
    for optimiser, rates in runs.RATES.items():
        losses = [[digits_losses(optimiser, rule, r, rates) for r in runs.RANKS]
                  for rule in SCALE_RULES.values()]
        saved[optimiser] = np.array(losses, dtype=np.float16)
    np.savez_compressed(runs.FILE, **saved)
    rate_maps.search(runs.LOG, gpt_loss, tasks=["bible"], ranks=runs.RANKS, seeds=(0, 1),
                     begin=4, head=f"# Muon; {SET_UP}\n{COLUMNS}\n")


if __name__ == "__main__":
    main()
