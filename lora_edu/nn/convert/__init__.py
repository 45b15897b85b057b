"""The layouts of LoRA files: PEFT's, kohya's, diffusers' and MLX's, and from one to another.

Bits stay: A and B are renamed, and for MLX transposed. What is not plain LoRA is refused by its
key, and what a file does not say (its α, the dots in kohya's names) is asked for, never guessed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import nn

from lora_edu import checks
from lora_edu.formats.config import whole
from lora_edu.formats.layouts import LAYOUTS, with_dots
from lora_edu.nn.convert.base import base_of, check_complete, check_fits
from lora_edu.nn.convert.reading import Adapter, Pair, read
from lora_edu.nn.convert.writing import contents
from lora_edu.nn.files import replace_files

__all__ = ["convert"]


def convert(source: str | os.PathLike, to: str, out: str | os.PathLike | None, *,
            alpha: float | str | None = None,
            names: nn.Module | Mapping | Iterable[str] | None = None, prefix: str | None = None,
            only: str | None = None, lora_only: bool = False,
            overwrite: bool = False) -> dict[str, tuple[int, float]]:
    """Write a LoRA file in the layout of another tool.

    rsLoRA is folded into α, which becomes s·r. In kohya's layout, α is a float32. float8 becomes
    float16, which can represent all its numbers. Dropout is not carried over.

    Args:
        source: A folder of PEFT, MLX or diffusers, or a ``.safetensors`` of kohya or diffusers.
        to: ``"peft"``, ``"kohya"``, ``"diffusers"`` or ``"mlx"``.
        out: The folder to write; None writes nothing, and only returns what would be written.
        alpha: For modules without an α: a number, or ``"r"`` for the rank of each. Where a file of
            diffusers has keys for α, which not every loader reads: ``"file"`` for these keys.
        names: The base model, its ``state_dict``, or the names of its modules or weights. Required
            for kohya's layout, which writes the dots of a name as underscores. Optional otherwise:
            names, and shapes if given, are compared with it.
        prefix: What names begin with in ``out``: for kohya ``"lora_unet"``, ``"lora_te"``,
            ``"lora_te1"`` or ``"lora_te2"``, for diffusers ``"unet"``, ``"transformer"``, ….
        only: For a file with several models: the prefix of the one to convert; ``""`` if names have
            no prefix. Unknown prefixes must be given here, too.
        lora_only: Whether to skip what is not LoRA in the file, such as a head that was
            trained in full; without it, such a file is refused.
        overwrite: Whether to replace files that are in ``out`` already.

    Returns:
        For each module's name in ``out`` its (r, α).

    Raises:
        OSError: For a file that is not there, which the message names, or cannot be written.
        TypeError, ValueError: For anything beyond plain LoRA, for missing information, for a module
            that the base lacks or has in a different shape, for an ambiguous name, for one file of
            several, and for MLX if ranks or scales differ. Then nothing is written. A file that
            lacks modules is refused if it has PEFT's settings and ``names`` is given.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from lora_edu.nn import inject, save_adapter
        >>> model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> adapted = inject(model, ["0", "2"], r=2, alpha=4)
        >>> with TemporaryDirectory() as folder:
        ...     save_adapter(model, folder)
        ...     convert(folder, "kohya", folder, prefix="lora_unet")
        {'lora_unet_0': (2, 4), 'lora_unet_2': (2, 4)}
    """
    checks.choice("to", to, LAYOUTS)
    checks.flag("overwrite", overwrite)
    checks.flag("lora_only", lora_only)
    if only is not None:
        checks.instance("only", only, str)
    if isinstance(alpha, str):
        checks.choice("alpha, unless it is a number,", alpha, ("r", "file"))
    elif alpha is not None:
        alpha = whole(checks.number("alpha", alpha, above=0.0))
    if out is not None:
        out = checks.path("out", out, "a path, or None")
    adapter = read(checks.path("source", source), only, lora_only)
    prefix = _prefix(prefix, to, adapter)
    pairs = _filled(_trusted(adapter, alpha), alpha, adapter.files)
    pairs = _checked(pairs, adapter, to, names)
    written = {LAYOUTS[to].named(prefix, name): (len(pair.A), pair.alpha)
               for name, pair in pairs.items()}
    if len(written) < len(pairs):
        raise ValueError("the modules' names must remain different with dots as underscores, got "
                         f"{sorted(pairs)}")
    files = contents(to, pairs, prefix, adapter.said)
    if out is not None:
        _check_out(out, files, adapter, overwrite)
        replace_files(out, files)
    return written


def _prefix(prefix: str | None, to: str, adapter: Adapter) -> str:
    """What names are to begin with."""
    models = LAYOUTS[to].models
    if len(models) == 1:
        if prefix is not None:
            raise ValueError(f"prefix must be left out for {to}, got {prefix!r}")
        return ""
    if prefix is None and to == adapter.layout.name:
        return adapter.model
    return checks.choice("prefix", prefix, models)


def _trusted(adapter: Adapter, alpha: float | str | None) -> dict[str, Pair]:
    """The pairs, without an α that a loader would pass over, unless it is asked for."""
    pairs = adapter.pairs
    doubtful = (adapter.model in adapter.layout.doubtful and adapter.config is None
                and any(pair.alpha is not None for pair in pairs.values()))
    if not doubtful or alpha == "file":
        return pairs
    if alpha is None:
        raise ValueError("alpha must be given, because some loaders read the file's α, whereas "
                         "diffusers' own loader of a UNet takes the rank instead. Pass 'file' for "
                         "the file's α, 'r' for each module's rank, or a number")
    return {name: pair._replace(alpha=None) for name, pair in pairs.items()}


def _filled(pairs: dict[str, Pair], alpha: float | str | None,
            files: tuple[Path, ...]) -> dict[str, Pair]:
    """The pairs, with ``alpha`` where they have none."""
    without = [name for name, pair in pairs.items() if pair.alpha is None]
    to_fill = alpha not in (None, "file")
    absent = [file for file in files if not file.exists()]
    beside = f", and there is no {absent[0].name} beside it" if absent else ""
    if without and not to_fill:
        raise ValueError(
            f"alpha must be given: the file has none for {len(without)} of {len(pairs)} modules, "
            f"such as {without[0]!r}{beside}. Pass the number it was trained with, or 'r' for each "
            "module's rank, as kohya and diffusers assume")
    if to_fill and not without:
        raise ValueError(f"alpha must be left out, because every module has its own, got {alpha!r}")
    filled = {name: pairs[name]._replace(alpha=len(pairs[name].A) if alpha == "r" else alpha)
              for name in without}
    return pairs | filled


def _checked(pairs: dict[str, Pair], adapter: Adapter, to: str,
             names: nn.Module | Mapping | Iterable[str] | None) -> dict[str, Pair]:
    """The pairs under names with dots, compared with the base model where that is given."""
    is_flat = adapter.layout.separator == "_"
    if names is None and is_flat and to != adapter.layout.name:
        raise ValueError("names must be given (the model or the names of its modules): "
                         f"{adapter.layout.name} writes dots as underscores, as in "
                         f"{next(iter(pairs))!r}")
    if names is None:
        return pairs
    base = base_of(names)
    if is_flat:
        dotted = with_dots(pairs, base)
        pairs = {dotted[name]: pair for name, pair in pairs.items()}
    check_fits(pairs, base, adapter.fan_in_fan_out)
    if adapter.config is not None:
        check_complete(pairs, adapter.config, base)
    return pairs


def _check_out(out: Path, files: Iterable[str], adapter: Adapter, overwrite: bool) -> None:
    """Raise ValueError where a file of ``out`` would be lost."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"out must be a folder, got the file {str(out)!r}")
    present = [out / file for file in files if (out / file).exists()]
    if any(file.samefile(read_one) for file in present for read_one in adapter.files):
        raise ValueError("out must not be the source's folder, whose files would be lost, got "
                         f"{str(out)!r}")
    if present and not overwrite:
        raise ValueError(f"overwrite must be True to replace {list(map(str, present))}, got False")
