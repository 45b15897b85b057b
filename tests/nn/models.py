"""Layers and a small model for the tests of lora_edu.nn, and the model's twin in PEFT."""

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from lora_edu.nn import LoRAEmbedding, LoRALinear, inject, lora_layers
from tests.nn.compare import same_bits

TARGETS = ["tokens", "q", "v"]
LAYERS = ["tokens", "blocks.0.q", "blocks.0.v", "blocks.1.q", "blocks.1.v"]


class Block(nn.Module):
    """Two linear layers, one with a bias and one without, and something that is neither."""

    def __init__(self):
        super().__init__()
        self.q = nn.Linear(8, 9)
        self.v = nn.Linear(9, 8, bias=False)
        self.act = nn.Tanh()

    def forward(self, x):
        return x + self.v(self.act(self.q(x)))


class Net(nn.Module):
    """ids (…) → logits (…, 5): an embedding of 13 tokens (0 is padding), two blocks, a head."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(13, 8, padding_idx=0)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.head = nn.Linear(8, 5)

    def forward(self, ids):
        x = self.tokens(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def net():
    """The same bits each time; torch's global generator is left as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Net()


def rng(seed=0):
    return np.random.default_rng(seed)


def token_ids(*shape):
    return torch.tensor(rng().integers(0, 13, shape))


IDS = token_ids(3, 7)  # with some padding


def adapted(r=4, alpha=8, targets=TARGETS, seed=1, **settings):
    """(a Net with an adapter that is not zero, the plain Net)."""
    model = net()
    inject(model, targets, r, alpha, rng=rng(seed), start="both random", **settings)
    return model, net()


def llama(model_type=LlamaForCausalLM, **settings):
    """A tiny Llama, the same each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return model_type(LlamaConfig(**{
            "vocab_size": 16, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
            "num_attention_heads": 2} | settings))


def gpt2():
    """A tiny GPT-2, whose layers keep their weights transposed; the same each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return GPT2LMHeadModel(GPT2Config(
            vocab_size=16, n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0)).eval()


def unet():
    """A tiny UNet of diffusers, and an input of it."""
    import diffusers

    model = diffusers.UNet2DConditionModel(
        8, block_out_channels=(32,), layers_per_block=1, down_block_types=["CrossAttnDownBlock2D"],
        up_block_types=["CrossAttnUpBlock2D"], cross_attention_dim=16, attention_head_dim=4)
    return model, (torch.randn(1, 4, 8, 8), 1, torch.randn(1, 5, 16))


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


def matrices(model, twin):
    """(ours, PEFT's) for each A and B of the two models."""
    for name, layer in lora_layers(model).items():
        [adapter] = layer.active
        yield from zip(adapter.parameters(), peft_matrices(twin, name), strict=True)


def assert_pefts(model, twin, tolerance=1e-15):
    """Raise AssertionError unless A, B and s of every layer are PEFT's; A and B to the bit."""
    layers = lora_layers(model)
    assert sorted(layers) == sorted(twin.targeted_module_names)
    for have, want in matrices(model, twin):
        assert same_bits(have, want)
    for name, layer in layers.items():
        theirs = twin.base_model.model.get_submodule(name)
        assert theirs.scaling["default"] == pytest.approx(layer.active[0].scaling, rel=tolerance)


DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
KINDS = {"Linear": (nn.Linear, LoRALinear), "Embedding": (nn.Embedding, LoRAEmbedding)}


def make_layer(kind="Linear", k=7, d=5, r=3, alpha=6.0, seed=0, dtype=None, start="both random",
               **settings):
    """A LoRA layer; ``dtype`` is its base's."""
    base_type, layer_type = KINDS[kind]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        base = base_type(k, d).to(dtype)
    return layer_type(base, r, alpha, rng=rng(seed), start=start, **settings)


def inputs(kind="Linear", k=7, dtype=torch.float32):
    if kind == "Embedding":
        return torch.tensor(rng().integers(0, k, (4, 3)))
    return torch.tensor(rng().normal(size=(4, 3, k)), dtype=dtype)
