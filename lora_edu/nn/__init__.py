"""LoRA in PyTorch: layers with adapters, put into any model, merged, switched, saved and loaded.

In the order of a first reading: ``low_rank`` (A, B, s), ``layer`` (the formula; several adapters,
merging), ``targets`` (layers by name), ``injection`` (into a model), ``model`` (all layers at
once), ``files`` (PEFT's format), ``checkup`` (what is wrong with a model, by the ``questions`` that
the doctor asks of its ``parts``). The formats of other tools are ``lora_edu.nn.convert``, a package
of its own.
"""

try:
    from lora_edu.nn.layer import LoRAEmbedding, LoRALayer, LoRALinear
except ModuleNotFoundError as error:
    error.add_note('what lora_edu.nn needs: pip install "lora_edu[nn]"')
    raise
from lora_edu.formats.config import AdapterConfig
from lora_edu.formats.convention import TOOLS, convention
from lora_edu.nn.checkup import doctor
from lora_edu.nn.files import load_adapter, save_adapter
from lora_edu.nn.injection import inject
from lora_edu.nn.low_rank import LowRank
from lora_edu.nn.model import (
    delete_adapter,
    lora_layers,
    loraplus_groups,
    merge,
    merge_and_unload,
    set_adapter,
    unload,
    unmerge,
)

__all__ = [
    "TOOLS", "AdapterConfig", "LoRAEmbedding", "LoRALayer", "LoRALinear", "LowRank",
    "convention", "delete_adapter", "doctor", "inject", "load_adapter", "lora_layers",
    "loraplus_groups", "merge", "merge_and_unload", "save_adapter", "set_adapter", "unload",
    "unmerge",
]
