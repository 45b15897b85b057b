"""A small GPT over characters: the model, its texts, its training, its checkpoint.

In the order of a first reading: ``model`` (the transformer), ``text`` (three texts), ``training``
(fit, measure, write, the pretrained model). ``make_data`` made what is in ``data/`` and the map of
learning rates in ``shared/maps``; ``results`` reads the one, ``figures`` draws it.
"""

from lora_book.small_gpt.model import GPT, Size
from lora_book.small_gpt.text import ALPHABET, DATA, STYLES, decode, encode, part, read
from lora_book.small_gpt.training import fit, load_base, loss_on, surprise, write

__all__ = ["ALPHABET", "DATA", "GPT", "STYLES", "Size", "decode", "encode", "fit", "load_base",
           "loss_on", "part", "read", "surprise", "write"]
