"""What is looked for in a file: a table of tests, in the doctor's form and, where it asks the same,
in its words."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from functools import cached_property
from math import isclose
from statistics import median, mode

from lora_edu.examine.base import has_shape, lost_in_merge, pairing
from lora_edu.examine.reading import OTHER_RANK, Source
from lora_edu.examine.rows import Row, lost
from lora_edu.findings import BOTH_ZERO, IDLE, SCALE, Test, is_unusual
from lora_edu.formats.config import STARTS_THAT_KEEP_W0, beyond_plain, matching
from lora_edu.formats.convention import TOOLS
from lora_edu.formats.layouts import is_doubtful
from lora_edu.formats.tensors import FLOATS, Tensor

METADATA_ALPHAS = ("lora_alpha", "network_alpha", "ss_network_alpha", "alpha")
IDLE_IN_PART = {
    "severity": "warning",
    "cause": "no gradient reached these: they were frozen, or the loss does not depend on them, as "
             "on the last layers of a text encoder with clip skip",
    "remedy": "nothing, if it was meant, and they can be dropped; else look at what was trained"}
DEFAULTS = {row.alpha for row in TOOLS.values() if isinstance(row.alpha, int)}
DEFAULT_SCALE = TOOLS["MLX"].alpha
NUMBER = re.compile(r"\d+(\.\d*)?")


class Case:
    """A file, the numbers of its modules, and the weights of its base, if there are any."""

    def __init__(self, source: Source, rows: tuple[Row, ...], base: dict[str, Tensor] | None):
        self.source = source
        self.rows = rows
        self.base = base
        self.known = [row for row in self.rows if row.is_known]
        self.modules = source.modules
        self.config = next(iter(source.configs.values()), None)
        self.patterns = []  # of the settings, {pattern: value}
        if self.config is not None:
            targets = self.config.target_modules
            names = targets if isinstance(targets, list) else []
            self.patterns = [self.config.rank_pattern, self.config.alpha_pattern,
                             dict.fromkeys(map(re.escape, names))]

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
    return row.rule == "α/r" and row.alpha in DEFAULTS and 0 < row.scale <= 1 / 8


def has_default_scale(row: Row) -> bool:
    return row.rule == "scale" and row.scale == DEFAULT_SCALE


def has_alpha_of_other_rule(row: Row) -> bool:
    """Whether α looks like one for α/r, where √r divides it."""
    return row.rule == "α/√r" and row.scale > 4 and 1 / 2 <= row.alpha / row.r <= 4


def has_unusual_scale(row: Row) -> bool:
    return bool(row.scale) and is_unusual(row.scale) and not (
        has_default_alpha(row) or has_alpha_of_other_rule(row))


def has_other_rank(row: Row) -> bool:
    return row.rule == OTHER_RANK


def each(is_faulty: Callable[[Row], bool]) -> Callable:
    """A test that finds such modules; its words may have their {s} and {alpha}."""
    def find(case: Case):
        rows = [row for row in case.known if is_faulty(row)]
        return rows, {"s": _list(row.scale for row in rows),
                      "alpha": _list(row.alpha for row in rows)}

    return find


# What they ask of the whole file

def not_finite(case: Case):
    return [row for row in case.rows if row.shape and not row.is_known]


def incomplete(case: Case):
    return [row for row in case.rows if row.method in ("LoRA", "DoRA") and not row.shape]


def idle(case: Case):
    # what is left of a product of zero is rounding
    rows = [row for row in case.known if row.scale != 0
            and row.norm <= 1e-13 * abs(row.scale or 1) * row.norm_A * row.norm_B]
    return rows, {} if len(rows) == len(case.known) else IDLE_IN_PART


def bad_settings(case: Case):
    return ["the settings"] if case.source.fault else [], {"fault": case.source.fault}


def without_scale(case: Case):
    return [] if case.source.fault else [
        row for row in case.known if row.scale is None and not has_other_rank(row)]


def without_alpha(case: Case):
    """diffusers' own trainers write none where α is r; kohya's always do."""
    kohya = case.source.layout == "kohya"
    return [row for row in case.known if kohya and row.rule == "α = r"]


def alpha_in_metadata(case: Case):
    """Not of convolutions, which may have an α of their own."""
    trained = _numbers(case, METADATA_ALPHAS)
    ranks = _numbers(case, ["ss_network_dim"])
    rows = [row for row in case.known if trained and not case.source.configs
            and row.alpha is not None and (row.r in ranks or not ranks)
            and len(case.modules[row.layer].B.shape) == 2
            # bfloat16 keeps eight bits
            and not any(isclose(row.alpha, alpha, rel_tol=1e-2) for alpha in trained)]
    return rows, {"alpha": _list(trained), "acts": _list(row.alpha for row in rows)}


def _numbers(case: Case, names: Collection[str]) -> list[float]:
    """Those that the metadata has under such names, or under such after a dot."""
    values = [value for key, value in case.source.metadata.items()
              if key.rpartition(".")[2] in names]
    return [float(value) for value in values if NUMBER.fullmatch(value)]


def doubtful_alpha(case: Case):
    return [row for row in case.known if not case.source.configs and row.rule == "α/r"
            and is_doubtful(case.source.layout, case.modules[row.layer].begin[:-1])]


def unmatched_names(case: Case):
    names = [module.layer for module in case.modules.values()]
    return [pattern for patterns in case.patterns for pattern in patterns
            if not any(matching({pattern: 0}, name) for name in names)]


def ambiguous_patterns(case: Case):
    return [row for row in case.rows for patterns in case.patterns
            if len({*matching(patterns, case.modules[row.layer].layer).values()}) > 1]


def not_saved(case: Case):
    listed = case.source.settings.get("modules_to_save")
    keys = [*case.source.whole, *case.modules]
    return [name for name in (listed if isinstance(listed, list) else [])
            if not any(f".{name}." in f".{key}." for key in keys)]


def moved_base(case: Case):
    start = case.source.settings.get("init_lora_weights", True)
    return ["W0"] if case.config and start not in STARTS_THAT_KEEP_W0 else []


def other_method(case: Case):
    rows = [row for row in case.rows if row.method != "LoRA"]
    return rows, {"methods": ", ".join(sorted({row.method for row in rows}))}


def beyond_lora(case: Case):
    """Settings that say more than the file's keys do."""
    seen_otherwise = {"modules_to_save", "bias", "use_dora", "fan_in_fan_out"}
    settings = beyond_plain(case.source.settings) if case.config else {}
    return sorted(settings.keys() - seen_otherwise)


def other_keys(case: Case):
    """Keys that PEFT would pass over."""
    modules = case.modules.items() if case.source.layout == "peft" else ()
    return [*case.source.adapters, *(name for name, module in modules if not module.begin)]


def mixed_precision(case: Case):
    common = mode(row.dtypes for row in case.rows)
    return [row for row in case.rows if not {*row.dtypes} <= {*common}]


def unused_ranks(case: Case):
    rows = [row for row in case.known if row.r >= 8 and row.norm > 0]
    wasted = [row for row in rows if row.rank_holding(0.99) <= row.r / 4]
    if len(wasted) <= len(rows) / 2:
        return []
    ranks = [row.rank_holding(0.99) for row in wasted]
    r = max(ranks)
    return wasted, {"share": f"{len(wasted)} of {len(rows)}", "kept": _list(ranks), "r": r,
                    "alpha": _list(r * row.scale for row in wasted if row.scale) or "s·r",
                    "lost": f"{100 * lost(case.known, r):.2g} %"}


def outliers(case: Case):
    norms = [row.norm for row in case.known if row.norm > 0]
    if len(norms) < 8:
        return []
    usual = median(norms)
    rows = [row for row in case.known if row.norm > 30 * usual]
    return rows, {"times": _list(row.norm / usual for row in rows)}


def unknown_names(case: Case):
    rows = [row for row in case.rows if row.layer not in case.paired]
    return rows, {"share": f"{len(rows)} of {len(case.rows)}"}


def other_shape(case: Case):
    return [row for row in case.rows if row.shape and (weight := case.weight(row)) is not None
            and not has_shape(row, weight)]


def without_adapter(case: Case):
    some_layers = case.source.settings.get("layers_to_transform")
    if case.config is None or some_layers is not None or not case.paired:
        return []
    have = {*case.paired.values()}
    return [name for name, weight in case.base.items()
            if len(weight.shape) > 1 and name not in have and case.config.chooses(name)]


def lost_by_rounding(case: Case):
    is_mlx = case.source.layout == "mlx"
    shares = {row: lost_in_merge(row, case.modules[row.layer], case.weight(row), is_mlx)
              for row in case.known if _can_be_merged(row, case.weight(row))}
    rows = [row for row, share in shares.items() if share > 0.5]
    return rows, {"share": f"{max(shares.values(), default=0):.0%}"}


def _can_be_merged(row: Row, weight: Tensor | None) -> bool:
    """Whether W0 + s·B·A can be reckoned, and is another than W0."""
    if weight is None or row.scale is None or row.norm == 0 or row.method != "LoRA":
        return False
    return weight.dtype in FLOATS and has_shape(row, weight)


def _list(numbers: Iterable[float]) -> str:
    """Different numbers, in few letters."""
    texts = [f"{number:.3g}" for number in sorted({*numbers} - {None})]
    return ", ".join(texts if len(texts) <= 2 else [f"{texts[0]} to {texts[-1]}"])


# The table of tests

TESTS = (
    Test(
        "not-finite", "error", (), not_finite,
        "A or B has numbers that are not finite: NaN or infinity comes out",
        "training diverged, or numbers above 65,504 were written as float16",
        "take an earlier checkpoint; train with a smaller rate, and save in bfloat16 or float32"),
    Test(
        "incomplete", "error", (), incomplete,
        "A and B are not both there, or are no two matrices of one rank",
        "the file was put together by hand, or cut, or saved while the numbers were on other "
        "devices, as with DeepSpeed's ZeRO-3 and FSDP",
        "save it again from the program that trained it, and gather the weights before "
        "(zero_to_fp32.py, or stage3_gather_16bit_weights_on_model_save)"),
    Test(
        "switched-off", "error", (), each(is_switched_off),
        "s is 0, for α is 0: nothing is added, whatever A and B have learned",
        "a strength of 0 was written into the file, or the α of a tool that takes 0 for r",
        "write the α of training into the keys"),
    Test("both-zero", "error", (), each(is_both_zero), *BOTH_ZERO),
    Test("idle", "error", (), idle, *IDLE),
    Test(
        "barely-moved", "warning", (), each(has_barely_moved),
        "B's entries are about a millionth or less: it has hardly left its zero",
        "very few steps, or a learning rate far too small: Adam's first step alone is η",
        "look at the rate and at the number of steps in the log"),
    Test(
        "default-alpha", "note", (), each(has_default_alpha),
        "s is {s}, with an α of {alpha}, which is a tool's default at every rank",
        "r was chosen and α was not",
        "nothing, if the rate was tuned with it; else search the rate again"),
    Test(
        "default-alpha", "note", (), each(has_default_scale),
        "s is 20, MLX's default at every rank",
        "the scale was not chosen",
        "nothing, if the rate was tuned with it; else search the rate again"),
    Test(
        "other-rule", "note", (), each(has_alpha_of_other_rule),
        "s is {s} by α/√r, with an α of {alpha}",
        "rsLoRA was switched on, and α is as one sets it for α/r",
        "nothing, if it was tuned so; else divide α by √r, and serve with the rule of training"),
    Test("scale", "note", (), each(has_unusual_scale), *SCALE),
    Test(
        "settings", "error", (), bad_settings,
        "the settings cannot be used: {fault}",
        "they are damaged, of another adapter, or of another method",
        "take the settings that were saved with the weights"),
    Test(
        "no-scale", "warning", (), without_scale,
        "the file does not say s: the numbers here are those of s = 1",
        "its settings, adapter_config.json, are not beside it, or name no scale",
        "give the settings; without them any other program has to guess as well"),
    Test(
        "no-alpha", "note", (), without_alpha,
        "there is no key for α: loaders take α = r, so s = 1",
        "the file is old, a converter left the keys out, or α was folded into A or B",
        "compare with the α of training; where it was another, write the keys"),
    Test(
        "alpha-in-metadata", "warning", (), alpha_in_metadata,
        "the metadata says α = {alpha}, and loaders take {acts}: that of a key, or else r",
        "the trainer writes α into the metadata alone, or the file was rescaled or converted",
        "find out which the training had, and write it as the key of each module"),
    Test(
        "doubtful-alpha", "note", (), doubtful_alpha,
        "α stands in keys, which diffusers' own loader of a UNet passes over",
        "ComfyUI and others write such keys, and read them",
        "load it where they are read, or convert it (python -m lora_edu.nn.convert)"),
    Test(
        "rank", "error", (), each(has_other_rank),
        "the file has another rank than its settings: PEFT will not load it",
        "the settings are of another adapter, or r was edited",
        "take the settings that were saved with the weights"),
    Test(
        "unmatched-names", "warning", (), unmatched_names,
        "target_modules, rank_pattern or alpha_pattern name what no module of the file is called",
        "another model's names, or modules that PEFT did not reach, as fused experts",
        "compare the names with the model's"),
    Test(
        "two-patterns", "warning", (), ambiguous_patterns,
        "two patterns with two values match one module, and the file has lost their order",
        "PEFT takes the first, and sorts them when it saves",
        "keep only the one that was first in training"),
    Test(
        "not-saved", "warning", (), not_saved,
        "modules_to_save names a module whose weights are not in the file",
        "no module of the model has that name, or the save passed it over",
        "compare the name with the model's; save again from the program that trained it"),
    Test(
        "moved-base", "warning", (), moved_base,
        "A and B began at a start that changes W0: the adapter belongs to another base",
        "init_lora_weights names PiSSA, OLoRA, LoftQ or another such start",
        "use it on the changed base, or convert it with its start (save_pretrained with "
        "path_initial_model_for_weight_conversion)"),
    Test(
        "other-method", "note", (), other_method,
        "this is {methods}: what it adds is more than s·B·A, or another product",
        "it was trained so",
        "read its numbers as those of s·B·A alone, where there are any"),
    Test(
        "beyond-lora", "note", (), beyond_lora,
        "settings are on that say more than α, r and names: see where",
        "it was trained so",
        "look whether the program that is to load it knows them"),
    Test(
        "trained-in-full", "note", (), lambda case: list(case.source.whole),
        "the file holds weights that are no adapter, trained in full beside it or saved with it",
        "modules_to_save, trained biases, or an embedding that grew",
        "see that the program that loads the adapter takes them, too"),
    Test(
        "other-keys", "warning", (), other_keys,
        "keys have an adapter's name in them, or lack base_model.model: PEFT would pass them over",
        "a state_dict was saved, not the adapter",
        "save with save_pretrained, or rename the keys"),
    Test(
        "mixed-precision", "note", (), mixed_precision,
        "these are in another precision than most",
        "two files were joined, or part of the model was cast",
        "nothing, if it is meant"),
    Test(
        "unused-rank", "note", (), unused_ranks,
        "in {share} modules {kept} components hold 99 % of ‖ΔW‖²",
        "the task asks for less than the rank, or the run was short",
        "cut it: r = {r} with α = {alpha} keeps s (by α/r) and loses {lost} of ‖ΔW‖²; or train "
        "with a smaller r and its own rate"),
    Test(
        "outlier", "note", (), outliers,
        "‖ΔW‖ is {times} times the median",
        "the rate was too large for these modules, or they have another scale",
        "look at their s, and try the adapter without them"),
    Test(
        "unknown-name", "error", ("base",), unknown_names,
        "{share} modules are none of the base's by name, so a loader passes them over",
        "another model, another version of it, or names written otherwise",
        "compare the names with the model's, and give the model that it was trained on"),
    Test(
        "other-shape", "error", ("base",), other_shape,
        "the base's weight has another shape than ΔW",
        "the base is another model, often of the same family",
        "give the weights of the model that it was trained on"),
    Test(
        "no-adapter", "warning", ("base",), without_adapter,
        "target_modules chooses a module of the base that has no adapter in the file",
        "the file was cut, or the module was not reached in training",
        "compare the file's names with the model's"),
    Test(
        "merge", "warning", ("base",), lost_by_rounding,
        "merged into bfloat16, more than half of ‖ΔW‖² is rounded away, {share} in the worst case",
        "ΔW is smaller than the spacing of bfloat16 beside W0",
        "keep the adapter beside the weights, or merge and keep them in float32"),
)
