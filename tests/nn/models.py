"""Layers and a small model for the tests of lora_edu.nn, and the model's twin in PEFT."""

import copy

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from lora_edu.nn import LoRAEmbedding, LoRALinear, inject, lora_layers

TARGETS = ["tokens", "q", "v"]
LAYERS = ["tokens", "blocks.0.q", "blocks.0.v", "blocks.1.q", "blocks.1.v"]


class Block(nn.Module):
    """Two linear layers, one with a bias and one without, and something that is neither."""

    def __init__(self, d):
        super().__init__()
        self.q = nn.Linear(d, d + 1)
        self.v = nn.Linear(d + 1, d, bias=False)
        self.act = nn.Tanh()

    def forward(self, x):
        return x + self.v(self.act(self.q(x)))


class Net(nn.Module):
    """ids (…) → logits (…, 5): an embedding of 13 tokens (0 is padding), two blocks, a head."""

    def __init__(self, d=8):
        super().__init__()
        self.tokens = nn.Embedding(13, d, padding_idx=0)
        self.blocks = nn.ModuleList([Block(d), Block(d)])
        self.head = nn.Linear(d, 5)

    def forward(self, ids):
        x = self.tokens(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def net(seed=0, dtype=torch.float32):
    """The same bits for the same seed; torch's global generator is left as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Net().to(dtype)


def rng(seed=0):
    return np.random.default_rng(seed)


def token_ids(*shape, seed=0):
    return torch.tensor(rng(seed).integers(0, 13, shape))


def adapted(r=4, alpha=8, targets=TARGETS, seed=1, start="both random", **settings):
    """(a Net with an adapter that is not zero, the plain Net it was made from)."""
    plain = net()
    model = copy.deepcopy(plain)
    inject(model, targets, r, alpha, rng=np.random.default_rng(seed), start=start, **settings)
    return model, plain


def peft_twin(model, plain, **config):
    """``plain`` in PEFT, with the matrices of ``model``'s active adapter copied in."""
    twin = get_peft_model(copy.deepcopy(plain), LoraConfig(
        **{"target_modules": TARGETS} | config), autocast_adapter_dtype=False)
    for name, layer in lora_layers(model).items():
        [adapter] = layer.active
        A, B = peft_matrices(twin, name)
        with torch.no_grad():
            A.copy_(adapter.lora_A)
            B.copy_(adapter.lora_B)
    return twin


def llama(model_type=LlamaForCausalLM, **settings):
    """A tiny Llama, the same each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return model_type(LlamaConfig(**{
            "vocab_size": 16, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
            "num_attention_heads": 2} | settings))


def tied_in_peft():
    """A Llama of PEFT whose embedding and output head share their adapter, and q of its block."""
    tied = llama(vocab_size=9, hidden_size=8, num_hidden_layers=1, tie_word_embeddings=True)
    return get_peft_model(tied, LoraConfig(
        r=2, target_modules=["embed_tokens", "q_proj", "lm_head"], ensure_weight_tying=True))


def peft_matrices(twin, name):
    """PEFT's (A, B) of the layer with this name."""
    layer = twin.base_model.model.get_submodule(name)
    if layer.lora_embedding_A:
        return layer.lora_embedding_A["default"], layer.lora_embedding_B["default"]
    return layer.lora_A["default"].weight, layer.lora_B["default"].weight


DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
KINDS = {"Linear": (nn.Linear, LoRALinear), "Embedding": (nn.Embedding, LoRAEmbedding)}


def make_layer(kind="Linear", k=7, d=5, r=3, alpha=6.0, seed=0, dtype=None, **settings):
    """A LoRA layer whose adapter is not zero; ``dtype`` is its base's."""
    base_type, layer_type = KINDS[kind]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        base = base_type(k, d).to(dtype)
    return layer_type(base, r, alpha, **{"start": "both random",
                                         "rng": np.random.default_rng(seed)} | settings)


def inputs(kind="Linear", k=7, dtype=torch.float32, shape=(4, 3)):
    rng = np.random.default_rng(9)
    if kind == "Embedding":
        return torch.tensor(rng.integers(0, k, shape))
    return torch.tensor(rng.normal(size=(*shape, k)), dtype=dtype)
