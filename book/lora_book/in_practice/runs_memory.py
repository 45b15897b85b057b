"""Measure the bytes that training a small Llama takes on the CPU."""

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lora_book.in_practice.memory import MODULES, Llama, Precision


def adapted(model: Llama, modules: str, r: int, precision: Precision,
            checkpointing: bool = False):
    """A Llama of transformers with random weights, and PEFT's adapters."""
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    kv = model.shapes["k"][0]
    hidden = model.shapes["up"][0]
    llama = LlamaForCausalLM(LlamaConfig(
        vocab_size=model.vocabulary, hidden_size=model.d, intermediate_size=hidden,
        num_hidden_layers=model.layers, num_attention_heads=model.heads,
        num_key_value_heads=kv * model.heads // model.d, attn_implementation="sdpa"))
    llama = llama.to({2: torch.bfloat16, 4: torch.float32}[precision.number])  # bytes of a number
    if checkpointing:
        enable = getattr(llama, "activation_checkpointing_enable",  # its name from version 5 on
                         llama.gradient_checkpointing_enable)
        enable({"use_reentrant": False})
        llama.enable_input_require_grads()
    names = [f"{name}_proj" for name in MODULES[modules].split(", ")]
    return get_peft_model(llama, LoraConfig(r=r, target_modules=names),
                          autocast_adapter_dtype=precision.weight == 4).train()


def loss_of(model, ids: torch.Tensor, precision: Precision) -> torch.Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision.copies):
        return model(input_ids=ids, labels=ids, use_cache=False).loss


def saved(model, ids: torch.Tensor, precision: Precision) -> int:
    """Bytes that autograd saves for the backward pass, without parameters and buffers."""
    of_model = {p.untyped_storage().data_ptr() for p in (*model.parameters(), *model.buffers())}
    held = {}  # the tensors themselves, so that no address is used twice

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in of_model:
            held[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss_of(model, ids, precision)
    return sum(size for size, _ in held.values())


class _Live(TorchDispatchMode):
    """Track every tensor that an operation returns until its memory is freed.

    held: a storage's address → (a weak reference to it, its bytes). bound: the bytes of all in
    held, some of which may be freed: no fewer than are alive. peak: the most that were alive.
    """

    def __init__(self, tensors):
        super().__init__()
        self.held = {}
        self.bound = 0
        self.peak = 0
        for tensor in tensors:
            self.see(tensor)

    def see(self, tensor) -> None:
        storage = tensor.untyped_storage()
        if storage._cdata not in self.held:
            self.bound += storage.nbytes()
        self.held[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(output):
            if isinstance(tensor, torch.Tensor):
                self.see(tensor)
        if self.bound > self.peak:  # perhaps a new peak: drop what has been freed, and count
            self.held = {key: (reference, size) for key, (reference, size) in self.held.items()
                         if not reference.expired()}
            self.bound = sum(size for _, size in self.held.values())
            self.peak = max(self.peak, self.bound)
        return output


def peak(model, ids: torch.Tensor, precision: Precision) -> int:
    """The peak of the bytes held at once in a second step of AdamW."""
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], foreach=False)
    with _Live((*model.parameters(), *model.buffers(), ids)) as live:
        for _ in range(2):  # the first step makes the moments
            live.peak = 0
            loss_of(model, ids, precision).backward()
            optimiser.step()
            optimiser.zero_grad()
    return live.peak
