"""What each step's functions must give: one small trial a step, run on the reader's text and on the
book's. A trial draws its numbers from ``rng`` and returns what came out, by name: numbers, or words
that continue the name to a sentence."""

import itertools
import json
import tempfile
from pathlib import Path

import numpy as np

from lora_book.shared.verdict import NotYet, array, parts

from .calls import call

# n, d, k, r, all different but for the first, in the order of their size
SHAPES = [(1, 1, 1, 1), (2, 3, 4, 1), (3, 4, 2, 5), *[(5, 7, 6, 2), (4, 3, 8, 5), (6, 9, 5, 3)] * 3]
S = 0.7


def drawn(rng, shape) -> dict:
    """Numbers of every name that the steps use."""
    n, d, k, r = shape
    shapes = {"X": (n, k), "Y": (n, d), "D": (n, d), "W0": (d, k), "A": (r, k), "B": (d, r)}
    return {name: rng.normal(size=size) for name, size in shapes.items()}


def low_rank(lora, rng, shape):
    at = drawn(rng, shape)
    return {"delta": call(lora.delta, at["A"], at["B"], S),
            "merge": call(lora.merge, at["W0"], at["A"], at["B"], S)}


def by_hand(lora, rng, shape):
    at = drawn(rng, shape)
    X, D, W0, A, B = (at[name] for name in ("X", "D", "W0", "A", "B"))
    H, U = parts(call(lora.forward, X, W0, A, B, S), "H", "U", of="forward")
    grads = parts(call(lora.backward, D, X, X @ A.T, W0, A, B, S), "∇A", "∇B", "∇X",
                  of="backward")
    return {"H": H, "U": U} | dict(zip(("∇A", "∇B", "∇X"), grads, strict=True))


def step_zero(lora, rng, shape):
    n, d, k, r = shape
    A, B = parts(call(lora.start, d, k, r, np.random.default_rng(n)), "A", "B", of="start")
    wide, same, other = (call(lora.start, 20, 300, 40, np.random.default_rng(seed))[0]
                         for seed in (1, 1, 2))
    entries = np.append(array("A", A) * np.sqrt(k), array("A", wide) * np.sqrt(300))
    is_drawn = np.array_equal(wide, same) and not np.array_equal(wide, other)
    return {"B": B, "start returns an A of shape": str(np.shape(A)),
            "start must draw the entries of A uniformly. They lie":
                f"between {entries.min():.2f}/√k and {entries.max():.2f}/√k, "
                f"with a standard deviation of {entries.std():.1f}/√k",
            "start draws A from": "rng" if is_drawn else "something other than rng"}


def optimisers(lora, rng, shape):
    gradients = rng.normal(size=(3, *shape[1:3])) * [[[1.0]], [[0.1]], [[3.0]]]
    results = {}
    for name, rule, settings in [("sgd", lora.sgd, ()), ("adam", lora.adam, ()),
                                 ("adam", lora.adam, (0.8, 0.9, 0.3))]:
        p = np.zeros(shape[1:3])  # so that it is the sum of the steps
        state = None
        for t, g in enumerate(gradients, 1):
            answer = call(rule, p, g, state, 0.05, *settings)
            if not isinstance(answer, (tuple, list)) or len(answer) != 2:
                raise NotYet(f"{name} must return two values, the parameter and the state.")
            p, state = answer
            results[f"p after step {t} of {name}{settings or ''}"] = p
    return results


def training(lora, rng, shape):
    at = drawn(rng, shape)
    inputs = [at[name] for name in ("X", "Y", "W0", "A", "B")]
    results = {}
    for rule in (lora.adam, lora.sgd):
        answer = parts(call(lora.train, *inputs, S, 0.03, 3, rule), "A", "B", "losses",
                       of="train")
        results |= {f"{name} with {rule.__name__}": value
                    for name, value in zip(("A", "B", "The list of losses"), answer, strict=True)}
    return results


def scale(lora, rng, shape):
    return {f"scale({alpha}, {r})": call(lora.scale, alpha, r)
            for alpha, r in [(16, 8), (1, 4), (5, 2), (8, 8)]}


def rules(lora, rng, shape):
    return scale(lora, rng, shape) | {
        f"scale({alpha}, {r}, {rule!r})": call(lora.scale, alpha, r, rule)
        for rule in ("lora", "rslora", "none") for alpha, r in [(16, 9), (5, 2)]}


def load(lora, rng, shape):
    """Settings and numbers as PEFT saves them: three layers, of which two have names that end alike
    and the first of these a rank and an α of its own, the keys in an order of their own."""
    _, d, k, r = shape
    sizes = {"0": (d, k, r), "block.1.q": (k, d, r + 1), "block.10.xq": (d, d, r)}
    own_alpha = {"1.q": 3, "q": 2} if r > 1 else {}
    settings = {"peft_type": "LORA", "r": r, "lora_alpha": 5, "use_rslora": bool(shape[0] % 2),
                "rank_pattern": {"1.q": r + 1}, "alpha_pattern": own_alpha}
    if r == 1:  # as in older files
        del settings["alpha_pattern"]
    if not settings["use_rslora"]:
        del settings["use_rslora"]
    single = np.float16 if shape[0] % 3 == 0 else np.float32
    tensors = {}
    for name, (rows, columns, rank) in sizes.items():
        key = f"base_model.model.{name}"
        tensors[f"{key}.lora_B.weight"] = rng.normal(size=(rows, rank)).astype(single)
        tensors[f"{key}.lora_A.weight"] = rng.normal(size=(rank, columns)).astype(single)
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder), settings, tensors)
        layers = call(lora.load, Path(folder) if shape[0] % 2 else folder)
    if not isinstance(layers, dict) or set(layers) != set(sizes):
        names = ", ".join(map(str, layers)) if isinstance(layers, dict) else type(layers).__name__
        raise NotYet(f"load must return a dict with the names {', '.join(sizes)}, not "
                     f"{names or 'an empty one'}.")
    return {f"{part} of {name}": value for name in sizes for part, value in zip(
        "ABs", parts(layers[name], "A", "B", "s", of=f"load, of {name},"), strict=True)}


def save(folder: Path, settings: dict, tensors: dict) -> None:
    """Write an adapter as PEFT does."""
    ends = itertools.accumulate((tensor.nbytes for tensor in tensors.values()), initial=0)
    places = itertools.pairwise(ends)
    header = json.dumps({"__metadata__": {"format": "pt"}} | {
        key: {"dtype": f"F{8 * tensor.itemsize}", "shape": tensor.shape, "data_offsets": place}
        for (key, tensor), place in zip(tensors.items(), places, strict=True)}).encode()
    content = b"".join(tensor.tobytes() for tensor in tensors.values())
    folder.joinpath("adapter_config.json").write_text(json.dumps(settings))
    folder.joinpath("adapter_model.safetensors").write_bytes(
        len(header).to_bytes(8, "little") + header + content)


def layer(lora, rng, shape):
    import torch  # which only this step needs

    # in eighths, so that every order of a sum gives the same bits
    at = {name: np.round(8 * values) / 8 for name, values in drawn(rng, shape).items()}
    _, d, k, _ = shape
    base = torch.nn.Linear(k, d, dtype=torch.float64)
    with torch.no_grad():
        base.weight.copy_(torch.tensor(at["W0"]))
        base.bias.fill_(0.5)
    module = call(lora.LoRALinear, base, at["A"], at["B"], S)
    if not isinstance(module, torch.nn.Module):
        raise NotYet("LoRALinear must be a torch.nn.Module.")
    H = call(module, torch.tensor(at["X"]))
    if not isinstance(H, torch.Tensor) or not H.requires_grad:
        raise NotYet("The layer's output must be a tensor that depends on A and B.")
    H.backward(torch.tensor(at["D"]))
    trained = {name: value for name, value in module.named_parameters() if value.requires_grad}
    bits = at["X"] @ at["W0"].T + 0.5 + (at["X"] @ at["A"].T @ at["B"].T) * S
    has_bits = np.array_equal(H.detach(), bits)
    return {"H": H, "LoRALinear trains": ", ".join(sorted(trained)), "The last bits of H are":
            "PEFT's, which multiplies by s last" if has_bits else "not PEFT's"} | {
        f"The gradient of {name}": trained[name].grad if name in trained else 0.0 for name in "AB"}


TRIALS = {"low-rank": low_rank, "by-hand": by_hand, "step-zero": step_zero,
          "optimisers": optimisers, "training": training, "scale": scale, "rules": rules,
          "load": load, "layer": layer}
