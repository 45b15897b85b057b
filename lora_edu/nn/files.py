"""Save and load an adapter in PEFT's format: adapter_config.json and adapter_model.safetensors.

The weights carry a digest of the settings they were saved with: a pair that does not belong
together is refused, and so is a file that does not fit, before anything changes.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from safetensors.torch import save
from torch import nn

from lora_edu import checks
from lora_edu.formats import tensors as safetensors
from lora_edu.formats.config import AdapterConfig, whole
from lora_edu.formats.layouts import CONFIG, DIGEST, PREFIX, WEIGHTS
from lora_edu.formats.names import matches
from lora_edu.nn.injection import add
from lora_edu.nn.layer import LoRALayer, lora_layer_for, plain
from lora_edu.nn.low_rank import DTYPES, LowRank, check_finite
from lora_edu.nn.model import inner, lora_layers, with_adapter
from lora_edu.nn.targets import check_places, select, walk

TORCH = {  # torch's dtype for each of the format's
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U64": torch.uint64,
    "U32": torch.uint32, "U16": torch.uint16, "U8": torch.uint8, "BOOL": torch.bool}
ASIDE = ".saving."  # what the names of folders begin with in which files wait to be renamed


def save_adapter(model: nn.Module, directory: str | os.PathLike, name: str = "default") -> None:
    """Write one adapter of ``model`` into ``directory``, in PEFT's format; replaces its files.

    Both files are written to a temporary folder and then renamed, one after the other; a load in
    between is refused. A killed save leaves a folder ``.saving.…``, which a save an hour later
    deletes.
    PEFT has no rule "none": s = α is written as α'/r with α' = α·r.

    Args:
        model: The model with the adapter.
        directory: The folder, which is created if it does not exist.
        name: The adapter.

    Raises:
        TypeError: For an argument of another kind.
        ValueError: For an unknown name, for layers that disagree about rsLoRA or dropout (the file
            has one value for all), for a model that is itself a LoRA layer, for a layer under two
            names (PEFT adapts only the first), and for an adapter that :func:`load_adapter` would
            refuse (not finite, of a wrong shape or dtype). Then the files are unchanged.
        OSError: If the folder cannot be written. Then the files are unchanged.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from lora_edu.nn import inject
        >>> model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> adapted = inject(model, ["0", "2"], r=2, alpha=4)
        >>> with TemporaryDirectory() as folder:
        ...     save_adapter(model, folder)
        ...     sorted(os.listdir(folder))
        ['adapter_config.json', 'adapter_model.safetensors']
    """
    model = inner(model)
    directory = checks.path("directory", directory)
    layers = with_adapter(lora_layers(model), "name", checks.instance("name", name, str))
    if "" in layers:
        raise ValueError("model must contain the LoRA layer, but it is the LoRA layer, which has "
                         "no name for the file")
    adapters = {path: layer.adapters[name] for path, layer in layers.items()}
    config = _config_of(model, adapters)
    tensors = {key: matrix.detach().clone(memory_format=torch.contiguous_format)
               for path, adapter in adapters.items()
               for key, matrix in zip(_keys(path, layers[path]), (adapter.lora_A, adapter.lora_B),
                                      strict=True)}
    _check_tensors(tensors, layers, config)
    check_places(model, layers)
    replace_files(directory, pefts_files(tensors, config))


def load_adapter(model: nn.Module, directory: str | os.PathLike,
                 name: str = "default") -> list[str]:
    """Add the adapter in ``directory``, ours or PEFT's, to ``model``.

    As after :func:`lora_edu.nn.inject`, it is the active adapter, and nothing else is trained. A
    head or biases that the file holds, trained in full, replace the model's and are trained
    too; they stay there when the adapter is deleted, and :func:`save_adapter` does not save
    them. A and B have the wider of the file's and the base's dtype, and at least float32:
    no bit is lost, and they can be trained. As in PEFT, a target name that matches no layer is not
    an error: the tensors determine which layers must exist.

    Args:
        model: The model that the adapter was trained on, with other adapters or without.
        directory: The folder with the two files.
        name: The adapter's name in this model.

    Returns:
        The names of its layers.

    Raises:
        FileNotFoundError: For a missing file, which the message names.
        TypeError: For an argument of another kind.
        ValueError: For a name that is taken and for a file that is damaged, does not fit the model,
            does not belong to the other file, or needs more than plain LoRA (DoRA, a start that
            changes W0, …); the message names the file. Then the model is unchanged.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from lora_edu.nn import inject
        >>> model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> adapted = inject(model, ["0", "2"], r=2, alpha=4)
        >>> with TemporaryDirectory() as folder:
        ...     save_adapter(model, folder)
        ...     load_adapter(model, folder, "as saved")
        ['0', '2']
    """
    model = inner(checks.instance("model", model, nn.Module))
    directory = checks.path("directory", directory)
    config_file = directory / CONFIG
    weights_file = directory / WEIGHTS
    config, tensors = read_folder(directory)
    with naming(config_file):
        layers = select(model, config.target_modules, config.exclude_modules)
        if not layers:
            raise ValueError("target_modules must match layers of the model, but nothing matches "
                             f"{config.target_modules!r}")
    with naming(weights_file):
        full = _trained_in_full(model, tensors, layers, config)
        others = {key: tensor for key, tensor in tensors.items() if key not in full}
        _check_tensors(others, layers, config)
    check_places(model, layers)
    # On any layer: add() would join the file to an adapter of this name elsewhere in the model.
    for module in model.modules():
        if isinstance(module, LoRALayer):
            module.check_new_name(name)

    def settings_of(path: str) -> dict:
        is_embedding = isinstance(plain(layers[path]), nn.Embedding)
        A, B = (tensors.pop(key) for key in _keys(path, layers[path]))  # they leave the memory
        wide = torch.promote_types(A.dtype, torch.float32)
        return {**config.settings(path, is_embedding), "matrices": (A, B),
                "dtype": torch.promote_types(wide, plain(layers[path]).weight.dtype)}

    add(model, layers, name, settings_of)
    for key, place in full.items():
        place.data.copy_(tensors[key])
        place.requires_grad_(place.is_floating_point() and isinstance(place, nn.Parameter))
    return list(layers)


def _trained_in_full(model: nn.Module, tensors: dict, layers: dict[str, nn.Module],
                     config: AdapterConfig) -> dict[str, torch.Tensor]:
    """{key: the model's own tensor} for what the file holds besides A and B.

    Raises ValueError where it lacks what the settings say was trained, or has another shape.
    """
    own = {name.replace(".base_layer.", "."): tensor
           for name, tensor in model.state_dict(keep_vars=True).items()}
    bases = {f"{path}.weight" for path in layers}  # which PEFT may add, and must be the model's
    names = {key: key.removeprefix(PREFIX).replace(".base_layer.", ".") for key in tensors}
    places = {key: own[name] for key, name in names.items() if name in own and name not in bases}
    for name in own:
        if name not in names.values() and _is_trained(name, layers, config):
            # older PEFT lost biases when it saved
            way_on = "bias 'none'" if name.endswith(".bias") else "modules_to_save null"
            raise ValueError(f"the file must contain a tensor {PREFIX + name!r}, which {CONFIG} "
                             f"says was trained; with {way_on}, the other tensors can be loaded")
    for key, place in places.items():
        if tensors[key].shape != place.shape:
            raise ValueError(f"{key!r} must have shape {tuple(place.shape)} for the model, got "
                             f"{tuple(tensors[key].shape)}")
        if sum(tensor is place for tensor in own.values()) > 1:
            raise ValueError(f"{key!r} must belong to a separate weight, but the model's is shared")
        check_finite(repr(key), tensors[key])
    return places


def _is_trained(name: str, layers: dict[str, nn.Module], config: AdapterConfig) -> bool:
    """Whether the settings say that this parameter or buffer was trained.

    PEFT takes each module whose name ends so, such as pre_classifier for classifier.
    """
    module, _, end = name.rpartition(".")
    has_bias = config.bias == "all" or (config.bias == "lora_only" and module in layers)
    if end == "bias" and has_bias:
        return True
    return any(f"{part}." in f"{module}." for part in config.modules_to_save)


def _config_of(model: nn.Module, adapters: dict[str, LowRank]) -> AdapterConfig:
    """The settings of {layer's name: adapter} in ``model``.

    Raises ValueError for layers that disagree about rsLoRA or dropout: one value holds for all.
    """
    shared = {(adapter.rule == "rslora", adapter.dropout) for adapter in adapters.values()}
    if len(shared) > 1:
        raise ValueError("all layers saved in one file must have the same rsLoRA and dropout, "
                         f"got (rsLoRA, dropout) = {sorted(shared)}")
    [(use_rslora, dropout)] = shared
    ranks = {path: adapter.r for path, adapter in adapters.items()}
    alphas = {path: _pefts_alpha(adapter) for path, adapter in adapters.items()}
    config = AdapterConfig.of_layers(ranks, alphas, use_rslora=use_rslora, lora_dropout=dropout)
    targets = sorted(adapters)
    if {path for path, _ in walk(model) if matches(path, targets)} == set(targets):
        return replace(config, target_modules=targets)
    return config


def _pefts_alpha(adapter: LowRank) -> float:
    """The alpha that gives the adapter's scaling under PEFT's rules: α/r, or α/√r for rsLoRA."""
    return whole(adapter.alpha * adapter.r if adapter.rule == "none" else adapter.alpha)


def _keys(path: str, layer: nn.Module) -> tuple[str, str]:
    """PEFT's names for the A and the B of a layer."""
    if isinstance(plain(layer), nn.Embedding):
        return f"{PREFIX}{path}.lora_embedding_A", f"{PREFIX}{path}.lora_embedding_B"
    return f"{PREFIX}{path}.lora_A.weight", f"{PREFIX}{path}.lora_B.weight"


def _check_tensors(tensors: dict, layers: dict[str, nn.Module], config: AdapterConfig) -> None:
    """Raise ValueError unless the tensors are the A and B of these layers, and finite."""
    shapes = {}
    bases = {}
    for path, module in layers.items():
        r, _ = config.for_layer(path)
        key_A, key_B = _keys(path, module)
        weight = plain(module).weight
        d, k = lora_layer_for(plain(module)).as_weight(weight).shape
        shapes |= {key_A: (r, k), key_B: (d, r)}
        bases[f"{PREFIX}{path}.base_layer.weight"] = weight  # PEFT may add an embedding's W0
    for key in shapes.keys() - tensors.keys():
        raise ValueError(f"there must be a tensor {key!r} of shape {shapes[key]}, but there is "
                         f"none")
    for key, tensor in tensors.items():
        if key in bases and tensor.shape == bases[key].shape:
            if not torch.equal(tensor.to(bases[key]), bases[key]):
                raise ValueError(f"{key!r} must be the model's own weight, but it differs")
        elif key not in shapes:
            raise ValueError(f"the file must contain only the tensors that {CONFIG} and the model "
                             f"need, got {key!r} of shape {tuple(tensor.shape)}")
        elif tensor.shape != shapes[key] or tensor.dtype not in DTYPES:
            raise ValueError(f"{key!r} must have shape {shapes[key]} for {CONFIG} and the model, "
                             f"and a floating dtype, got {tuple(tensor.shape)} in {tensor.dtype}")
        else:
            check_finite(repr(key), tensor)


def read_folder(directory: Path) -> tuple[AdapterConfig, dict[str, torch.Tensor]]:
    """The settings and the tensors of an adapter in PEFT's format; see :func:`load_adapter`."""
    if directory.is_file():
        raise ValueError(f"directory must be the folder with {CONFIG} and {WEIGHTS}, got the file "
                         f"{str(directory)!r}")
    tensors, metadata = read_tensors(directory / WEIGHTS)
    with naming(directory / CONFIG):
        config = AdapterConfig.from_json((directory / CONFIG).read_text(encoding="utf-8"))
        if metadata.get(DIGEST) not in (None, config.digest()):  # PEFT writes no digest
            raise ValueError(f"this must contain the settings that {WEIGHTS} was saved with, "
                             "but it contains different ones")
    return config, tensors


def read_tensors(file: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The tensors of a safetensors file, and its metadata."""
    with naming(file):
        held, metadata = safetensors.read(file)
    return {key: as_torch(tensor) for key, tensor in held.items()}, metadata


def as_torch(tensor: safetensors.Tensor) -> torch.Tensor:
    """A tensor of a file with its bits, in memory of its own."""
    raw = np.array(tensor.content[tensor.place])
    if not raw.size:
        return torch.empty(tensor.shape, dtype=TORCH[tensor.dtype])
    return torch.from_numpy(raw).view(TORCH[tensor.dtype]).reshape(tensor.shape)


def pefts_files(tensors: dict[str, torch.Tensor], config: AdapterConfig) -> dict[str, bytes]:
    """The two files of an adapter in PEFT's format, by name."""
    return {WEIGHTS: save(tensors, metadata={"format": "pt", DIGEST: config.digest()}),
            CONFIG: config.to_json().encode()}


def replace_files(directory: Path, files: dict[str, bytes]) -> None:
    """Write all files aside, and then rename them into the folder, one after the other.

    Settings that change are taken away first. So what is killed in between leaves no settings, and
    nobody reads new weights with an old α.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if not os.access(directory, os.W_OK):  # or the error would name a temporary folder in it
        raise PermissionError(f"the folder must be writable, got {str(directory)!r}")
    _clear_remains(directory)
    with TemporaryDirectory(prefix=ASIDE, dir=directory) as aside:
        for file, content in files.items():
            (Path(aside) / file).write_bytes(content)
        settings = directory / CONFIG
        old_settings = Path(aside) / "old settings"
        with suppress(FileNotFoundError):  # there are none, or another save has taken them
            if CONFIG in files and settings.read_bytes() != files[CONFIG]:
                os.replace(settings, old_settings)
        try:
            for file in files:
                os.replace(Path(aside) / file, directory / file)
        except BaseException:
            nothing_is_new = (Path(aside) / next(iter(files))).exists()
            if nothing_is_new and old_settings.exists():
                os.replace(old_settings, settings)
            raise


def _clear_remains(directory: Path) -> None:
    """Remove what killed saves have left: a save that still runs is younger than an hour."""
    for aside in directory.glob(f"{ASIDE}*"):
        with suppress(OSError):  # another save has just removed its own
            if time.time() - aside.stat().st_mtime > 3600:
                shutil.rmtree(aside)


@contextmanager
def naming(place: object):
    """Say where, as in which file, it was that something did not fit."""
    try:
        yield
    except (OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"{place}: {error}") from error
