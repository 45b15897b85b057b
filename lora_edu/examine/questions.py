"""What is asked of a file: which of its modules, or what else in it, show a fault.

Each question is the ``find`` of a :class:`lora_edu.findings.Fault`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from functools import cached_property
from math import isclose, prod
from statistics import median, mode

from lora_edu.examine.base import pairing
from lora_edu.examine.rows import Row, lost
from lora_edu.examine.starts import FAR, likely_starts
from lora_edu.findings import Answer, is_unusual
from lora_edu.formats.config import STARTS_THAT_KEEP_W0, AdapterConfig, beyond_plain
from lora_edu.formats.convention import START_WORDS, TOOLS
from lora_edu.formats.layouts import LAYOUTS, PREFIX, UNKNOWN
from lora_edu.formats.lora_file import OTHER_RANK, UNUSABLE, LoraFile
from lora_edu.formats.names import matches
from lora_edu.formats.tensors import Tensor

METADATA_ALPHAS = ("lora_alpha", "network_alpha", "ss_network_alpha", "alpha")
IDLE_IN_PART = {
    "severity": "warning",
    "cause": "these received no gradient: they were frozen, or the loss does not depend on them, "
             "as with the last layers of a text encoder under clip skip",
    "remedy": "nothing to do if it was intended (they can be dropped); otherwise check what was "
              "trained"}
DEFAULT_ALPHAS = defaultdict(list)  # {α: the tools that take it at every rank}
for _name, _row in TOOLS.items():
    if isinstance(_row.alpha, int):
        DEFAULT_ALPHAS[_row.alpha].append(_name)
DEFAULT_SCALES = (TOOLS["MLX"].alpha, 10)  # the second until June 2025
WRECKED = 10
WRECKED_BY_RATE = {
    "severity": "warning",
    "cause": "the learning rate was far too large: nothing of the initial A remains, and training "
             "has most likely diverged",
    "remedy": "compare the outputs with the base's, and train again with a tenth of the learning "
              "rate"}
TRAINED_AS_LISTED = {
    "symptom": "{modules} were trained in full: {numbers} numbers, {share} of the file",
    "cause": "the settings list them, or the end of their names, in modules_to_save"}
TRAINED_HEAD = {
    "cause": "modules_to_save lists them, or the end of their names, because this task ({task}) "
             "gives the model a new head",
    "remedy": "check that the program that loads the adapter loads them too; otherwise the head is "
              "random, and its predictions are useless"}
TASKS_WITH_HEAD = {"SEQ_CLS", "TOKEN_CLS", "QUESTION_ANS"}
HEADS = {"classifier", "score"}  # PEFT lists both for a classifier, and a model has one
# How settings are written that say s
SETTINGS = '{"r": 8, "lora_alpha": 16}'
SETTINGS_OF_MLX = '{"lora_parameters": {"scale": 20}}'
NUMBER = re.compile(r"\d+(\.\d*)?")


class Case:
    """A file, the numbers of its modules, and the weights of its base, if there are any."""

    def __init__(self, file: LoraFile, rows: tuple[Row, ...], base: dict[str, Tensor] | None):
        self.file = file
        self.settings = file.settings.values
        self.rows = rows
        self.base = base
        self.known = [row for row in self.rows if row.is_known]
        self.modules = file.modules
        self.config = next(iter(file.settings.configs.values()), None)
        self.patterns = []  # of the settings
        if self.config is not None:
            self.patterns = [self.config.rank_pattern, self.config.alpha_pattern]

    @property
    def is_moved(self) -> bool:
        """Whether A and B began at a start that changes W0."""
        start = self.settings.get("init_lora_weights", True)
        return self.config is not None and start not in STARTS_THAT_KEEP_W0

    @property
    def start(self) -> str | None:
        """How A began, where the file or its tool says so, or what its spread fits instead."""
        named = self.file.start
        return named and likely_starts(self.file.layout.name, named, self.rows)[0]

    @cached_property
    def paired(self) -> dict[str, str]:
        """{a module's name in the file: the base's for it}."""
        pairs = pairing([module.layer for module in self.modules.values()], self.base)
        return {name: pairs[module.layer] for name, module in self.modules.items()
                if module.layer in pairs}

    def weight(self, row: Row) -> Tensor | None:
        """The base's weight that a module is for."""
        return self.base.get(self.paired.get(row.layer))


# What the tests ask of a module with numbers

def is_both_zero(row: Row) -> bool:
    return row.norm_A == row.norm_B == 0


def is_switched_off(row: Row) -> bool:
    return row.scale == 0


def has_barely_moved(row: Row) -> bool:
    return 0 < row.norm_B < 1e-6 * (row.shape[0] * row.r)**0.5


def has_default_alpha(row: Row) -> bool:
    """Whether α is a tool's default, and too small for this rank."""
    return row.rule == "α/r" and row.alpha in DEFAULT_ALPHAS and 0 < row.scale <= 1 / 8


def has_default_scale(row: Row) -> bool:
    return row.rule == "scale" and row.scale in DEFAULT_SCALES


def has_alpha_of_other_rule(row: Row) -> bool:
    """Whether α looks like one for α/r, where √r divides it."""
    return row.rule == "α/√r" and row.scale > 4 and 1 / 2 <= row.alpha / row.r <= 4


def has_unusual_scale(row: Row) -> bool:
    return bool(row.scale) and is_unusual(row.scale) and not (
        has_default_alpha(row) or has_alpha_of_other_rule(row))


def has_other_rank(row: Row) -> bool:
    return row.rule == OTHER_RANK


def has_unusable_alpha(row: Row) -> bool:
    return row.rule == UNUSABLE


def each(is_faulty: Callable[[Row], bool]) -> Callable[[Case], Answer]:
    """A test that finds such modules; its words may have their {s} and {alpha}."""
    def find(case: Case) -> Answer:
        rows = [row for row in case.known if is_faulty(row)]
        return rows, {"s": _list(row.scale for row in rows),
                      "alpha": _list(row.alpha for row in rows)}

    return find


# What they ask of the whole file; of its base, see ``base``

def not_finite(case: Case) -> Answer:
    return [row for row in case.rows if row.shape and not row.is_known]


def incomplete(case: Case) -> Answer:
    return [row for row in case.rows if row.method in ("LoRA", "DoRA") and not row.shape]


def without_magnitudes(case: Case) -> Answer:
    return [row for row in case.rows if case.settings.get("use_dora") and row.method == "LoRA"]


def idle(case: Case) -> Answer:
    # what is left of a product of zero is rounding
    rows = [row for row in case.known if row.scale != 0
            and row.norm <= 1e-13 * abs(row.scale or 1) * row.norm_A * row.norm_B]
    return rows, {} if len(rows) == len(case.known) else IDLE_IN_PART


def default_alpha(case: Case) -> Answer:
    rows, words = each(has_default_alpha)(case)
    tools = dict.fromkeys(tool for row in rows for tool in DEFAULT_ALPHAS[row.alpha])
    words["tools"] = ", ".join(tools)
    if case.config is not None and not any(TOOLS[tool].writes_peft for tool in tools):
        words["cause"] = "α was taken from a recipe for another tool: PEFT's own default is 8"
    return rows, words


def passed_over_alpha(case: Case) -> Answer:
    parameters = case.settings.get("lora_parameters") or {}
    is_mlx = case.file.layout.transposed and not case.file.fault
    alpha = parameters.get("alpha") if is_mlx else None
    return ["the settings"] if alpha is not None else [], {"alpha": alpha}


def far_from_start(case: Case) -> Answer:
    """By the start that is named, or else the widest."""
    if case.is_moved:
        return []
    start = case.start
    times = {row: row.sigma / (row.starts[start] if start else max(row.starts.values()))
             for row in case.known if row.starts}
    rows = [row for row in times if times[row] > FAR]
    words = {"times": _list(times[row] for row in rows),
             "start": "its initial spread" if start else "the largest known initial spread"}
    is_wrecked = len(rows) > len(times) / 2 and median(times.values()) > WRECKED
    return rows, words | (WRECKED_BY_RATE if is_wrecked else {})


def other_start(case: Case) -> Answer:
    """Another start than the one that is named."""
    named = case.file.start
    if case.is_moved or case.start == named:
        return []
    rows = [row for row in case.known if row.starts]
    return rows, {"times": _list(row.sigma / row.starts[named] for row in rows),
                  "named": START_WORDS[named], "fits": START_WORDS[case.start]}


def bad_settings(case: Case) -> Answer:
    return ["the settings"] if case.file.fault else [], {"fault": case.file.fault}


def without_scale(case: Case) -> Answer:
    rows = [row for row in case.known if not case.file.fault
            and row.scale is None and row.rule not in (OTHER_RANK, UNUSABLE)]
    return rows, {"settings": SETTINGS_OF_MLX if case.file.layout.transposed else SETTINGS}


def without_alpha(case: Case) -> Answer:
    """diffusers' own trainers write none where α is r; kohya's always do."""
    writes_alpha = not case.file.layout.takes_config
    return [row for row in case.known if writes_alpha and row.rule == "α = r"]


def alpha_in_metadata(case: Case) -> Answer:
    """Not of convolutions, which may have an α of their own."""
    trained = _numbers(case, METADATA_ALPHAS)
    ranks = _numbers(case, ["ss_network_dim"])
    rows = [row for row in case.known if trained and not case.file.settings.configs
            and row.alpha is not None and (row.r in ranks or not ranks)
            and len(case.modules[row.layer].B.shape) == 2
            # bfloat16 keeps eight bits
            and not any(isclose(row.alpha, alpha, rel_tol=1e-2) for alpha in trained)]
    return rows, {"alpha": _list(trained), "acts": _list(row.alpha for row in rows)}


def _numbers(case: Case, names: Collection[str]) -> list[float]:
    """Those that the metadata has under such names, or under such after a dot."""
    values = [value for key, value in case.file.metadata.items()
              if key.rpartition(".")[2] in names]
    return [float(value) for value in values if NUMBER.fullmatch(value)]


def doubtful_alpha(case: Case) -> Answer:
    return [row for row in case.known if not case.file.settings.configs and row.rule == "α/r"
            and case.modules[row.layer].model in case.file.layout.doubtful]


def unmatched_names(case: Case) -> Answer:
    names = [module.layer for module in case.modules.values()]
    unmatched = [pattern for patterns in case.patterns for pattern in patterns
                 if not any(patterns.match(pattern, name) for name in names)]
    return unmatched + (_unmatched_targets(case.config, names) if case.config else [])


def _unmatched_targets(config: AdapterConfig, names: list[str]) -> list[str]:
    """Without those whose modules exclude_modules may have left out."""
    targets = config.target_modules
    excluded = config.exclude_modules
    if isinstance(targets, str) or isinstance(excluded, str):
        return []
    return [target for target in targets
            if not any(matches(name, [target]) for name in [*names, *excluded])
            and not matches(target, excluded)]


def ambiguous_patterns(case: Case) -> Answer:
    return [row for row in case.rows for patterns in case.patterns
            if len({*patterns.matching(case.modules[row.layer].layer).values()}) > 1]


def not_saved(case: Case) -> Answer:
    listed = case.settings.get("modules_to_save")
    keys = [*case.file.whole, *case.modules]
    names = listed if isinstance(listed, list) else []
    missing = [str(name) for name in names if not any(f"{name}." in f"{key}." for key in keys)]
    if {*map(str, names)} >= HEADS and not {*missing} >= HEADS:
        missing = [name for name in missing if name not in HEADS]
    return missing


def biases_not_saved(case: Case) -> Answer:
    """The settings' word for the biases that were trained, where no adapted module has its own."""
    trained = case.settings.get("bias")
    if trained not in ("all", "lora_only"):
        return []
    ends = (".bias", ".base_layer.bias")  # as PEFT wrote it once, and as it does
    keys = {key.removeprefix(PREFIX) for key in case.file.whole}
    is_saved = any(name + end in keys for name in case.modules for end in ends)
    return [] if is_saved else [trained]


def trained_in_full(case: Case) -> Answer:
    """Weights beside the adapter; the settings' word for them, where they name all of them."""
    numbers = sum(prod(shape) for shape in case.file.whole.values())
    words = {"numbers": f"{numbers:,}", "share": f"{100 * numbers / case.file.numbers:.0f} %"}
    listed = case.settings.get("modules_to_save")
    heads = tuple(map(str, listed)) if isinstance(listed, list) else ()
    modules = {key.removeprefix(PREFIX).rpartition(".")[0] for key in case.file.whole}
    if modules and all(module.endswith(heads) for module in modules):
        words |= TRAINED_AS_LISTED | {"modules": " and ".join(sorted(modules))}
        words["task"] = case.settings.get("task_type")
        if words["task"] in TASKS_WITH_HEAD:
            words |= TRAINED_HEAD
    return list(case.file.whole), words


def moved_base(case: Case) -> Answer:
    return ["W0"] if case.is_moved else []


def other_method(case: Case) -> Answer:
    rows = [row for row in case.rows if row.method != "LoRA"]
    return rows, {"methods": ", ".join(sorted({row.method for row in rows}))}


def beyond_lora(case: Case) -> Answer:
    """Settings that say more than the file's keys do."""
    seen_otherwise = {"modules_to_save", "bias", "use_dora", "fan_in_fan_out"}
    settings = beyond_plain(case.settings) if case.config else {}
    return sorted(settings.keys() - seen_otherwise)


def other_keys(case: Case) -> Answer:
    """Keys that PEFT would pass over."""
    is_peft = case.file.layout in (LAYOUTS["peft"], UNKNOWN)
    modules = case.modules.items() if is_peft else ()
    return [*case.file.adapters, *(name for name, module in modules if not module.model)]


def mixed_precision(case: Case) -> Answer:
    common = mode(row.dtypes for row in case.rows)
    return [row for row in case.rows if not {*row.dtypes} <= {*common}]


def unused_ranks(case: Case) -> Answer:
    rows = [row for row in case.known if row.r >= 8 and row.norm > 0]
    wasted = [row for row in rows if row.rank_holding(0.99) <= row.r / 4]
    if len(wasted) <= len(rows) / 2:
        return []
    ranks = [row.rank_holding(0.99) for row in wasted]
    r = max(ranks)
    components = "component holds" if r == 1 else (
        f"{_list(ranks).replace('and', 'or')} components hold")
    return wasted, {"share": f"{len(wasted)} of {len(rows)}", "kept": components, "r": r,
                    "alpha": _list(r * row.scale for row in wasted if row.scale) or "s·r",
                    "lost": f"{100 * lost(case.known, r):.2g} %"}


def outliers(case: Case) -> Answer:
    norms = [row.norm for row in case.known if row.norm > 0]
    if len(norms) < 8:
        return []
    usual = median(norms)
    rows = [row for row in case.known if row.norm > 30 * usual]
    return rows, {"times": _list(row.norm / usual for row in rows)}


def _list(numbers: Iterable[float]) -> str:
    """Different numbers, in few letters."""
    texts = [f"{number:.3g}" for number in sorted({*numbers} - {None})]
    return " and ".join(texts) if len(texts) <= 2 else f"{texts[0]} to {texts[-1]}"
