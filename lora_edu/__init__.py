"""lora_edu: the small package behind the book *LoRA, from scratch*.

The names below are the NumPy core; importing them loads NumPy and nothing else. The same in
PyTorch is ``lora_edu.nn``, what is in a LoRA file says ``lora_edu.examine``, sliders are
``lora_edu.explore`` (plotly, ipywidgets), and the code behind the book's chapters is
``lora_book``.
"""

from lora_edu.adapter import RULES, Adapter, scaling
from lora_edu.clipping import Clipped
from lora_edu.grids import sweep
from lora_edu.init import DISTRIBUTIONS, STARTS, initial
from lora_edu.invariance import equivalent
from lora_edu.optim import OPTIMISERS, SGD, Adam, AdamW, Lion, Momentum, SignSGD, optimiser
from lora_edu.optim_base import Optimiser
from lora_edu.optim_matrix import Adafactor, Muon
from lora_edu.problems import Regression, effective_rank, teacher_student
from lora_edu.records import History, Sweep
from lora_edu.training import train

__version__ = "1.0.0"

__all__ = [
    "DISTRIBUTIONS", "OPTIMISERS", "RULES", "SGD", "STARTS", "Adafactor", "Adam", "AdamW",
    "Adapter", "Clipped", "History", "Lion", "Momentum", "Muon", "Optimiser", "Regression",
    "SignSGD", "Sweep", "effective_rank", "equivalent", "initial", "optimiser",
    "scaling", "sweep", "teacher_student", "train",
]
