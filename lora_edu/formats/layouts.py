"""How each tool lays out a LoRA file: its keys, names and settings, as text. Needs no torch."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from lora_edu import checks

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."  # PEFT's path to the model that an adapter belongs to
ALPHA = ".alpha"
DIGEST = "lora_edu_settings"  # in the metadata of weights that lora_edu saved
METADATA = "lora_adapter_metadata"  # in diffusers' files: PEFT's settings, each after "unet." or so
OTHER_KINDS = {"hada_": "LoHa", "lokr_": "LoKr", "lora_mid": "a convolution in three factors",
               "dora_scale": "DoRA", "magnitude": "DoRA", "embedding": "an embedding's adapter",
               "bias": "a trained bias", ".diff": "a whole difference", "oft_": "OFT"}

KOHYAS = (".lora_down.", ".hada_", ".lokr_", ".oft_")  # in kohya's keys, and in LyCORIS's
UNKNOWN = "unknown"  # a layout


class Layout(NamedTuple):
    """One tool's layout.

    file: its name in a folder. A, B: what the keys of the matrices end in. separator: what stands
    between the parts of a module's name. models: what names begin with, for the model that they
    belong to. has_alpha_keys: whether a module may have a key for its α.
    """

    file: str
    A: str
    B: str
    separator: str
    models: tuple[str, ...]
    has_alpha_keys: bool = False

    def begin(self, model: str) -> str:
        """What the names of a model's modules begin with."""
        return model + self.separator if model else ""

    def name(self, model: str, module: str) -> str:
        """What a module is called, whose name has dots."""
        return self.begin(model) + module.replace(".", self.separator)


LAYOUTS = {
    "peft": Layout(WEIGHTS, ".lora_A.weight", ".lora_B.weight", ".",
                   ("base_model.model",)),
    "kohya": Layout("lora.safetensors", ".lora_down.weight", ".lora_up.weight", "_",
                    ("lora_unet", "lora_transformer", "lora_te", "lora_te1", "lora_te2",
                     "lora_te3"), has_alpha_keys=True),
    "diffusers": Layout("pytorch_lora_weights.safetensors", ".lora_A.weight", ".lora_B.weight", ".",
                        ("unet", "transformer", "transformer_2", "text_encoder", "text_encoder_2",
                         "text_encoder_3", "diffusion_model"), has_alpha_keys=True),
    "mlx": Layout("adapters.safetensors", ".lora_a", ".lora_b", ".", ("",))}


def located(source: Path) -> tuple[str | None, Path]:
    """(layout, file) of a source; None for a file whose name does not say its layout."""
    if re.search(r"-\d+-of-\d+$", source.stem):
        raise ValueError(f"source must be a whole file, got {str(source)!r}, one of several")
    if not source.is_dir():
        of_name = [name for name in ("peft", "mlx") if LAYOUTS[name].file == source.name]
        return next(iter(of_name), None), source
    present = [name for name, row in LAYOUTS.items() if (source / row.file).is_file()]
    if len(present) != 1:
        files = [row.file for row in LAYOUTS.values()]
        below = sorted({str(path.parent) for file in files for path in source.glob(f"*/{file}")})
        hint = f"; give a folder in it, such as {', '.join(map(repr, below[:3]))}" if below else ""
        raise ValueError(f"source must be a file, or a folder with one of {files}, "
                         f"got {str(source)!r} with "
                         f"{[LAYOUTS[name].file for name in present] or 'none'}{hint}")
    [layout] = present
    return layout, source / LAYOUTS[layout].file


def layout_of(keys: Iterable[str], metadata: Mapping[str, str]) -> str:
    """The layout of a file by its keys and metadata; UNKNOWN where they are no tool's known here.

    loralib's keys are such, torchtune's, and mostly those of a state_dict without PEFT's prefix.
    """
    keys = list(keys)
    if any(key.startswith(PREFIX) for key in keys):
        return "peft"
    if METADATA in metadata or any(map(_is_diffusers, keys)):
        return "diffusers"
    if any(part in key for key in keys for part in KOHYAS):
        return "kohya"
    return "mlx" if any(key.endswith(LAYOUTS["mlx"].A) for key in keys) else UNKNOWN


def _is_diffusers(key: str) -> bool:
    """Whether diffusers writes such a key, or has written it once."""
    row = LAYOUTS["diffusers"]
    begins = tuple(row.begin(model) for model in row.models)
    is_of_model = key.startswith(begins) and key.endswith(row.A)
    return is_of_model or "lora.down" in key or "lora_linear_layer.down" in key


def is_doubtful(layout: str, model: str) -> bool:
    """Whether a key for α is one that diffusers' loader of a UNet would pass over.

    Names that begin with "diffusion_model" are ComfyUI's, which reads such keys.
    """
    return layout == "diffusers" and model != "diffusion_model"


def fit(A: tuple[int, ...], B: tuple[int, ...]) -> bool:
    """Whether shapes of A and B have one rank, and the sides of a linear layer or a convolution."""
    if len(A) < 2 or len(A) != len(B) or 0 in (*A, *B):
        return False
    return A[0] == B[1] and all(side == 1 for side in B[2:])


def split_key(key: str, layout: str, only: str | None = None) -> tuple[str, str, str]:
    """(model, module's name, what the key ends in) of a key.

    only: a model besides those of the layout, or "" where names begin with none. Raises ValueError
    for a key that is not plain LoRA's, and for one without its model.
    """
    row = LAYOUTS[layout]
    ends = [row.A, row.B]
    if row.has_alpha_keys:
        ends.append(ALPHA)
    end = next((end for end in ends if key.endswith(end)), None)
    if end is None:
        kind = next((kind for part, kind in OTHER_KINDS.items() if part in key), "unknown here")
        raise ValueError(f"{key!r} is not of plain LoRA in the layout of {layout}: {kind}")

    name = key.removesuffix(end)
    models = row.models if only is None else (only, *row.models)
    model = next((model for model in models
                  if name.startswith(row.begin(model)) and name != row.begin(model)), None)
    if model is None:
        raise ValueError(f"{key!r} must begin with the model that it belongs to, in the layout of "
                         f"{layout} one of {', '.join(row.models)}; say only='' where the keys "
                         "begin with the names of modules, as those of save_lora_adapter do")
    module = name.removeprefix(row.begin(model))
    if "base_layer" in module.split("."):
        raise ValueError(f"{module!r} is a name in PEFT's wrapper, of a MultiheadAttention for "
                         "instance, and not one of the model")
    return model, module, end


def with_dots(flat: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """{name with underscores for dots: the one of the known names that it is}."""
    dotted = defaultdict(set)
    for name in known:
        dotted[name.replace(".", "_")].add(name)
    for name in flat:
        if len(dotted[name]) != 1:
            raise ValueError(f"names must have one that is {name!r} with underscores for dots, got "
                             f"{sorted(dotted[name]) or 'none'}")
    return {name: next(iter(dotted[name])) for name in flat}


def is_embedding(module: str) -> bool:
    """Whether MLX's models have an embedding of that name; its adapter has other names in PEFT."""
    last = module.rpartition(".")[2]
    return "embed" in last or last in ("wte", "wpe")


def mlx_scales(text: str) -> tuple[float | None, dict[str, float]]:
    """(the scale for all modules, Unsloth's {module: scale of its own}) of MLX's settings."""
    config = checks.instance("MLX's settings", json.loads(text), dict)
    kind = config.get("fine_tune_type", "lora")
    if kind != "lora":
        raise ValueError(f"fine_tune_type must be 'lora', got {kind!r}")
    parameters, own = (checks.instance(key, config.get(key) or {}, dict)
                       for key in ("lora_parameters", "unsloth_mlx_lora_module_scales"))
    common = parameters.get("scale")
    for scale in (common, *own.values()):
        if scale is not None:
            checks.number("scale", scale, above=0.0)
    return common, own


def diffusers_settings(text: str) -> dict[str, dict]:
    """{model: PEFT's settings} of diffusers' metadata."""
    settings = defaultdict(dict)
    for key, value in checks.instance("the settings", json.loads(text), dict).items():
        model, _, setting = key.rpartition(".")
        settings[model][setting] = value
    return settings
