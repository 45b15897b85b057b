"""What can be done to a model's adapters: choose, delete, merge. Everything happens in place.

Every function takes a model with LoRA layers in it (or one such layer) and raises ValueError when
it has none. What can be refused is refused first: a call that fails leaves the model as it was.
"""

from collections.abc import Iterable, Mapping

from torch import nn
from torch.nn.parallel import DistributedDataParallel

from lora_edu import checks
from lora_edu.nn.layer import LoRALayer, names_of


def lora_layers(model: nn.Module, adapter: str | None = None) -> dict[str, LoRALayer]:
    """{name: layer} for the LoRA layers, or for those with an adapter of the given name.

    Example:
        >>> from lora_edu.nn import inject
        >>> model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> adapted = inject(model, ["0", "2"], r=2, alpha=4)
        >>> {name: layer.active_adapters for name, layer in lora_layers(model).items()}
        {'0': ['default'], '2': ['default']}
    """
    checks.instance("model", model, nn.Module)
    layers = {name: module for name, module in model.named_modules()
              if isinstance(module, LoRALayer)}
    if not layers:
        raise ValueError("model must have LoRA layers (inject adds them), got a "
                         f"{type(model).__name__} without any")
    return layers if adapter is None else with_adapter(layers, "adapter", adapter)


def with_adapter(layers: dict[str, LoRALayer], argument: str, adapter: str) -> dict[str, LoRALayer]:
    """Those that have an adapter; ValueError, of that argument, where none has."""
    names = [name for layer in layers.values() for name in layer.adapters]
    checks.choice(argument, adapter, dict.fromkeys(names))
    return {path: layer for path, layer in layers.items() if adapter in layer.adapters}


def set_adapter(model: nn.Module, names: str | Iterable[str]) -> None:
    """Make these adapters, and no others, active and trainable; ``[]``: only the base.

    The updates of several adapters are added. Each layer uses only the adapters that it has.
    Parameters that belong to no adapter stay frozen or trainable as before. Unmerges. Raises
    ValueError for a name that no layer has.

    Example:
        >>> from lora_edu.nn import LoRALinear
        >>> model = LoRALinear(nn.Linear(6, 4), r=2, alpha=4, name="a")
        >>> model.add_adapter("b", r=1, alpha=4)
        >>> set_adapter(model, ["a", "b"])
        >>> model.active_adapters
        ['a', 'b']
    """
    names = names_of(names)
    layers = lora_layers(model)
    for name in names:
        with_adapter(layers, "each of names", name)
    for layer in layers.values():
        layer.set_adapter([name for name in names if name in layer.adapters])


def delete_adapter(model: nn.Module, name: str) -> None:
    """Delete an adapter, and unmerge. Raises ValueError for a name that no layer has.

    A layer without a further adapter becomes the plain layer again, as in :func:`unload`.

    Example:
        >>> from lora_edu.nn import inject
        >>> model = nn.Sequential(nn.Linear(6, 4))
        >>> adapted = inject(model, ["0"], r=2, alpha=4, name="a")
        >>> delete_adapter(model, "a")
        >>> model[0]
        Linear(in_features=6, out_features=4, bias=True)
    """
    checks.instance("name", name, str)
    layers = with_adapter(lora_layers(model), "name", name).values()
    alone = [layer for layer in layers if list(layer.adapters) == [name]]
    replace(model, {layer: layer.base_layer for layer in alone})
    for layer in layers:
        if layer not in alone:
            layer.delete_adapter(name)


def unload(model: nn.Module) -> None:
    """Delete all adapters, and restore the original layers: the same modules, bit for bit.

    The layers stay frozen; ``model.requires_grad_(True)`` unfreezes them.

    Example:
        >>> from lora_edu.nn import inject
        >>> model = nn.Sequential(nn.Linear(6, 4))
        >>> adapted = inject(model, ["0"], r=2, alpha=4)
        >>> unload(model)
        >>> model[0]
        Linear(in_features=6, out_features=4, bias=True)
    """
    replace(model, {layer: layer.base_layer for layer in lora_layers(model).values()})


def merge(model: nn.Module) -> None:
    """Merge the active adapters into one matrix per layer (see :meth:`LoRALayer.merge`).

    Example:
        >>> from lora_edu.nn import LoRALinear
        >>> model = LoRALinear(nn.Linear(6, 4), r=2, alpha=4)
        >>> merge(model)
        >>> model.merged
        True
    """
    layers = lora_layers(model).values()
    for layer in layers:
        layer.check_merge()
    for layer in layers:
        layer.merge()


def unmerge(model: nn.Module) -> None:
    """Undo :func:`merge`, bit for bit; without a merge, nothing changes.

    Example:
        >>> from lora_edu.nn import LoRALinear
        >>> model = LoRALinear(nn.Linear(6, 4), r=2, alpha=4)
        >>> merge(model)
        >>> unmerge(model)
        >>> model.merged
        False
    """
    for layer in lora_layers(model).values():
        layer.unmerge()


def merge_and_unload(model: nn.Module) -> None:
    """Make a plain model whose weights contain the active adapters, and delete all adapters.

    Each layer's weight becomes a new parameter, so that a weight shared with a layer that has no
    adapter (a tied output head) stays unchanged there. W0 cannot be restored.

    Example:
        >>> import torch
        >>> from lora_edu.nn import inject
        >>> model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> adapted = inject(model, ["0"], r=2, alpha=4, start="both random")
        >>> want = model(torch.ones(6))
        >>> merge_and_unload(model)
        >>> type(model[0]).__name__, torch.allclose(model(torch.ones(6)), want, atol=1e-5)
        ('Linear', True)
    """
    layers = lora_layers(model).values()
    _check_contains(model, layers)
    merge(model)
    for layer in layers:
        layer.base_layer.weight = nn.Parameter(layer.merged_weight, requires_grad=False)
    replace(model, {layer: layer.base_layer for layer in layers})


def loraplus_groups(model: nn.Module, lr: float, ratio: float) -> list[dict]:
    """Parameter groups of LoRA+ (Hayou et al. 2024) for a torch optimiser.

    Embeddings are included, so every ``lora_B`` has the higher rate.

    Args:
        model: A model with a trainable adapter.
        lr: The learning rate of every trained parameter other than ``lora_B``.
        ratio: ``lora_B`` has the learning rate lr·ratio. LoRA+ uses a ratio above 1, about 16.

    Raises:
        ValueError: Unless lr > 0, ratio > 0, and an adapter is trainable.

    Example:
        >>> import torch
        >>> from lora_edu.nn import inject
        >>> model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> adapted = inject(model, ["0", "2"], r=2, alpha=4)
        >>> optimiser = torch.optim.AdamW(loraplus_groups(model, lr=0.001, ratio=16))
        >>> [(group["lr"], len(group["params"])) for group in optimiser.param_groups]
        [(0.001, 2), (0.016, 2)]
    """
    lr = checks.number("lr", lr, above=0.0)
    ratio = checks.number("ratio", ratio, above=0.0)
    B = [adapter.lora_B for layer in lora_layers(model).values()
         for adapter in layer.adapters.values() if adapter.lora_B.requires_grad]
    if not B:
        raise ValueError("model must have an adapter whose B requires a gradient, got none "
                         "(set_adapter turns an adapter on)")
    known = {id(p) for p in B}
    others = [p for p in model.parameters() if p.requires_grad and id(p) not in known]
    return [{"params": others, "lr": lr}, {"params": B, "lr": lr * ratio}]


def replace(model: nn.Module, new: Mapping[nn.Module, nn.Module]) -> None:
    """Put ``new[old]`` wherever a module ``old`` hangs in the model, in one pass."""
    _check_contains(model, new)
    places = [(parent, name, new[child]) for parent in model.modules()
              for name, child in parent._modules.items() if child in new]
    for parent, name, module in places:
        setattr(parent, name, module)


def inner(model: nn.Module) -> nn.Module:
    """The model inside torch.compile, DataParallel and the like: layers have their names there."""
    while isinstance(model, (nn.DataParallel, DistributedDataParallel)) or (
            list(getattr(model, "_modules", ())) == ["_orig_mod"]):
        [model] = model._modules.values()
    return model


def _check_contains(model: nn.Module, layers: Iterable[nn.Module]) -> None:
    """Raise ValueError when one of the layers is the model itself."""
    if model in layers:
        raise ValueError("model must contain the LoRA layer, but it is the LoRA layer; its plain "
                         "layer is model.base_layer")
