"""Put adapters into a model: which layers, chosen by name, and what happens to the rest."""

from __future__ import annotations

from typing import Unpack

from torch import nn

from lora_edu import _check
from lora_edu.nn.config import AdapterConfig, PeftConfig
from lora_edu.nn.layer import LAYERS
from lora_edu.nn.lowrank import Draws, Settings, check_known
from lora_edu.nn.model import replace, set_adapter
from lora_edu.nn.named import LoRALayer
from lora_edu.nn.targets import Targets, check_each_matches, checked, select
from lora_edu.nn.undo import unchanged_on_failure

IN_A_CONFIG = ("r", "alpha", "exclude", "rule", "dropout")


def inject(model: nn.Module, targets: Targets | AdapterConfig | PeftConfig = (),
           r: int | None = None, alpha: float | None = None, *, rng: Draws = None,
           name: str = "default", exclude: Targets = (), **settings: Unpack[Settings]) -> list[str]:
    """Add an adapter called ``name`` to layers of ``model``, in place. Returns the layers' names.

    Afterwards it is the only active adapter, and the only thing that trains: every other parameter
    is frozen. To train a head as well, call ``model.head.requires_grad_(True)`` then. Statistics
    that a BatchNorm gathers in train mode still move, and are in no adapter's file, PEFT's neither:
    keep such modules in eval mode. A layer under two names has one adapter at both; in PEFT the
    first name has it alone.

    targets: a list of names, or one regular expression. A name in a list stands for every layer
    that is called so, or so after a dot: ``["q", "v"]`` finds ``blocks.0.q``. A string is a regular
    expression for a layer's whole name, such as ``r"blocks\\.[01]\\.[qv]"``, or ``"all-linear"``:
    all Linear layers but the output head of a transformers model. All are PEFT's.
    r, alpha: see :func:`lora_edu.scaling`.
    rng: see :class:`LowRank`; the layers draw from it in the order of the names returned.
    exclude: layers to leave out, a list or a regular expression.
    settings: rule, start, distribution, dropout, dtype; see :class:`LowRank`.

    In place of targets, r, alpha, exclude, rule and dropout there may be one
    :class:`AdapterConfig`, which has PEFT's names for them, or PEFT's own ``LoraConfig``.

    A layer that has other adapters keeps them, inactive. The same name on different layers, added
    in several calls, is one adapter: so its rank can differ from layer to layer.

    Raises ValueError when nothing matches targets, or one of its names, and TypeError for a match
    that is no Linear and no Embedding (or a subclass); as ``LowRank`` does; and for a
    ``LoraConfig`` that asks for more than plain LoRA. Then the model is as it was.

    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> inject(model, ["0"], r=2, alpha=4)
    ['0']
    >>> inject(model, AdapterConfig(r=2, lora_alpha=4, target_modules="all-linear"), name="b")
    ['0', '2']
    """
    _check.instance("model", model, nn.Module)
    check_known(settings)
    exclude = checked("exclude", exclude, may_be_empty=True)
    if isinstance(targets, AdapterConfig) or hasattr(targets, "peft_type"):
        given = {"r": r, "alpha": alpha, "exclude": exclude or None} | settings
        twice = [key for key in IN_A_CONFIG if given.get(key) is not None]
        if twice:
            raise TypeError(f"{', '.join(twice)} must be in the config, when one is given")
        config = AdapterConfig.from_peft(targets)
        targets, exclude = config.target_modules, config.exclude_modules
    else:
        config = None
        targets = checked("targets", targets)
    found = select(model, targets, exclude)
    check_each_matches(model, targets, exclude, found)

    def settings_of(path: str) -> dict:
        of_config = config.settings(path, found[path]) if config else {"r": r, "alpha": alpha}
        return {"rng": rng, **of_config, **settings}

    add(model, found, name, settings_of)
    return list(found)


def add(model: nn.Module, found: dict[str, nn.Module], name: str, settings_of) -> None:
    """Give each layer an adapter, and make it the only one that counts and trains.

    found: {path: layer}. settings_of: path → the arguments of :meth:`LoRALayer.add_adapter`. A
    plain layer becomes the LoRA layer of its kind. If any fails, the model is as it was.
    """
    for module in found.values():
        if isinstance(module, LoRALayer):
            module.check_new_name(name)
    with unchanged_on_failure(model):
        made = {}
        for path, module in found.items():
            if isinstance(module, LoRALayer):
                module.add_adapter(name, **settings_of(path))
            else:
                made[module] = LAYERS[type(module)](module, name=name, **settings_of(path))
        replace(model, made)
        model.requires_grad_(False)
        set_adapter(model, name)
