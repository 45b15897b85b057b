"""Which layers of a model: chosen by name, as PEFT matches ``target_modules``."""

from collections import Counter
from collections.abc import Iterator

from torch import nn

from lora_edu.formats.names import Targets, matches
from lora_edu.nn.layer import LoRAConv1D, LoRALayer, LoRALinear, lora_layer_for, plain

ALL_LINEAR = "all-linear"  # PEFT's word for all of them but the output head


def select(model: nn.Module, targets: Targets, exclude: Targets = ()) -> dict[str, nn.Module]:
    """{name: layer} that targets choose and exclude does not; a shared layer once.

    Raises TypeError or ValueError for a match that cannot have an adapter.
    """
    layers = {}
    chosen = set()
    for path, module in _chosen(model, targets):
        if module in chosen or matches(path, exclude):
            continue
        chosen.add(module)
        if not isinstance(module, LoRALayer):
            kind = lora_layer_for(module)
            if kind is None:
                raise TypeError("targets must choose torch.nn.Linear, torch.nn.Embedding (no "
                                f"subclasses) or transformers' Conv1D layers, but {path!r} is a "
                                f"{type(module).__module__}.{type(module).__qualname__}; "
                                f"exclude={path.split('.')[-1:]} leaves it out (in a config: "
                                "exclude_modules)")
            kind.check_base(module)
        layers[path] = module
    return layers


def check_each_matches(model: nn.Module, targets: Targets, exclude: Targets,
                       layers: dict[str, nn.Module]) -> None:
    """Raise ValueError unless the pattern, or each name of the list, chooses a layer, and exclude
    leaves one."""
    for target in [targets] if isinstance(targets, str) else [[name] for name in targets]:
        if any(_chosen(model, target)):
            continue
        pattern = target if isinstance(target, str) else target[0]
        paths = [path for path, module in walk(model) if lora_layer_for(plain(module))]
        if not paths:
            raise ValueError(f"model must have Linear or Embedding layers inside it, but this "
                             f"{type(model).__name__} has none (one layer alone: "
                             "torch.nn.Sequential(layer))")
        endings = list(dict.fromkeys(path.rpartition(".")[2] for path in paths))
        raise ValueError(
            f"targets must match layers of the model, but nothing matches {pattern!r} (a string "
            "is a regular expression for the whole name; a list is for its end); its Linear and "
            f"Embedding layers are called {endings}, for instance {paths[:3]}")
    if not layers:
        raise ValueError(f"exclude must leave a layer that {targets!r} chooses, "
                         f"but {exclude!r} leaves none")


def check_places(model: nn.Module, layers: dict[str, nn.Module]) -> None:
    """Raise ValueError where a layer hangs in two places: PEFT would adapt the first alone."""
    places = Counter(child for module in model.modules() for child in module._modules.values())
    for path, module in layers.items():
        if places[module] > 1:
            raise ValueError("model must have each layer under one name, because PEFT adapts only "
                             f"the first, but {path!r} is in {places[module]} places")


def walk(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """(name, module) for all modules below ``module``, without looking into LoRA layers, or PEFT's.

    A shared module comes under each of its names.
    """
    if isinstance(module, LoRALayer) or hasattr(module, "adapter_layer_names"):
        return
    for name, child in module._modules.items():
        if child is not None:
            yield prefix + name, child
            yield from walk(child, f"{prefix}{name}.")


def _chosen(model: nn.Module, targets: Targets) -> Iterator[tuple[str, nn.Module]]:
    """(name, module) for all that targets choose, whatever kind of module it is.

    "all-linear" means what PEFT calls linear (GPT-2's Conv1D is), but for the layer that a
    transformers model itself names as its output head.
    """
    if not isinstance(targets, str) or targets.lower() != ALL_LINEAR:
        yield from ((path, module) for path, module in walk(model) if matches(path, targets))
        return
    output = getattr(model, "get_output_embeddings", None)
    head = output() if callable(output) else None
    for path, module in walk(model):
        linear = isinstance(module, (nn.Linear, LoRALinear)) or LoRAConv1D.stands_for(module)
        if linear and module is not head:
            yield path, module
