"""Put adapters into a model: which layers, chosen by name, and what happens to the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from torch import nn

from lora_edu import checks
from lora_edu.formats.config import AdapterConfig
from lora_edu.formats.names import Targets, checked
from lora_edu.nn.layer import SETTINGS, LoRALayer, lora_layer_for, plain
from lora_edu.nn.low_rank import Draws, seeded
from lora_edu.nn.model import replace, set_adapter
from lora_edu.nn.targets import check_each_matches, select

if TYPE_CHECKING:
    from peft import LoraConfig


def inject(model: nn.Module, targets: Targets | AdapterConfig | LoraConfig = (),
           r: int | None = None, alpha: float | None = None, *, rng: Draws = None,
           name: str = "default", exclude: Targets = (), **settings) -> list[str]:
    """Add an adapter called ``name`` to layers of ``model``, in place.

    Afterwards it is the only active adapter, and every other parameter is frozen. To train a head
    as well, call ``model.head.requires_grad_(True)`` then. The statistics of a BatchNorm in train
    mode still change, and no adapter file stores them, not even PEFT's, so keep such modules in
    eval mode. A layer with two names has one adapter under both names; in PEFT, only under the
    first. A layer that has other adapters keeps them, inactive. Several calls can add one adapter,
    under one name, to different layers, so its rank can differ from layer to layer.

    Args:
        model: Any model; its Linear and Embedding layers can have adapters.
        targets: A list of names, or one regular expression. A name in a list matches every layer
            with this name, alone or after a dot: ``["q", "v"]`` finds ``blocks.0.q``. A string is a
            regular expression for a layer's whole name, such as ``r"blocks\\.[01]\\.[qv]"``, or
            ``"all-linear"``: all Linear layers except the output head of a transformers model. This
            is as in PEFT. Instead of targets, r, alpha, exclude, rule and dropout you can pass one
            :class:`AdapterConfig`, which has PEFT's names for them, or PEFT's own ``LoraConfig``.
        r, alpha: The rank and α, see :func:`lora_edu.scaling`.
        rng: See :class:`LowRank`; the layers draw from it in the order of the names returned.
        name: The adapter's name.
        exclude: Layers to leave out, a list or a regular expression. As in PEFT, it may exclude all
            layers of one name in targets, but not all layers.
        settings: rule, start, distribution, dropout, dtype; see :class:`LowRank`.

    Returns:
        The layers' names.

    Raises:
        TypeError, ValueError: As ``LowRank`` does; when nothing matches targets, or one of its
            names, or exclude leaves nothing; for a match that is neither a Linear nor an
            Embedding (or is a subclass), and a ``LoraConfig`` that needs more than plain LoRA.

    Example:
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> inject(model, ["0"], r=2, alpha=4)
        ['0']
        >>> inject(model, AdapterConfig(r=2, lora_alpha=4, target_modules="all-linear"), name="b")
        ['0', '2']
    """
    checks.instance("model", model, nn.Module)
    rng = seeded(rng)  # once, so that the layers do not all draw the same numbers
    if unknown := [key for key in settings if key not in SETTINGS]:
        raise TypeError(f"inject has no setting {', '.join(unknown)}; its settings are "
                        f"{', '.join(SETTINGS)}. PEFT's names belong in a config: "
                        "inject(model, AdapterConfig(r=…, lora_alpha=…, …))")
    exclude = checked("exclude", exclude, may_be_empty=True)
    if isinstance(targets, AdapterConfig) or hasattr(targets, "peft_type"):
        if (r, alpha) != (None, None) or exclude or {"rule", "dropout"} & settings.keys():
            raise TypeError("r, alpha, exclude, rule and dropout must be left out if targets is a "
                            f"config, which has settings of its own, got {targets!r:.100}")
        config = AdapterConfig.from_peft(targets)
        targets = config.target_modules
        exclude = config.exclude_modules
    elif isinstance(targets, Mapping):
        raise TypeError("targets must be names, a pattern or a config, such as "
                        f"AdapterConfig(r=…, lora_alpha=…, target_modules=…), got {targets!r:.100}")
    else:
        config = None
        targets = checked("targets", targets)
    layers = select(model, targets, exclude)
    check_each_matches(model, targets, exclude, layers)

    def settings_of(path: str) -> dict:
        of_layer = {"r": r, "alpha": alpha}
        if config is not None:
            is_embedding = isinstance(plain(layers[path]), nn.Embedding)
            of_layer = config.settings(path, is_embedding)
        return {"rng": rng, **of_layer, **settings}

    add(model, layers, name, settings_of)
    return list(layers)


def add(model: nn.Module, layers: dict[str, nn.Module], name: str,
        settings_of: Callable[[str], dict]) -> None:
    """Give each layer an adapter, and make it the only one that counts and trains.

    A plain layer becomes the LoRA layer of its kind.

    Args:
        layers: By path.
        settings_of: Path → the settings of its :class:`LowRank`.
    """
    for module in layers.values():
        if isinstance(module, LoRALayer):
            module.check_new_name(name)
    new = {}
    for path, module in layers.items():
        if isinstance(module, LoRALayer):
            module.add_adapter(name, **settings_of(path))
        else:
            new[module] = lora_layer_for(module)(module, name=name, **settings_of(path))
    replace(model, new)
    model.requires_grad_(False)
    set_adapter(model, name)
