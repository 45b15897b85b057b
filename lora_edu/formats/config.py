"""The settings of an adapter under PEFT's names, and adapter_config.json, which holds them.

PEFT's ``LoraConfig`` is read without PEFT.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from statistics import mode
from typing import TYPE_CHECKING, Any

from lora_edu import checks
from lora_edu.formats.names import Targets, checked, matches

if TYPE_CHECKING:
    from peft import LoraConfig

CONSTANT = {"peft_type": "LORA", "task_type": None, "base_model_name_or_path": None, "bias": "none",
            "fan_in_fan_out": False, "inference_mode": True}
# PEFT's settings that change nothing in what a saved adapter computes …
WITHOUT_EFFECT = {"auto_mapping", "base_model_name_or_path", "corda_config", "eva_config",
                  "inference_mode", "loftq_config", "lora_ga_config", "megatron_config",
                  "megatron_core", "peft_type", "peft_version", "qalora_group_size", "revision",
                  "runtime_config", "task_type"}
# … and its starting points that leave W0 as it is. PiSSA, OLoRA and others change it. (MiCA never
# trains B; here, where A and B of a file both train, it is an adapter like any other.)
STARTS_THAT_KEEP_W0 = (True, False, "gaussian", "eva", "orthogonal", "mica")


# PEFT's value → the arguments of initial() for a Linear and for an Embedding.
INIT_LORA_WEIGHTS = {
    True: ({}, {}), False: ({"start": "both random"}, {"start": "both random"}),
    "gaussian": ({"distribution": "peft_gaussian"}, {})}
HEADS = ("SEQ_CLS", "TOKEN_CLS", "QUESTION_ANS")  # tasks for which PEFT trains the head, too


class Patterns(dict[str, Any]):
    """{regular expression: value} for layers, looked up as PEFT does: the first match counts.

    Each is compiled once: Python itself remembers no more than 512, and a file may have thousands.
    """

    def __init__(self, values: Iterable = ()):
        super().__init__(values)
        self._compiled = {}

    def match(self, pattern: str, path: str) -> bool:
        """Whether a pattern matches a whole name, or its end after a dot."""
        if pattern not in self._compiled:
            self._compiled[pattern] = re.compile(_ending(pattern))
        return self._compiled[pattern].fullmatch(path) is not None

    def matching(self, path: str) -> dict[str, Any]:
        """Those that match a layer's name."""
        return {pattern: value for pattern, value in self.items() if self.match(pattern, path)}

    def first(self, path: str, otherwise: Any) -> Any:
        """The value that counts for a layer's name."""
        return next((value for pattern, value in self.items() if self.match(pattern, path)),
                    otherwise)


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    """The part of PEFT's ``LoraConfig`` that is plain LoRA, under PEFT's names.

    Args:
        r, lora_alpha, use_rslora: The rank, α, and whether s = α/√r rather than α/r.
        target_modules, exclude_modules: Which layers, see :func:`inject`. Names are kept sorted.
        lora_dropout: The share of a layer's inputs that is zeroed on their way to A, in training.
        rank_pattern, alpha_pattern: {regular expression: value} for layers that differ from r and
            lora_alpha; the first that matches a layer's name, or its end after a dot, counts.
        init_lora_weights: Where A and B start. True makes one random and the other zero, and False
            both random; ``"gaussian"`` is True with N(0, 1/r²) for the A of a Linear.

    Raises:
        TypeError, ValueError: For a value that is not possible.

    Example:
        >>> config = AdapterConfig(r=8, lora_alpha=16, target_modules=["q", "v"],
        ...                        rank_pattern={"v": 2})
        >>> config.for_layer("blocks.0.q"), config.for_layer("blocks.0.v")
        ((8, 16), (2, 16))
    """

    r: int
    lora_alpha: float
    target_modules: Targets
    exclude_modules: Targets = ()
    use_rslora: bool = False
    lora_dropout: float = 0.0
    rank_pattern: dict[str, int] = field(default_factory=dict)
    alpha_pattern: dict[str, float] = field(default_factory=dict)
    init_lora_weights: bool | str = True

    def __post_init__(self):
        keep = partial(object.__setattr__, self)  # each value as a plain one, which JSON can hold
        keep("r", checks.integer("r", self.r, minimum=1))
        keep("lora_alpha", _alpha(self.lora_alpha))
        keep("target_modules", _sorted(checked("target_modules", self.target_modules)))
        keep("exclude_modules", _sorted(checked("exclude_modules", self.exclude_modules,
                                                may_be_empty=True)))
        keep("use_rslora", checks.flag("use_rslora", self.use_rslora))
        keep("lora_dropout", checks.number("lora_dropout", self.lora_dropout,
                                           minimum=0.0, below=1.0))
        ranks = _patterns("rank_pattern", self.rank_pattern)
        keep("rank_pattern", Patterns((key, checks.integer("r", r, minimum=1)) for key, r in ranks))
        alphas = _patterns("alpha_pattern", self.alpha_pattern)
        keep("alpha_pattern", Patterns((key, _alpha(alpha)) for key, alpha in alphas))
        keep("init_lora_weights", checks.choice("init_lora_weights", self.init_lora_weights,
                                                INIT_LORA_WEIGHTS))

    def for_layer(self, path: str) -> tuple[int, float]:
        """(r, alpha) of the layer with this name."""
        return (self.rank_pattern.first(path, self.r),
                self.alpha_pattern.first(path, self.lora_alpha))

    def chooses(self, path: str) -> bool:
        """Whether the layer with this name is to have an adapter."""
        return matches(path, self.target_modules) and not matches(path, self.exclude_modules)

    def settings(self, path: str, is_embedding: bool) -> dict[str, Any]:
        """The settings of an adapter for the layer with this name."""
        r, alpha = self.for_layer(path)
        of_linear, of_embedding = INIT_LORA_WEIGHTS[self.init_lora_weights]
        start = of_embedding if is_embedding else of_linear
        return {"r": r, "alpha": alpha, "rule": "rslora" if self.use_rslora else "lora",
                "dropout": self.lora_dropout, **start}

    def to_json(self) -> str:
        """The text of adapter_config.json. Patterns keep their order: the first match counts."""
        return json.dumps(dict(sorted((CONSTANT | asdict(self)).items())), indent=2) + "\n"

    def digest(self) -> str:
        """A fingerprint of what decides what a saved adapter computes, however it is written."""
        decides = dict(sorted(asdict(self).items()))
        del decides["init_lora_weights"]
        return hashlib.sha256(json.dumps(decides).encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str) -> AdapterConfig:
        """Read adapter_config.json; settings that are off may be missing, as in older files.

        Raises ValueError for text that is not JSON or not of LoRA, for a setting that is
        missing, and for one that is on and has no counterpart here.
        """
        settings = json.loads(text)
        if not isinstance(settings, dict) or settings.get("peft_type") != "LORA":
            raise ValueError('this is not a JSON object with "peft_type": "LORA"')
        start = settings.get("init_lora_weights", True)
        if start not in STARTS_THAT_KEEP_W0:
            raise ValueError(f"init_lora_weights must be one of {STARTS_THAT_KEEP_W0}, as the "
                             f"others change W0, got {start!r}")
        if start not in INIT_LORA_WEIGHTS:  # A and B are in the file, whatever drew them
            start = True
        return cls._from(settings | {"init_lora_weights": start})

    @classmethod
    def from_peft(cls, config: AdapterConfig | LoraConfig) -> AdapterConfig:
        """PEFT's ``LoraConfig`` for a new adapter; an AdapterConfig as it is.

        Raises ValueError for a setting that has no counterpart here, and for a task in which PEFT
        would train the model's head as well.
        """
        if isinstance(config, cls):
            return config
        settings = dict(config.to_dict())
        if settings.get("peft_type") != "LORA":
            raise ValueError(f"config must be a LoraConfig, got {config!r}")
        if settings.get("task_type") in HEADS:
            raise ValueError("task_type must not be one for which PEFT trains the model's head too "
                             f"({', '.join(HEADS)}), got {settings['task_type']!r}; to train it, "
                             "leave this off and call requires_grad_(True) on the head")
        return cls._from(settings)

    @classmethod
    def _from(cls, settings: dict[str, Any]) -> AdapterConfig:
        """From PEFT's settings by name; ValueError for one that has no counterpart here."""
        for key, value in beyond_plain(settings).items():
            raise ValueError(f"{key} must be off, it has no counterpart here, got {value!r}")
        return cls.plain_part(settings)

    @classmethod
    def plain_part(cls, settings: dict[str, Any]) -> AdapterConfig:
        """From those of PEFT's settings by name that have a counterpart here."""
        on = _switched_on(settings)
        for key in ("r", "lora_alpha", "target_modules"):
            if key not in on:
                raise ValueError(f"{key} must be given, got {settings.get(key)!r}")
        return cls(**{f.name: on[f.name] for f in fields(cls) if f.name in on})

    @classmethod
    def of_layers(cls, ranks: dict[str, int], alphas: dict[str, float],
                  **settings) -> AdapterConfig:
        """The settings of layers with these ranks and alphas, by name.

        The targets are a pattern: a list of names would also match longer ones that end in them.
        """
        r = mode(ranks.values())
        alpha = mode(alphas.values())
        return cls(r=r, lora_alpha=alpha, target_modules="|".join(map(re.escape, sorted(ranks))),
                   rank_pattern=_exceptions(ranks, r), alpha_pattern=_exceptions(alphas, alpha),
                   **settings)


def whole(alpha: float) -> float:
    """alpha, as an int where it is one: so it stands in files."""
    return int(alpha) if float(alpha).is_integer() else float(alpha)


def _alpha(value) -> float:
    """value, checked, as an int where it is one."""
    return whole(checks.number("lora_alpha", value, above=0.0))


def _sorted(targets: str | list[str]) -> str | list[str]:
    """A pattern as it is; names sorted, each once, since their order means nothing."""
    return targets if isinstance(targets, str) else sorted(set(targets))


def _patterns(argument: str, patterns) -> list[tuple[str, Any]]:
    """The (pattern, value) pairs, their patterns checked."""
    if not isinstance(patterns, Mapping):
        raise TypeError(f"{argument} must be an object, got {patterns!r}")
    for pattern in patterns:
        checks.instance(f"{argument}'s key", pattern, str)
        checked(f"{argument}'s key", _ending(pattern))
    return list(patterns.items())


def beyond_plain(settings: dict[str, Any]) -> dict[str, Any]:
    """PEFT's settings that are on and change what is computed, and are no part of plain LoRA."""
    known = {f.name for f in fields(AdapterConfig)} | WITHOUT_EFFECT
    return {key: value for key, value in _switched_on(settings).items() if key not in known}


def _switched_on(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that are not off; False is a start, too."""
    return {key: value for key, value in settings.items()
            if (value and value != "none") or key == "init_lora_weights"}


def _ending(pattern: str) -> str:
    """PEFT looks a pattern up in a whole name, or in its end after a dot."""
    return rf"(.*\.)?({pattern})"


def _exceptions(values: dict, common) -> dict:
    """{regular expression for one whole name: value} where the value is not the common one."""
    return {"^" + re.escape(path): value
            for path, value in sorted(values.items()) if value != common}
