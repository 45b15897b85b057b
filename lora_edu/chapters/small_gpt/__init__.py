"""A small GPT over characters: the model, its texts, its training, its checkpoint.

Imports torch and the NumPy core; ``import lora_edu`` alone loads none of this. In the order of a
first reading: ``model`` (the transformer), ``text`` (three texts), ``training`` (fit, measure,
write), ``base`` (the pretrained model). ``pretrain`` and ``compare`` are the scripts that made what
is in ``data/``, ``results`` reads it, ``figures`` draws it; ``first_r`` makes a map of learning
rates in ``shared/maps``.
"""

from lora_edu.chapters.small_gpt.base import load_base, untrained
from lora_edu.chapters.small_gpt.model import GPT, Size
from lora_edu.chapters.small_gpt.text import ALPHABET, DATA, STYLES, decode, encode, part, read
from lora_edu.chapters.small_gpt.training import fit, loss_on, surprise, write

__all__ = ["ALPHABET", "DATA", "GPT", "STYLES", "Size", "decode", "encode", "fit", "load_base",
           "loss_on", "part", "read", "surprise", "untrained", "write"]
