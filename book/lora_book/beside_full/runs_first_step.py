"""The first step of Adam on the picture of a word: on W itself, and on A and B."""

from functools import cache

import numpy as np

from lora_book.shared.word import picture

ALPHA = 8.0
RANKS = (1, 4, 16, 64, 256, 4096)
TIMES = (1, 2, 4, 8, 16)


def full_step() -> np.ndarray:
    """Adam's first step on W, (d, k), in units of η: W is 0, and the wanted W is the picture."""
    return np.sign(picture())


@cache
def lora_step(r: int) -> np.ndarray:
    """The first step of W under LoRA with α/r, (d, k), in units of η, from a typical draw of A.

    A is normal with PEFT's σ = 1/√(3k), and B is zero.
    """
    S = picture()
    A = np.random.default_rng(31).normal(0, (3 * S.shape[1])**-0.5, (r, S.shape[1]))
    return ALPHA / r * np.sign(S @ A.T) @ A


def compared(step: np.ndarray) -> tuple[float, float]:
    """The use and the harm of a step, (d, k), over those of full fine-tuning's at η = 1.

    The loss after it is L₀ − use + harm: use = ⟨step, picture⟩ and harm = ‖step‖²/2.
    """
    full = full_step()
    return (float(np.vdot(step, picture()) / np.vdot(full, picture())),
            float(np.vdot(step, step) / np.vdot(full, full)))
