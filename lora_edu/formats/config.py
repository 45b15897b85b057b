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

CONSTANT = {"peft_type": "LORA", "task_type": None, "base_model_name_or_path": None,
            "fan_in_fan_out": False, "inference_mode": True}
# PEFT's settings that change nothing in what a saved adapter computes (fan_in_fan_out says how
# the base keeps its weights, and PEFT itself corrects it by the layer) …
WITHOUT_EFFECT = {"auto_mapping", "base_model_name_or_path", "corda_config", "eva_config",
                  "fan_in_fan_out", "inference_mode", "loftq_config", "lora_ga_config",
                  "megatron_config", "megatron_core", "peft_type", "peft_version",
                  "qalora_group_size", "revision", "runtime_config", "task_type"}
# … and its starting points that leave W0 as it is. PiSSA, OLoRA and others change it. (MiCA never
# trains B; here, where A and B of a file both train, it is an adapter like any other.)
STARTS_THAT_KEEP_W0 = (True, False, "gaussian", "eva", "orthogonal", "mica")


# PEFT's value → the arguments of initial() for a Linear and for an Embedding.
INIT_LORA_WEIGHTS = {
    True: ({}, {}), False: ({"start": "both random"}, {"start": "both random"}),
    "gaussian": ({"distribution": "peft_gaussian"}, {})}
HEADS = ("SEQ_CLS", "TOKEN_CLS", "QUESTION_ANS")  # tasks for which PEFT trains the head, too
BIASES = ("none", "all", "lora_only")
TRAINED_IN_FULL = {"modules_to_save": [], "bias": "none"}  # what such settings are when off
LFS = "version https://git-lfs"  # how a pointer of Git LFS begins


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
        bias, modules_to_save: The parameters besides A and B that are trained in full and stored in
            the file: :func:`load_adapter` loads them, but :func:`inject` trains none.

    Raises:
        TypeError, ValueError: For an impossible value.

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
    bias: str = "none"
    modules_to_save: Targets = ()

    def __post_init__(self):
        keep = partial(object.__setattr__, self)  # each value as a plain one, which JSON can hold
        keep("r", checks.integer("r", self.r, minimum=1))
        keep("lora_alpha", _alpha("lora_alpha", self.lora_alpha))
        keep("target_modules", _sorted(checked("target_modules", self.target_modules)))
        keep("exclude_modules", _sorted(checked("exclude_modules", self.exclude_modules,
                                                may_be_empty=True)))
        keep("use_rslora", checks.flag("use_rslora", self.use_rslora))
        keep("lora_dropout", checks.number("lora_dropout", self.lora_dropout,
                                           minimum=0.0, below=1.0))
        ranks = _patterns("rank_pattern", self.rank_pattern)
        keep("rank_pattern", Patterns((key, checks.integer(f"rank_pattern[{key!r}]", r, minimum=1))
                                      for key, r in ranks))
        alphas = _patterns("alpha_pattern", self.alpha_pattern)
        keep("alpha_pattern", Patterns((key, _alpha(f"alpha_pattern[{key!r}]", alpha))
                                       for key, alpha in alphas))
        keep("init_lora_weights", checks.choice("init_lora_weights", self.init_lora_weights,
                                                INIT_LORA_WEIGHTS))
        keep("bias", checks.choice("bias", self.bias, BIASES))
        modules = checked("modules_to_save", self.modules_to_save, may_be_empty=True)
        keep("modules_to_save", _sorted(modules))

    @property
    def trained_in_full(self) -> dict[str, Any]:
        """The settings by which more than A and B is trained."""
        return {key: getattr(self, key) for key, off in TRAINED_IN_FULL.items()
                if getattr(self, key) != off}

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
        return as_json(self.in_peft())

    def in_peft(self) -> dict[str, Any]:
        """PEFT's settings by name."""
        return CONSTANT | asdict(self) | {"modules_to_save": self.modules_to_save or None}

    def digest(self) -> str:
        """A fingerprint of what decides what a saved adapter computes, however it is written."""
        decides = dict(sorted(asdict(self).items()))
        del decides["init_lora_weights"]
        for key in TRAINED_IN_FULL.keys() - self.trained_in_full:  # as in older files
            del decides[key]
        return hashlib.sha256(json.dumps(decides).encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str) -> AdapterConfig:
        """Read adapter_config.json; settings that are off may be missing, as in older files.

        Raises ValueError for text that is not JSON or not of LoRA, for a setting that is
        missing, and for one that is on and has no counterpart here.
        """
        settings = parsed(text)
        if settings.get("peft_type") != "LORA":
            raise ValueError('this is not a JSON object with "peft_type": "LORA"')
        check_keeps_base(settings)
        return cls.of_file(settings | {"init_lora_weights": _start(settings)}, is_plain=True)

    @classmethod
    def from_peft(cls, config: AdapterConfig | LoraConfig) -> AdapterConfig:
        """PEFT's ``LoraConfig`` for a new adapter; an AdapterConfig as it is.

        Raises TypeError for anything else, and ValueError for a setting that has no counterpart
        here, and where the model's head, or biases, are to be trained as well.
        """
        if isinstance(config, cls):
            for key, value in config.trained_in_full.items():
                raise ValueError(f"{key} must be off, because it is for loading, got {value!r}; "
                                 f"{HOW_TO}")
            return config
        if not hasattr(config, "to_dict"):
            raise TypeError("config must be an AdapterConfig or PEFT's LoraConfig, got "
                            f"{config!r:.100}")
        settings = dict(config.to_dict())
        if settings.get("peft_type") != "LORA":
            raise ValueError(f"config must be a LoraConfig, got {config!r}")
        if settings.get("task_type") in HEADS:
            raise ValueError("task_type must not be one for which PEFT trains the model's head too "
                             f"({', '.join(HEADS)}), got {settings['task_type']!r}; {HOW_TO}")
        return cls.from_peft(cls.of_file(settings, is_plain=True))

    @classmethod
    def of_file(cls, settings: Mapping[str, Any], is_plain: bool = False) -> AdapterConfig:
        """From PEFT's settings by name.

        is_plain: whether one without a counterpart here is refused, with ValueError, and not left
        out, and where A and B start is read.
        """
        kind = settings.get("peft_type", "LORA")
        if kind != "LORA":
            raise ValueError(f"peft_type must be 'LORA', got {kind!r}")
        beyond = beyond_plain(settings) if is_plain else {}
        for key, value in beyond.items():
            raise ValueError(f"{key} must be off, because it has no counterpart here, got "
                             f"{value!r}")
        needed = {"r", "lora_alpha"}
        if is_plain:
            needed |= {"target_modules"}
        else:
            targets = settings.get("target_modules") or ".*"
            settings = {**settings, **TRAINED_IN_FULL, "init_lora_weights": True,
                        "target_modules": targets}
        on = _switched_on(settings)
        for key in sorted(needed - on.keys()):
            raise ValueError(f"{key} must be given and must not be 0 or empty, got "
                             f"{settings.get(key)!r}")
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


HOW_TO = "to train the head, leave this off and call requires_grad_(True) on it"


def parsed(text: str | bytes) -> dict[str, Any]:
    """The object of JSON in a text; ValueError for anything else, which says what it is."""
    text = text.decode() if isinstance(text, bytes) else text
    if text.startswith(LFS):
        raise ValueError("this is a pointer of Git LFS: git lfs pull brings the file itself")
    try:
        return checks.instance("the settings", json.loads(text), dict)
    except json.JSONDecodeError as error:
        raise ValueError(f"the settings are not JSON: {error}") from None
    except RecursionError:
        raise ValueError("the settings must be JSON with less nesting") from None


def as_json(settings: Mapping[str, Any]) -> str:
    """PEFT's settings by name as the text of adapter_config.json."""
    return json.dumps(dict(sorted(settings.items())), indent=2) + "\n"


def check_keeps_base(settings: Mapping[str, Any]) -> None:
    """Raise ValueError for a start that changes W0, which the file does not have."""
    start = settings.get("init_lora_weights", True)
    if start not in STARTS_THAT_KEEP_W0:
        raise ValueError(f"init_lora_weights must be one of {STARTS_THAT_KEEP_W0}, because the "
                         f"others change W0, got {start!r}; PEFT's save_pretrained with "
                         "path_initial_model_for_weight_conversion writes such an adapter as plain "
                         "LoRA")


def _start(settings: Mapping[str, Any]) -> bool | str:
    """Where A and B started, as far as AdapterConfig knows: the file has them, whatever drew them.
    """
    start = settings.get("init_lora_weights", True)
    return start if start in INIT_LORA_WEIGHTS else True


def whole(alpha: float) -> float:
    """alpha, as an int where it is one: so it stands in files."""
    return int(alpha) if float(alpha).is_integer() else float(alpha)


def _alpha(argument: str, value) -> float:
    """value, checked, as an int where it is one."""
    return whole(checks.number(argument, value, above=0.0))


def _sorted(targets: str | list[str]) -> str | list[str]:
    """A pattern as it is; names sorted, each once, since their order means nothing."""
    return targets if isinstance(targets, str) else sorted(set(targets))


def _patterns(argument: str, patterns) -> list[tuple[str, Any]]:
    """The (pattern, value) pairs, their patterns checked."""
    if not isinstance(patterns, Mapping):
        raise TypeError(f"{argument} must be a dict, got {patterns!r}")
    for pattern in patterns:
        checks.instance(f"{argument}'s key", pattern, str)
        checked(f"{argument}'s key", _ending(pattern))
    return list(patterns.items())


def beyond_plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """PEFT's settings that are on and change what is computed, and are no part of plain LoRA."""
    known = {f.name for f in fields(AdapterConfig)} | WITHOUT_EFFECT
    return {key: value for key, value in _switched_on(settings).items() if key not in known}


def _switched_on(settings: Mapping[str, Any]) -> dict[str, Any]:
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
