"""What the base's weights say about an adapter: names, shapes, and what a merge rounds away."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable

import numpy as np

from lora_edu import checks
from lora_edu.examine.rows import Row, tall
from lora_edu.findings import Answer
from lora_edu.formats import tensors
from lora_edu.formats.lora_file import Module
from lora_edu.formats.tensors import Tensor

ROWS = 32  # of W0 that are looked at for a merge, spread over all
COLUMNS = 4096


def read_base(folder: str | os.PathLike) -> dict[str, Tensor]:
    """{module's name: its weight} of a .safetensors, or of all in a folder.

    Raises TypeError for what is no path, and ValueError where there is no such file.
    """
    folder = checks.path("base", folder, "the path of a .safetensors, or of a folder with some")
    files = sorted(folder.glob("*.safetensors")) if folder.is_dir() else [folder]
    if not files:
        raise ValueError(f"base must be a .safetensors or a folder with some, got {str(folder)!r}")
    weights = {}
    for file in files:
        try:
            held, _ = tensors.read(file)
        except ValueError as error:
            raise ValueError(f"base: {file}: {error}") from None
        weights |= {key.removesuffix(".weight"): weight for key, weight in held.items()
                    if key.endswith(".weight")}
    return weights


def pairing(names: list[str], base: Iterable[str]) -> dict[str, str]:
    """{a module's name: the base's for it}, for those that have just one.

    Underscores stand for dots, as in kohya's layout, and one of the two may be the other's end, for
    a checkpoint may lack the name of the whole model.
    """
    of_base = {_flat(name): name for name in base}
    pairs = {}
    for name in names:
        flat = _flat(name)
        longer = [other for other in of_base if other.endswith(flat)]
        shorter = [other for other in of_base if flat.endswith(other)]
        if flat in of_base:
            pairs[name] = of_base[flat]
        elif len(longer) == 1:
            pairs[name] = of_base[longer[0]]
        elif shorter and not longer:
            pairs[name] = of_base[max(shorter, key=len)]
    return pairs


def _flat(name: str) -> str:
    """With an underscore before each word."""
    return f"_{name}".replace(".", "_")


# What the tests ask of a ``questions.Case`` that has a base

def unknown_names(case) -> Answer:
    rows = [row for row in case.rows if row.layer not in case.paired]
    return rows, {"share": f"{len(rows)} of {len(case.rows)}"}


def other_shape(case) -> Answer:
    return [row for row in case.rows if row.shape and (weight := case.weight(row)) is not None
            and not has_shape(row, weight)]


def without_adapter(case) -> Answer:
    some_layers = case.settings.get("layers_to_transform")
    if case.config is None or some_layers is not None or not case.paired:
        return []
    have = {*case.paired.values()}
    return [name for name, weight in case.base.items()
            if len(weight.shape) > 1 and name not in have and case.config.chooses(name)]


def lost_by_rounding(case) -> Answer:
    shares = {row: lost_in_merge(row, case.modules[row.layer], case.weight(row),
                                 case.file.layout.transposed)
              for row in case.known if _can_be_merged(row, case.weight(row))}
    rows = [row for row, share in shares.items() if share > 0.5]
    return rows, {"share": f"{max(shares.values(), default=0):.0%}"}


def _can_be_merged(row: Row, weight: Tensor | None) -> bool:
    """Whether W0 + s·B·A can be reckoned, and is another than W0."""
    if weight is None or row.scale is None or row.norm == 0 or row.method != "LoRA":
        return False
    return weight.dtype in tensors.FLOATS and has_shape(row, weight)


def has_shape(row: Row, weight: Tensor) -> bool:
    """Whether ΔW fits a weight, some of which are kept transposed; True for a packed one."""
    if weight.dtype not in tensors.FLOATS:
        return True
    if not weight.shape:  # a number alone
        return False
    d, *sides = weight.shape
    shape = (d, math.prod(sides))
    return row.shape in (shape, shape[::-1])


def lost_in_merge(row: Row, module: Module, weight: Tensor, transposed: bool) -> float:
    """The share of ‖ΔW‖² by which a merge into bfloat16 is wrong, from a sample of rows."""
    W0 = weight.raw()
    W0 = W0.reshape(len(W0), -1)
    if W0.shape != row.shape:
        W0 = W0.T
    rows = _sample(W0.shape[0], ROWS)
    columns = _sample(W0.shape[1], COLUMNS)
    B = tensors.wide(tall(module.B, columns=transposed)[rows], module.B.dtype)
    A = tensors.wide(tall(module.A, columns=not transposed)[columns], module.A.dtype)
    delta = row.scale * (B @ A.T)
    before = tensors.to_bfloat16(tensors.wide(W0[np.ix_(rows, columns)], weight.dtype))
    after = tensors.to_bfloat16(before + delta)
    return float(np.sum((after - before - delta)**2) / np.sum(delta**2))


def _sample(size: int, most: int) -> np.ndarray:
    """At most so many places, spread over all."""
    return np.unique(np.linspace(0, size - 1, min(size, most)).astype(int))
