"""Save and load an adapter in PEFT's format: adapter_config.json and adapter_model.safetensors.

The weights carry a digest of the settings they were saved with: a pair that does not belong
together is refused, and so is a file that does not fit, before anything changes.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from lora_edu import _check
from lora_edu.nn.config import AdapterConfig
from lora_edu.nn.inject import add
from lora_edu.nn.model import inner, lora_layers
from lora_edu.nn.named import LoRALayer
from lora_edu.nn.targets import check_places, select
from lora_edu.nn.tensors import CONFIG, base, check, keys

WEIGHTS = "adapter_model.safetensors"
DIGEST = "lora_edu_settings"  # in the metadata of the weights


def save_adapter(model: nn.Module, directory: str | os.PathLike, name: str = "default") -> None:
    """Write one adapter of ``model`` into ``directory``, for us and for PEFT; replaces its files.

    Both files are written aside and then renamed, one after the other; a load that comes in between
    refuses the pair. PEFT has no rule "none": s = α is written as α'/r with α' = α·r.

    Raises ValueError for a name that no layer has, for layers that disagree about rsLoRA or
    dropout (the file has one value for all), for a model that is itself a LoRA layer, for a layer
    under two names (PEFT adapts the first alone), and for an adapter that :func:`load_adapter`
    would refuse (not finite, of another shape or dtype); OSError where the folder cannot be
    written. Then the files are as they were.

    >>> from tempfile import TemporaryDirectory
    >>> from lora_edu.nn import inject
    >>> model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> found = inject(model, ["0", "2"], r=2, alpha=4)
    >>> with TemporaryDirectory() as folder:
    ...     save_adapter(model, folder)
    ...     sorted(os.listdir(folder))
    ['adapter_config.json', 'adapter_model.safetensors']
    """
    model, directory = inner(model), _path_of(directory)
    layers = lora_layers(model, _check.instance("name", name, str))
    if "" in layers:
        raise ValueError("model must contain the LoRA layer, not be it: the file needs its name")
    adapters = {path: layer.adapters[name] for path, layer in layers.items()}
    config = AdapterConfig.of(model, adapters)
    tensors = {key: matrix.detach().clone(memory_format=torch.contiguous_format)
               for path, adapter in adapters.items()
               for key, matrix in zip(keys(path, layers[path]), (adapter.lora_A, adapter.lora_B),
                                      strict=True)}
    check(tensors, layers, config)
    check_places(model, layers)
    files = {WEIGHTS: save(tensors, metadata={"format": "pt", DIGEST: config.digest()}),
             CONFIG: config.to_json().encode()}
    directory.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".saving.", dir=directory) as aside:
        for name, content in files.items():
            (Path(aside) / name).write_bytes(content)
        for name in files:
            os.replace(Path(aside) / name, directory / name)


def load_adapter(model: nn.Module, directory: str | os.PathLike,
                 name: str = "default") -> list[str]:
    """Add the adapter in ``directory``, ours or PEFT's, to ``model``; return its layers' names.

    ``name``: what to call it here. As after :func:`lora_edu.nn.inject`, it is the active adapter
    and the only thing that trains. A and B have the file's dtype or the base's, the wider one, but
    no narrower than float32: no bit is lost, and they can train.

    Raises FileNotFoundError for a missing file, and ValueError for a name that is taken and for a
    file that is damaged, does not fit the model, does not belong to the other file, or asks for
    more than plain LoRA (DoRA, trained biases, a start that changes W0, …); the message names the
    file. Then the model is as it was. A name among the file's targets that matches no layer is no
    error, as in PEFT: the tensors say what has to be there.

    >>> from tempfile import TemporaryDirectory
    >>> from lora_edu.nn import inject
    >>> model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> found = inject(model, ["0", "2"], r=2, alpha=4)
    >>> with TemporaryDirectory() as folder:
    ...     save_adapter(model, folder)
    ...     load_adapter(model, folder, "as saved")
    ['0', '2']
    >>> model[0].active_adapters
    ['as saved']
    """
    model, directory = inner(_check.instance("model", model, nn.Module)), _path_of(directory)
    config_file, weights_file = directory / CONFIG, directory / WEIGHTS
    with _in(weights_file), safe_open(weights_file, "pt") as file:
        digest, found = (file.metadata() or {}).get(DIGEST), file.keys()  # PEFT writes no digest
        tensors = {key: file.get_tensor(key) for key in found}
    with _in(config_file):
        config = AdapterConfig.from_json(config_file.read_text(encoding="utf-8"))
        if digest not in (None, config.digest()):
            raise ValueError(f"these are not the settings that {WEIGHTS} was saved with")
    with _in(config_file):
        found = select(model, config.target_modules, config.exclude_modules)
        if not found:
            raise ValueError("target_modules must match layers of the model, nothing matches "
                             f"{config.target_modules!r}")
    with _in(weights_file):
        check(tensors, found, config)
    check_places(model, found)
    for module in model.modules():
        if isinstance(module, LoRALayer):
            module.check_new_name(name)
    add(model, found, name, partial(_settings, found, config, tensors))
    return list(found)


def _settings(found: dict[str, nn.Module], config: AdapterConfig, tensors: dict, path: str) -> dict:
    """The arguments of ``add_adapter`` for one layer; its A and B leave ``tensors``."""
    A, B = (tensors.pop(key) for key in keys(path, found[path]))
    wide = torch.promote_types(A.dtype, torch.float32)
    return {**config.settings(path, found[path]), "matrices": (A, B),
            "dtype": torch.promote_types(wide, base(found[path]).weight.dtype)}


def _path_of(directory: str | os.PathLike) -> Path:
    if not isinstance(directory, (str, os.PathLike)) or not os.fspath(directory):
        raise TypeError(f"directory must be the path of a folder, got {directory!r}")
    return Path(directory)


@contextmanager
def _in(file: Path):
    """Say in which file it was that something did not fit."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{file}: there is no such file") from error
    except (OSError, OverflowError, TypeError, ValueError, SafetensorError) as error:
        raise ValueError(f"{file}: {error}") from error
