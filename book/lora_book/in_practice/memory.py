"""What it takes to train an adapter on a model of Llama's shape, in bytes, term by term.

Shapes are those of Llama 7B and 13B and of Llama 2 70B (Touvron et al.
2023). Activations are what PyTorch saves for the backward pass in the Llama of transformers 5 with
PEFT's layers and an attention that keeps no scores; ``runs_memory`` measures it.
"""

from dataclasses import dataclass
from typing import NamedTuple

from lora_book.shared.models import Model


@dataclass(frozen=True)
class Llama(Model):
    """A :class:`Model` with a gate in its MLP; norms, embedding and head stay in 16 bits."""

    heads: int = 32
    vocabulary: int = 32_000

    @property
    def linear(self) -> int:
        """The parameters of all linear layers but the head: those that are quantised."""
        return self.frozen(MODULES["all seven"])

    @property
    def rest(self) -> int:
        """Embedding, head, and the norms: two a layer and one at the end."""
        return 2 * self.vocabulary * self.d + (2 * self.layers + 1) * self.d


def llama(layers: int, d: int, hidden: int, heads: int, kv: int | None = None,
          vocabulary: int = 32_000) -> Llama:
    """kv: the outputs of k and of v; as many as the width unless given."""
    kv = kv or d
    return Llama(layers, {"q": (d, d), "k": (kv, d), "v": (kv, d), "o": (d, d),
                          "gate": (hidden, d), "up": (hidden, d), "down": (d, hidden)},
                 heads=heads, vocabulary=vocabulary)


class Precision(NamedTuple):
    """Bytes of a number: of a linear layer, another frozen one, an activation; of a trained one
    its weight, gradient and two moments. copies: each adapter casts its input and A and B."""

    linear: float
    number: int
    weight: int
    gradient: int
    moments: int
    copies: bool


MODULES = {"q, v": "q, v", "q, k, v, o": "q, k, v, o",
           "all seven": "q, k, v, o, gate, up, down"}
LLAMAS = {"7B": llama(32, 4096, 11_008, 32), "13B": llama(40, 5120, 13_824, 40),
          "70B": llama(80, 8192, 28_672, 64, kv=1024)}
NF4 = (4 + 8 / 64 + 32 / (64 * 256)) / 8  # bytes: the code, a share of two sets of constants
PRECISIONS = {
    "16 bits": Precision(2, 2, 2, 2, 4, copies=False),
    "mixed": Precision(2, 2, 4, 4, 8, copies=True),  # PEFT's default under autocast
    "8-bit base": Precision(1, 2, 4, 4, 8, copies=True),
    "4-bit base": Precision(NF4, 2, 4, 4, 8, copies=True),
}


def kept(model: Llama, modules: str, r: int, precision: Precision) -> dict[str, float]:
    """Bytes that one layer saves of one token for the backward pass."""
    names = MODULES[modules].split(", ")
    b = precision.number
    d = model.d
    kv = model.shapes["k"][0]
    hidden = model.shapes["up"][0]
    if precision.copies:  # every adapter has a copy of its input
        inputs = sum(model.shapes[name][1] for name in names)
    else:  # shared; o's input is kept by attention anyway
        inputs = (d * bool({"q", "k", "v"} & set(names)) + d * bool({"gate", "up"} & set(names))
                  + hidden * ("down" in names))
    return {
        "inputs of two norms": 4 * (2 * d + 2),  # in float32, each with its length
        "q, k, v, output": b * (2 * d + 2 * kv) + 4 * model.heads,  # and a sum for each head
        "gate, silu(gate), up": b * 3 * hidden,
        "inputs of the adapters": b * inputs,
        "inputs after A": b * r * len(names),
    }


def account(model: Llama, modules: str, r: int, precision: Precision, tokens: int,
            checkpointing: bool) -> dict[str, float]:
    """Bytes of each term for a step on ``tokens`` tokens (batch × length).

    The sum is an upper bound: by the time the gradients exist, activations have been freed.
    """
    trained = model.trainable(MODULES[modules], r)
    layer = sum(kept(model, modules, r, precision).values())
    copy = precision.number * trained if precision.copies else 0
    if checkpointing:  # inputs of all layers, and one layer at a time
        activations = tokens * (model.layers * precision.number * model.d + layer)
        copy /= model.layers
    else:
        activations = tokens * model.layers * layer
    return {
        "base": precision.linear * model.linear + precision.number * model.rest,
        "A and B": precision.weight * trained,
        "gradients": precision.gradient * trained,
        "moments": precision.moments * trained,
        "activations": activations + copy,
        "logits": 12 * tokens * model.vocabulary,  # float32: log-probabilities, two gradients
    }


def file(model: Llama, modules: str, r: int, precision: Precision) -> int:
    """Bytes of the adapter's file, without its header."""
    return precision.weight * model.trainable(MODULES[modules], r)
