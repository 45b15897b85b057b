"""Makes the logs of the small GPT's learning rates in ``shared/maps`` anew: which is best at which
rank under three rules for the scale s, and which beside whole matrices.

Of the first only what is missing is trained.
"""

import torch

from lora_book.shared import rate_maps
from lora_book.small_gpt.adapting import BATCH, STEPS, adapted, held_out

NAME = "small_gpt"
RANKS = (1, 4, 8, 16, 64)
SEEDS = (0, 1, 2)
SET_UP = f"q and v, {STEPS} steps, batch {BATCH}, torch {torch.__version__}"
COLUMNS = "# task rule r seed lr validation_loss"


def validation_loss(style: str, rule: str, r: int, lr: float, seed: int, **more) -> float:
    """Adapt the base to a text with q and v, and measure. more: of :func:`adapted`."""
    model = adapted(style, ("q", "v"), r, rate_maps.ALPHAS[rule], lr, seed, rule=rule, **more)
    return held_out(model, style)


BESIDE = ("head", "characters")  # the modules that train in full beside the adapter
# rates of the adapter and of BESIDE
PAIRS = [(0.032, whole_lr) for whole_lr in (0, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032)]
PAIRS += [(0.016, 0.016), (0.008, 0.008)]


def loss_beside(adapter_lr: float, whole_lr: float, seed: int) -> float:
    """The validation loss with q and v adapted, r = 8, and BESIDE trained in full at whole_lr.

    At 0 they are frozen.
    """
    def thaw(model):
        modules = [getattr(model, name).requires_grad_(whole_lr > 0) for name in BESIDE]
        return [p for module in modules for p in module.parameters()]

    return validation_loss("bible", "lora", 8, adapter_lr, seed, thaw=thaw,
                           times=whole_lr / adapter_lr)


def map_beside() -> None:
    """The log of runs with BESIDE trained at rates of their own."""
    lines = [f"# q and v, r = 8; {' and '.join(BESIDE)} in full; torch {torch.__version__}",
             "# seed adapter_lr lr validation_loss"]
    lines += [f"{seed} {adapter_lr:g} {whole_lr:g} {loss_beside(adapter_lr, whole_lr, seed):.4f}"
              for seed in SEEDS for adapter_lr, whole_lr in PAIRS]
    (rate_maps.FOLDER / f"{NAME}_beside.log").write_text("\n".join(lines) + "\n", "utf-8")


def main() -> None:
    # begin: an octave of ``rate_maps.rate``
    rate_maps.search(NAME, validation_loss, tasks=["bible"], ranks=RANKS, seeds=SEEDS,
                     begin=3, head=f"# {SET_UP}\n{COLUMNS}\n")
    map_beside()
