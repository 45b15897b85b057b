"""The LoRA paper's own numbers: what its models train, store and hold in memory.

What is printed is read from Hu et al. 2021, version 2.
"""

from typing import NamedTuple

from lora_edu.chapters.shared.models import SIZES

MODELS = {"RoBERTa base": SIZES["RoBERTa base"], "RoBERTa large": SIZES["RoBERTa large"],
          "DeBERTa XXL": SIZES["DeBERTa XXL"], "GPT-2 M": SIZES["GPT-2 medium"],
          "GPT-2 L": SIZES["GPT-2 large"], "GPT-3": SIZES["GPT-3"]}  # by the paper's names
TARGETS = ("v", "q, v", "q, k, v, o", "all six")
RANKS = tuple(2**i for i in range(7))
PRINTED = {  # model: (matrices, r, trainable parameters as the paper prints them)
    "RoBERTa base": (("q, v", 8, 0.3e6),),  # Tables 2 and 9
    "RoBERTa large": (("q, v", 8, 0.8e6),),
    "DeBERTa XXL": (("q, v", 8, 4.7e6),),  # Tables 2 and 10
    "GPT-2 M": (("q, v", 4, 0.35e6),),  # Tables 3 and 11
    "GPT-2 L": (("q, v", 4, 0.77e6),),
    "GPT-3": (("v", 2, 4.7e6), ("q, v", 1, 4.7e6), ("q, v", 2, 9.4e6), ("q, v", 4, 18.8e6),
              ("q, v", 8, 37.7e6), ("q, v", 64, 301.9e6), ("q, k, v, o", 1, 9.4e6),
              ("q, k, v, o", 2, 18.8e6), ("q, k, v, o", 4, 37.7e6),
              ("q, k, v, o", 64, 603.8e6)),  # Table 15
}


class Bytes(NamedTuple):
    """Bytes of one number: in a checkpoint, in Adam's two moments, in training with all that goes
    with it, and where it is frozen."""

    saved: float
    moments: float
    training: float
    frozen: float


PRECISIONS = {
    "16 bits": Bytes(2, 4, 8, 2),  # weight, gradient, two moments
    "32 bits": Bytes(4, 8, 16, 4),
    "mixed": Bytes(2, 8, 16, 2),  # and a copy of the weight: 2 + 2 + 4 + 4 + 4
    "mixed, 4-bit base": Bytes(2, 8, 16, 0.5),  # without the constants of its blocks
}
# GPT-3, section 4.2: full, LoRA
CHECKPOINTS = (350e9, 35e6)
IN_TRAINING = (1.2e12, 350e9)


def memory(model: str, trained: int, full: bool, precision: str = "16 bits"
           ) -> tuple[float, float, float]:
    """Bytes of (a checkpoint of what trains, Adam's two moments, everything in training).

    Everything: what goes with each number that trains, and the frozen weights. Activations are
    not counted.
    """
    total = MODELS[model].total
    each = PRECISIONS[precision]
    train, frozen = (total, 0) if full else (trained, total)
    return each.saved * train, each.moments * train, each.training * train + each.frozen * frozen
