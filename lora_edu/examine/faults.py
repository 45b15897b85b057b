"""What is looked for in a file: a table of tests, in the doctor's form and, where it asks the same,
in its words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from statistics import median

from lora_edu.examine.base import has_shape, lost_in_merge, pairing
from lora_edu.examine.reading import Module, Source
from lora_edu.examine.rows import Row
from lora_edu.findings import BOTH_ZERO, IDLE, SCALE, Test, is_unusual
from lora_edu.formats.config import STARTS_THAT_KEEP_W0, beyond_plain, matching
from lora_edu.formats.convention import TOOLS
from lora_edu.formats.layouts import LAYOUTS, is_doubtful
from lora_edu.formats.tensors import FLOATS, Tensor

METADATA_ALPHAS = ("lora_alpha", "network_alpha", "ss_network_alpha", "alpha")
DEFAULTS = {row.alpha for row in TOOLS.values() if isinstance(row.alpha, int)}
DEFAULT_SCALE = TOOLS["MLX"].alpha


class Case:
    """A file, the numbers of its modules, and the weights of its base, if there are any."""

    def __init__(self, source: Source, rows: Iterable[Row], base: dict[str, Tensor] | None):
        self.source = source
        self.rows = list(rows)
        self.base = base
        self.known = [row for row in self.rows if row.is_known]
        self.modules = source.modules
        self.config = next(iter(source.configs.values()), None)
        self.is_mlx = source.layout == "mlx"

    @cached_property
    def paired(self) -> dict[str, str]:
        """{a module's name in the file: the base's for it}."""
        names = {self.modules[row.layer].layer: row.layer for row in self.rows}
        return {names[short]: of_base
                for short, of_base in pairing(list(names), self.base).items()}

    def weight(self, row: Row) -> Tensor | None:
        """The base's weight that a module is for."""
        return self.base.get(self.paired.get(row.layer))


# What the tests ask

def not_finite(case: Case):
    return [row for row in case.rows if row.shape and not row.is_known]


def incomplete(case: Case):
    broken = [row for row in case.rows if row.method in ("LoRA", "DoRA") and not row.shape]
    words = {}
    if any(_is_empty(case.modules[row.layer]) for row in broken):
        words = {"cause": "the numbers were on other devices when the file was written, as with "
                          "DeepSpeed's ZeRO-3 and FSDP",
                 "remedy": "gather the weights before saving (zero_to_fp32.py, or "
                           "stage3_gather_16bit_weights_on_model_save)"}
    return broken, words


def _is_empty(module: Module) -> bool:
    return any(matrix is not None and 0 in matrix.shape for matrix in (module.A, module.B))


def both_zero(case: Case):
    return [row for row in case.known if row.norm_A == row.norm_B == 0]


def idle(case: Case):
    # what is left of a product of zero is rounding
    rows = [row for row in case.known
            if row.norm <= 1e-13 * abs(row.scale or 1) * row.norm_A * row.norm_B]
    return rows, {"severity": "error" if len(rows) == len(case.known) else "warning"}


def barely_moved(case: Case):
    moved = [row for row in case.known if row.norm_B > 0]
    rows = [row for row in moved
            if row.norm_B < 1e-6 * (row.shape[0] * row.r)**0.5 and row.norm_A > 0]
    return rows if len(rows) == len(moved) else []


def default_alpha(case: Case):
    rows = [row for row in case.known if _is_default(row)]
    words = {"s": _list(row.scale for row in rows), "alpha": _list(row.alpha for row in rows)}
    if case.is_mlx:
        words["symptom"] = "s is 20, MLX's default at every rank"
    return rows, words


def _is_default(row: Row) -> bool:
    """Whether α is a tool's default, and too small for this rank; or MLX's scale its own."""
    if row.rule == "scale":
        return row.scale == DEFAULT_SCALE
    return row.rule == "α/r" and row.alpha in DEFAULTS and 0 < row.scale <= 1 / 8


def other_rule(case: Case):
    rows = [row for row in case.known if _is_by_other_rule(row)]
    return rows, {"s": _list(row.scale for row in rows),
                  "other": _list(row.alpha / row.r for row in rows)}


def _is_by_other_rule(row: Row) -> bool:
    """Whether α looks like one for α/r, where √r divides it."""
    return row.rule == "α/√r" and row.scale > 4 and 1 / 2 <= row.alpha / row.r <= 4


def unusual_scale(case: Case):
    rows = [row for row in case.known if row.scale and is_unusual(row.scale)
            and not _is_default(row) and not _is_by_other_rule(row)]
    return rows, {"s": _list(row.scale for row in rows)}


def bad_settings(case: Case):
    return ["the settings"] if case.source.fault else [], {"fault": case.source.fault}


def without_scale(case: Case):
    ranks_differ = {row.layer for row in other_rank(case)}
    return [] if case.source.fault else [
        row for row in case.known if row.scale is None and row.layer not in ranks_differ]


def without_alpha(case: Case):
    """diffusers' own trainers write none where α is r; kohya's always do."""
    kohya = case.source.layout == "kohya"
    return [row for row in case.known if kohya and row.rule == "α = r"]


def alpha_in_metadata(case: Case):
    alphas = [alpha for key in case.source.metadata
              if key.rpartition(".")[2] in METADATA_ALPHAS
              and (alpha := _number(case.source.metadata, key)) is not None]
    rows = [row for row in case.known
            if row.rule == "α = r" and alphas and row.r not in alphas]
    return rows, {"alpha": _list(alphas)}


def two_alphas(case: Case):
    rows = [row for row in case.known if _has_two_alphas(case, row)]
    return rows, {"have": _list(case.modules[row.layer].alpha for row in rows)}


def _has_two_alphas(case: Case, row: Row) -> bool:
    """Whether a module's key says another α than the settings, or than kohya's metadata."""
    module = case.modules[row.layer]
    if module.alpha is None:
        return False
    if case.source.configs:
        return row.scale is not None and not _near(module.alpha, row.scale * row.r)
    is_linear = len(module.B.shape) == 2  # convolutions may have an α of their own
    trained = _number(case.source.metadata, "ss_network_alpha")
    of_these = row.r == _number(case.source.metadata, "ss_network_dim")
    return is_linear and of_these and bool(trained) and not _near(module.alpha, trained)


def _near(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-2 * abs(b)  # bfloat16 keeps eight bits


def doubtful_alpha(case: Case):
    return [row for row in case.known if not case.source.configs and row.rule == "α/r"
            and is_doubtful(case.source.layout, _model(case, row))]


def _model(case: Case, row: Row) -> str:
    return case.modules[row.layer].begin.removesuffix(LAYOUTS[case.source.layout].separator)


def other_rank(case: Case):
    configs = case.source.configs
    modules = {row.layer: case.modules[row.layer] for row in case.rows if row.shape}
    return [row for row in case.rows if row.shape
            and (config := configs.get(modules[row.layer].begin)) is not None
            and config.for_layer(modules[row.layer].layer)[0] != row.r]


def unmatched_names(case: Case):
    names = [module.layer for module in case.modules.values()]
    config = case.config
    if config is None:
        return []
    targets = config.target_modules if isinstance(config.target_modules, list) else []
    patterns = [*config.rank_pattern, *config.alpha_pattern, *map(re.escape, targets)]
    return [pattern for pattern in patterns
            if not any(matching({pattern: 0}, name) for name in names)]


def ambiguous_patterns(case: Case):
    config = case.config
    if config is None:
        return []
    return [row for row in case.rows for patterns in (config.rank_pattern, config.alpha_pattern)
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
    counted = Counter(dtype for row in case.rows for dtype in row.dtypes)
    common = {dtype for dtype, _ in counted.most_common(1)}
    rows = [row for row in case.rows if {*row.dtypes} - common]
    return rows, {"dtypes": ", ".join(sorted(counted))}


def unused_ranks(case: Case):
    rows = [row for row in case.known if row.r >= 8 and row.norm > 0]
    wasted = [row for row in rows if row.rank_holding(0.99) <= row.r / 4]
    if len(wasted) <= len(rows) / 2:
        return []
    return wasted, {"share": f"{len(wasted)} of {len(rows)}",
                    "kept": _list(row.rank_holding(0.99) for row in wasted)}


def outliers(case: Case):
    norms = [row.norm for row in case.known if row.norm > 0]
    rows = [row for row in case.known
            if len(norms) >= 8 and row.norm > 30 * median(norms)]
    return rows, {"times": _list(row.norm / median(norms) for row in rows)}


def unknown_names(case: Case):
    rows = [row for row in case.rows if row.layer not in case.paired]
    if len(rows) < len(case.rows):
        return rows
    return rows, {"symptom": "no module of the base has one of these names",
                  "cause": "the base is another model, or names are written otherwise there",
                  "remedy": "give the weights of the model that it was trained on"}


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
    lost = {}
    for row in case.known:
        weight = case.weight(row)
        if weight is not None and _can_be_merged(row, weight):
            lost[row] = lost_in_merge(row, case.modules[row.layer], weight, case.is_mlx)
    rows = [row for row, share in lost.items() if share > 0.5]
    return rows, {"share": f"{max(lost.values(), default=0):.0%}"}


def _can_be_merged(row: Row, weight: Tensor) -> bool:
    """Whether W0 + s·B·A can be reckoned, and is another than W0."""
    is_there = row.scale and row.norm > 0 and row.method == "LoRA"
    return bool(is_there) and weight.dtype in FLOATS and has_shape(row, weight)


def _number(metadata: dict[str, str], key: str) -> float | None:
    """A number in the metadata, if it is one."""
    try:
        return float(metadata[key])
    except (KeyError, ValueError):
        return None


def _list(numbers: Iterable[float]) -> str:
    """Different numbers, in few letters."""
    texts = [f"{number:.3g}" for number in sorted({*numbers})]
    return ", ".join(texts if len(texts) <= 4 else [texts[0], "…", texts[-1]])


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
        "the file was put together by hand, or cut",
        "save the adapter again from the program that trained it"),
    Test("both-zero", "error", (), both_zero, *BOTH_ZERO),
    Test("idle", "error", (), idle, *IDLE),
    Test(
        "barely-moved", "warning", (), barely_moved,
        "B's entries are about a millionth or less: it has hardly left its zero",
        "very few steps, or a learning rate far too small: Adam's first step alone is η",
        "look at the rate and at the number of steps in the log"),
    Test(
        "default-alpha", "note", (), default_alpha,
        "s is {s}, with an α of {alpha}, which is a tool's default at every rank",
        "r was chosen and α was not",
        "nothing, if the rate was tuned with it; else search the rate again"),
    Test(
        "other-rule", "note", (), other_rule,
        "s is {s} by α/√r; by α/r it would be {other}",
        "rsLoRA was switched on, and α is as one sets it for α/r",
        "nothing, if it was tuned so; else divide α by √r, and serve with the rule of training"),
    Test("scale", "note", (), unusual_scale, *SCALE),
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
        "the metadata says α = {alpha}, and there is no key for it: most loaders take α = r",
        "the trainer writes α into the metadata alone",
        "load with the strength α/r, or write the α of each module as a key"),
    Test(
        "scaling", "warning", (), two_alphas,
        "a key says α = {have}, the settings or the metadata say another",
        "the file was rescaled or converted, and one of the two was left as it was",
        "find out which the training had; loaders differ in which they read"),
    Test(
        "doubtful-alpha", "note", (), doubtful_alpha,
        "α stands in keys, which diffusers' own loader of a UNet passes over",
        "ComfyUI and others write such keys, and read them",
        "load it where they are read, or convert it (python -m lora_edu.nn.convert)"),
    Test(
        "rank", "error", (), other_rank,
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
        "the matrices have several precisions: {dtypes}",
        "two files were joined, or part of the model was cast",
        "nothing, if it is meant"),
    Test(
        "unused-rank", "note", (), unused_ranks,
        "in {share} modules {kept} components hold 99 % of ‖ΔW‖²",
        "the task asks for less than the rank, or the run was short",
        "cut it (see its singular values), or train with a smaller r and its own rate"),
    Test(
        "outlier", "note", (), outliers,
        "‖ΔW‖ is {times} times the median",
        "the rate was too large for these modules, or they have another scale",
        "look at their s, and try the adapter without them"),
    Test(
        "unknown-name", "error", ("base",), unknown_names,
        "no module of the base has this name, so a loader passes it over",
        "another version of the model, or names written otherwise",
        "compare the names with the model's"),
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
