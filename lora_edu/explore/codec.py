"""Pack the states of an explorer into one short string.

The page's JavaScript (assets/decode.js) unpacks it.

What never varies is stored once, in a skeleton, which may take several forms (other traces, other
keys). What varies is stored as *columns*: a place in the figure, the distinct values that occur
there, and which state has which.

- Arrays of floats are stored as float32 whose mantissa is rounded to ``MANTISSA_BITS`` bits: a
  relative error of at most 2⁻¹⁷. Zero stays exactly zero. Where such an error would be seen, the
  array is stored as JSON, with all its digits (see rounding.py).
  The bits are then differenced as integers, twice along the concatenated arrays; a smooth curve
  leaves little. The differences are stored byte plane by byte plane.
- Everything else (single numbers, strings, lists of whole numbers) is stored exactly, as JSON.

The string is base64 of a block that zlib has deflated, with its checksum, so that a damaged one is
told: 4 bytes length of the header, the header (JSON), the byte planes of each column of arrays.
"""

import base64
import json
import struct
import zlib

import numpy as np

from lora_edu.explore.plain_figure import as_lists
from lora_edu.explore.rounding import with_digits_kept

MANTISSA_BITS = 16
DROPPED = 23 - MANTISSA_BITS  # float32 has 23
_HOLE = "\u0000"  # marks a place in the skeleton that a column or one of several forms fills


def pack(states: list[dict]) -> str:
    """The packed string of a list of plain figures (see plain_figure.py)."""
    columns: list[dict] = []
    skeleton = _split([with_digits_kept(state) for state in states], columns)
    header = []
    planes = []
    for column in columns:
        distinct, index = _distinct(column["values"])
        entry = {"index": index}
        if isinstance(distinct[0], np.ndarray):
            shapes = [list(value.shape) for value in distinct]
            entry["shapes"] = shapes[:1] if all(s == shapes[0] for s in shapes) else shapes
            flat = np.concatenate([_round(array) for array in distinct])
            planes.append(_planes(np.diff(flat, n=2, prepend=np.zeros(2, np.uint32))))
        else:
            entry["json"] = distinct
        header.append(entry)
    head = json.dumps({"states": len(states), "dropped": DROPPED, "skeleton": skeleton,
                       "columns": header}, separators=(",", ":"), ensure_ascii=False).encode()
    block = struct.pack("<I", len(head)) + head + b"".join(planes)
    return base64.b64encode(_deflate(block)).decode()


def _split(values: list, columns: list[dict]):
    """The skeleton of ``values`` (one per state); places that vary go to ``columns``."""
    forms, index = _distinct([_form(value) for value in values])
    # One skeleton a form. Its columns need a value of every state: where a state has another form,
    # that of this form's first state, which is stored anyway.
    if len(forms) > 1:
        firsts = [values[index.index(i)] for i in range(len(forms))]
        return {_HOLE: index, "forms": [
            _split([value if j == i else firsts[i] for value, j in zip(values, index, strict=True)],
                   columns) for i in range(len(forms))]}
    first = values[0]
    if isinstance(first, dict):
        return {key: _split([v[key] for v in values], columns) for key in first}
    if isinstance(first, list) and _holds_parts(first):
        return [_split(list(entries), columns) for entries in zip(*values, strict=True)]
    if isinstance(first, np.ndarray):
        return _hole(values, columns)
    values = [as_lists(v) for v in values]
    written = {repr(v) for v in values}
    # A text of the figure's own that looks like a marker is safe in a column.
    if len(written) > 1 or repr(_HOLE).strip("'") in written.pop():
        return _hole(values, columns)
    return values[0]


def _hole(values: list, columns: list[dict]) -> str:
    columns.append({"values": values})
    return f"{_HOLE}{len(columns) - 1}"


def _form(value):
    """What states must have in common to share a skeleton: keys, number of parts, or kind."""
    if isinstance(value, dict):
        return list(value)
    if isinstance(value, list) and _holds_parts(value):
        return len(value)
    return "array" if isinstance(value, np.ndarray) else "exact"


def _holds_parts(value: list) -> bool:
    """True for a list of traces, axes, annotations …: parts that may vary one by one."""
    return any(isinstance(entry, (dict, np.ndarray)) for entry in value)


def _distinct(values: list) -> tuple[list, list[int]]:
    """The distinct values in order of appearance, and each state's number among them."""
    numbers: dict = {}
    distinct = []
    index = []
    for value in values:
        key = ((value.shape, value.tobytes()) if isinstance(value, np.ndarray)
               else json.dumps(value, sort_keys=True))
        if key not in numbers:
            numbers[key] = len(distinct)
            distinct.append(value)
        index.append(numbers[key])
    return distinct, index


def _round(array: np.ndarray) -> np.ndarray:
    """float32 bits, rounded once (from those of float64), as integers without the dropped bits."""
    dropped = np.uint64(52 - MANTISSA_BITS)
    bits = array.astype(np.float64).ravel().view(np.uint64)
    bits = (bits + (np.uint64(1) << (dropped - np.uint64(1)))) >> dropped << dropped
    return bits.view(np.float64).astype(np.float32).view(np.uint32) >> np.uint32(DROPPED)


def _planes(differences: np.ndarray) -> bytes:
    """All low bytes, all second bytes, …: small differences leave the later ones zero, negative
    ones too, as their sign goes into the lowest bit (zigzag)."""
    signed = differences.view(np.int32)
    zigzag = ((signed << 1) ^ (signed >> 31)).view(np.uint32)
    return zigzag.view(np.uint8).reshape(-1, 4).T.tobytes()


def _deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 15, 9)
    return packer.compress(data) + packer.flush()
