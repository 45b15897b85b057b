"""Put adapters into a model: which layers, chosen by name, and what happens to the rest.

Imports torch, regex (which can stop a search) and the NumPy core. Names are matched as PEFT
matches ``target_modules``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import regex
from torch import nn

from lora_edu import _check
from lora_edu.nn.layer import LAYERS
from lora_edu.nn.model import replace, set_adapter
from lora_edu.nn.named import LoRALayer
from lora_edu.nn.undo import unchanged_on_failure

Targets = str | Collection[str]
PATIENCE = 1.0  # seconds for one name: patterns come from files, too


def inject(model: nn.Module, targets: Targets, r: int, alpha: float, *, rng, name: str = "default",
           exclude: Targets = (), **settings) -> list[str]:
    """Add an adapter called ``name`` to layers of ``model``, in place. Returns the layers' names.

    Afterwards it is the only active adapter, and the only thing that trains: every other parameter
    is frozen. To train a head as well, call ``model.head.requires_grad_(True)`` then.

    targets: a list of names, or one regular expression. A name in a list stands for every layer
    that is called so, or so after a dot: ``["q", "v"]`` finds ``blocks.0.q``. A string is a regular
    expression for a layer's whole name, such as ``r"blocks\\.[01]\\.[qv]"``. Both are PEFT's.
    exclude: layers to leave out, in either form.
    r, alpha, rng, and settings (rule, start, distribution, dropout, dtype): see
    :meth:`LoRALayer.add_adapter`. The layers draw from rng in the order of the names returned.

    A layer that has other adapters keeps them, inactive. The same name on different layers, added
    in several calls, is one adapter: so its rank can differ from layer to layer.

    Raises ValueError when nothing matches targets, or one of its names, and TypeError for a match
    that is no Linear and no Embedding (or a subclass); and as ``add_adapter`` does. Then the model
    is as it was.
    """
    _check.instance("model", model, nn.Module)
    targets, exclude = checked("targets", targets), checked("exclude", exclude, may_be_empty=True)
    found = select(model, targets, exclude)
    for target in [targets] if isinstance(targets, str) else [[entry] for entry in targets]:
        if not any(matches(path, target) for path in found):
            raise ValueError(_nothing_matches(model, target))
    add(model, found, name, lambda path: {"r": r, "alpha": alpha, "rng": rng, **settings})
    return list(found)


def add(model: nn.Module, found: dict[str, nn.Module], name: str, settings) -> None:
    """Give each layer an adapter, and make it the only one that counts and trains.

    found: {path: layer}. settings: path → the arguments of :meth:`LoRALayer.add_adapter`. A plain
    layer becomes the LoRA layer of its kind. If any of them fails, the model is as it was.
    """
    for module in found.values():
        if isinstance(module, LoRALayer):
            module.check_new_name(name)
    with unchanged_on_failure(model):
        made = {}
        for path, module in found.items():
            if isinstance(module, LoRALayer):
                module.add_adapter(name, **settings(path))
            else:
                made[module] = LAYERS[type(module)](module, name=name, **settings(path))
        replace(model, made)
        model.requires_grad_(False)
        set_adapter(model, name)


def select(model: nn.Module, targets: Targets, exclude: Targets = ()) -> dict[str, nn.Module]:
    """{name: layer} that targets choose and exclude does not; a shared layer by its first name.

    Raises TypeError or ValueError for a match that cannot have an adapter.
    """
    found, seen = {}, set()
    for path, module in walk(model):
        if module in seen or not matches(path, targets) or matches(path, exclude):
            continue
        seen.add(module)
        if not isinstance(module, LoRALayer):
            if type(module) not in LAYERS:
                raise TypeError("targets must choose torch.nn.Linear and torch.nn.Embedding layers "
                                f"(no subclasses), {path!r} is of type {type(module).__name__}")
            LAYERS[type(module)].check_base(module)
        found[path] = module
    return found


def matches(path: str, targets: Targets) -> bool:
    """Whether a layer's name is one that targets choose (see :func:`inject`)."""
    if isinstance(targets, str):
        return fits(targets, path)
    return any(path == target or path.endswith("." + target) for target in targets)


def fits(pattern: str, path: str) -> bool:
    """Whether a regular expression is that of the whole name; ValueError if that takes too long."""
    try:
        return regex.fullmatch(pattern, path, timeout=PATIENCE) is not None
    except TimeoutError:
        raise ValueError(f"target_modules and patterns must be regular expressions that are soon "
                         f"decided, {pattern!r} takes too long for {path!r}") from None


def walk(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """(name, module) for all modules below ``module``, without looking into LoRA layers."""
    if not isinstance(module, LoRALayer):
        for name, child in module.named_children():
            yield prefix + name, child
            yield from walk(child, f"{prefix}{name}.")


def checked(argument: str, targets: Targets, may_be_empty: bool = False) -> str | list[str]:
    """targets, as a string or a list; TypeError or ValueError for what can choose no layer."""
    if isinstance(targets, str):
        try:
            regex.compile(targets)
        except regex.error as error:
            raise ValueError(f"{argument} must be a regular expression or a list of names, "
                             f"got {targets!r}: {error}") from None
        return targets
    if not isinstance(targets, Collection) or not all(isinstance(t, str) for t in targets):
        raise TypeError(f"{argument} must be a list of names or one regular expression, "
                        f"got {targets!r}")
    if not targets and not may_be_empty:
        raise ValueError(f"{argument} must be a list of at least one name, got {targets!r}")
    return list(targets)


def _nothing_matches(model: nn.Module, target: Targets) -> str:
    layers = [path for path, module in walk(model)
              if type(module) in LAYERS or isinstance(module, LoRALayer)]
    endings = list(dict.fromkeys(path.rpartition(".")[2] for path in layers))
    hint = " (a string is a regular expression for the whole name; a list is for its end)"
    return (f"targets must match layers of the model, nothing matches "
            f"{repr(target) + hint if isinstance(target, str) else repr(target[0])}; "
            f"its Linear and Embedding layers are called {endings}, for instance {layers[:3]}")
