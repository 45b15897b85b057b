"""How each tool lays out a LoRA file: its keys, names and settings, as text. Needs no torch.

A layout is a row of ``LAYOUTS``, which answers what the readers and writers ask.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lora_edu import checks
from lora_edu.formats.config import AdapterConfig, parsed

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."  # PEFT's path to the model that an adapter belongs to
ALPHA = ".alpha"
DIGEST = "lora_edu_settings"  # in the metadata of weights that lora_edu saved
METADATA = "lora_adapter_metadata"  # in diffusers' files: PEFT's settings, each after "unet." or so
OTHER_KINDS = {"hada_": "LoHa", "lokr_": "LoKr", "lora_mid": "a convolution in three factors",
               "dora_scale": "DoRA", "magnitude": "DoRA", "oft_": "OFT"}

KOHYAS = (".lora_down.", ".hada_", ".lokr_", ".oft_")  # in kohya's keys, and in LyCORIS's
OLD_KEYS = (  # as tools wrote them once, and how a key is read
    # diffusers' UNet, until 2023
    (r"\.processor\.to_out_lora\.", ".to_out.0.lora."),
    (r"\.processor\.(to_[qkv])_lora\.", r".\1.lora."),
    (r"(^text_encoder.*)\.to_out_lora\.", r"\1.out_proj.lora."),
    (r"(^text_encoder.*)\.to_([qkv])_lora\.", r"\1.\2_proj.lora."),
    # XLabs', for FLUX
    (r"\.processor\.(qkv|proj)_lora1\.(?=down|up)", r".img_attn.\1.lora."),
    (r"\.processor\.(qkv|proj)_lora2\.(?=down|up)", r".txt_attn.\1.lora."))


class Settings(NamedTuple):
    """What settings say of s. values: as they stand there. configs: PEFT's, {model: config}.
    scale, scales: MLX's for all modules, and of a module by itself.
    """

    values: Mapping[str, Any] = {}
    configs: Mapping[str, AdapterConfig] = {}
    scale: float | None = None
    scales: Mapping[str, float] = {}


class Layout(NamedTuple):
    """One tool's layout.

    name: what it is called here. file: its name in a folder. A, B: what the keys of the matrices
    end in. separator: what stands between the parts of a module's name. models: what names begin
    with, for the model that they belong to. settings_of: a function of (settings, metadata).
    has_config: whether settings lie beside it. takes_config: whether others may be given.
    alpha_is_r: whether loaders take α = r
    where none is said. transposed: whether A is (k, r) and B is (r, d). doubtful: of which models
    diffusers' own loader passes over such a key; ComfyUI reads it. start: how its tool draws A,
    where it has one way. loaded_by: the call that loads it; without a prefix: see :func:`model_in`.
    """

    name: str
    file: str
    A: str
    B: str
    separator: str
    models: tuple[str, ...]
    settings_of: Callable[[Mapping[str, Any], Mapping[str, str]], Settings]
    has_config: bool = False
    takes_config: bool = True
    alpha_is_r: bool = False
    transposed: bool = False
    doubtful: tuple[str, ...] = ()
    start: str | None = None
    loaded_by: str = ""

    def begin(self, model: str) -> str:
        """What the names of a model's modules begin with."""
        return model + self.separator if model else ""

    def named(self, model: str, module: str) -> str:
        """What a module is called, whose name has dots."""
        return self.begin(model) + module.replace(".", self.separator)

    def split(self, name: str, more: tuple[str, ...] = ()) -> tuple[str, str]:
        """(model, module) of a name in a file; "" for a model that is not known.

        more: models besides the layout's own.
        """
        for model in (*more, *self.models):
            begin = self.begin(model)
            if name.startswith(begin) and name != begin:
                return model, name.removeprefix(begin)
        return "", name


def _of_peft(values: Mapping[str, Any], _) -> Settings:
    config = AdapterConfig.of_file(values) if values else None
    return Settings(values, dict.fromkeys((PREFIX[:-1], ""), config) if config else {})


def _of_mlx(values: Mapping[str, Any], _) -> Settings:
    """MLX's settings: the scale for all modules, Unsloth's {module: scale of its own}."""
    kind = values.get("fine_tune_type", "lora")
    if kind != "lora":
        raise ValueError(f"fine_tune_type must be 'lora', got {kind!r}")
    parameters, scales = (checks.instance(key, values.get(key) or {}, dict)
                          for key in ("lora_parameters", "unsloth_mlx_lora_module_scales"))
    common = parameters.get("scale")
    for scale in (common, *scales.values()):
        if scale is not None:
            checks.number("scale", scale, above=0.0)
    return Settings(values, {}, common, scales)


def _of_diffusers(_, metadata: Mapping[str, str]) -> Settings:
    """PEFT's settings of each model, in the metadata."""
    by_model = defaultdict(dict)
    try:
        for key, value in parsed(metadata.get(METADATA, "{}")).items():
            model, _, setting = key.rpartition(".")
            by_model[model][setting] = value
        configs = {model: AdapterConfig.of_file(values) for model, values in by_model.items()}
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{METADATA} in its metadata: {error}") from None
    return Settings(next(iter(by_model.values()), {}), configs)


def _of_keys(*_) -> Settings:
    """None: α stands in keys."""
    return Settings()


LAYOUTS = {row.name: row for row in (
    Layout("peft", WEIGHTS, ".lora_A.weight", ".lora_B.weight", ".", (PREFIX[:-1],), _of_peft,
           has_config=True, loaded_by="peft.PeftModel.from_pretrained(base_model, folder)"),
    Layout("kohya", "lora.safetensors", ".lora_down.weight", ".lora_up.weight", "_",
           ("lora_unet", "lora_transformer", "lora_te", "lora_te1", "lora_te2", "lora_te3"),
           _of_keys, takes_config=False, alpha_is_r=True,
           loaded_by="diffusers’ pipeline.load_lora_weights(file)"),
    Layout("diffusers", "pytorch_lora_weights.safetensors", ".lora_A.weight", ".lora_B.weight", ".",
           ("unet", "transformer", "transformer_2", "text_encoder", "text_encoder_2",
            "text_encoder_3", "diffusion_model"), _of_diffusers,
           alpha_is_r=True, doubtful=("unet", "transformer", "transformer_2", "text_encoder",
                                      "text_encoder_2", "text_encoder_3"),
           loaded_by="diffusers’ pipeline.load_lora_weights(file)"),
    Layout("mlx", "adapters.safetensors", ".lora_a", ".lora_b", ".", ("",), _of_mlx,
           has_config=True, transposed=True, start="kaiming_uniform",
           loaded_by="mlx_lm.load(base_model, adapter_path=folder)"))}
# Other ends of the matrices' keys: of embeddings, and as tools wrote them once
OTHER_ENDS = {
    "A": (".lora_embedding_A", ".lora.down", "_lora.down", ".lora_linear_layer.down"),
    "B": (".lora_embedding_B", ".lora.up", "_lora.up", ".lora_linear_layer.up")}
# How the names in a model of diffusers begin, which saves its own adapter without a prefix
NAMES_IN = {"unet": ("down_blocks.", "mid_block.", "up_blocks."),
            "transformer": ("transformer_blocks.", "single_transformer_blocks.")}
# Another library's keys, such as loralib's, torchtune's, and a state_dict's without PEFT's prefix
UNKNOWN = Layout("unknown", "", "", "", ".", (), _of_keys)


def ends(side: str) -> str:
    """A pattern of what the key of that matrix, "A" or "B", ends in before ".weight"."""
    of_layouts = {getattr(row, side).removesuffix(".weight") for row in LAYOUTS.values()}
    return "|".join(map(re.escape, (*sorted(of_layouts), *OTHER_ENDS[side])))


def located(source: Path) -> tuple[Layout | None, Path]:
    """(layout, file) of a source; None for a file whose name does not say its layout."""
    if re.search(r"-\d+-of-\d+$", source.stem):
        raise ValueError("source must be a complete file, got one of several parts, "
                         f"{str(source)!r}")
    if not source.exists():
        raise FileNotFoundError(f"source must exist, but there is no {str(source)!r}")
    if not source.is_dir():
        of_name = [row for row in LAYOUTS.values() if row.has_config and row.file == source.name]
        return next(iter(of_name), None), source
    present = [row for row in LAYOUTS.values() if (source / row.file).is_file()]
    if len(present) == 1:
        [row] = present
        return row, source / row.file
    files = [row.file for row in LAYOUTS.values()]
    raise ValueError(f"source must be a file, or a folder with one of {files}, got {str(source)!r} "
                     f"with {[row.file for row in present] or 'none'}{_hint(source, files)}")


def _hint(source: Path, files: list[str]) -> str:
    """What else in a folder without a LoRA file may have been meant."""
    pickles = [name for name in ("adapter_model.bin", "pytorch_lora_weights.bin")
               if (source / name).is_file()]
    if pickles:
        return (f"; its {pickles[0]} is a pickle, which could run code, so it is not opened. If "
                f"you trust it, load it with PEFT or diffusers and save it again")
    below = sorted({str(path.parent) for file in files for path in source.glob(f"*/{file}")})
    return f"; give a folder in it, such as {', '.join(map(repr, below[:3]))}" if below else ""


def layout_of(keys: Iterable[str], metadata: Mapping[str, str]) -> Layout:
    """The layout of a file by its keys and metadata; UNKNOWN where they are no known tool's."""
    keys = list(keys)
    if any(key.startswith(PREFIX) for key in keys):
        return LAYOUTS["peft"]
    if METADATA in metadata or any(map(_is_diffusers, keys)):
        return LAYOUTS["diffusers"]
    if any(part in key for key in keys for part in KOHYAS):
        return LAYOUTS["kohya"]
    return LAYOUTS["mlx"] if any(key.endswith(LAYOUTS["mlx"].A) for key in keys) else UNKNOWN


def _is_diffusers(key: str) -> bool:
    """Whether diffusers writes such a key, or reads it; kohya's names have no dots."""
    row = LAYOUTS["diffusers"]
    begins = tuple(row.begin(model) for model in row.models)
    is_of_model = key.startswith(begins) and key.endswith(row.A)
    name, _, end = key.partition(".lora_down.")
    is_dotted = bool(end) and "." in name
    return is_of_model or is_dotted or "lora.down" in key or "lora_linear_layer.down" in key


def model_in(names: Iterable[str]) -> str | None:
    """The model of diffusers that all names are from, without a prefix; None where there is none.
    """
    names = list(names)
    return next((model for model, begins in NAMES_IN.items()
                 if all(name.startswith(begins) for name in names)), None)


def fit(A: tuple[int, ...], B: tuple[int, ...]) -> bool:
    """Whether shapes of A and B have one rank, and the sides of a linear layer or a convolution."""
    if len(A) < 2 or len(A) != len(B) or 0 in (*A, *B):
        return False
    return A[0] == B[1] and all(side == 1 for side in B[2:])


def with_dots(flat: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """{name with underscores for dots: the one of the known names that it is}."""
    dotted = defaultdict(set)
    for name in known:
        dotted[name.replace(".", "_")].add(name)
    for name in flat:
        if len(dotted[name]) != 1:
            raise ValueError("names must contain exactly one name that becomes "
                             f"{name!r} with dots as underscores, got "
                             f"{sorted(dotted[name]) or 'none'}")
    return {name: next(iter(dotted[name])) for name in flat}


def is_embedding(module: str) -> bool:
    """Whether MLX's models have an embedding of that name; its adapter has other names in PEFT."""
    last = module.rpartition(".")[2]
    return "embed" in last or last in ("wte", "wpe")
