"""Unpack the states of an explorer, as the page's decode.js does: the counterpart of codec.py."""

import base64
import json
import struct
import zlib

import numpy as np

from lora_edu.explore.codec import _HOLE, DROPPED


def unpack(packed: str) -> list[dict]:
    """The states in ``packed``; rounded arrays come back as float32 values in float64 arrays."""
    block = zlib.decompress(base64.b64decode(packed))
    (length,) = struct.unpack_from("<I", block)
    header = json.loads(block[4:4 + length].decode())
    offset, columns = 4 + length, []
    for entry in header["columns"]:
        if "json" in entry:
            values = entry["json"]
        else:
            count = max(entry["index"]) + 1
            shapes = entry["shapes"] * (count if len(entry["shapes"]) == 1 else 1)
            values, offset = _expand(block, offset, shapes)
        columns.append([values[i] for i in entry["index"]])
    return [_fill(header["skeleton"], columns, state) for state in range(header["states"])]


def _expand(block: bytes, offset: int, shapes: list[list[int]]):
    """The arrays of one column, and where the next column begins."""
    sizes = [int(np.prod(shape)) for shape in shapes]
    total = sum(sizes)
    planes = np.frombuffer(block, np.uint8, 4 * total, offset).reshape(4, total)
    zigzag = np.ascontiguousarray(planes.T).view(np.uint32).ravel()
    differences = (zigzag >> 1) ^ (np.uint32(0) - (zigzag & np.uint32(1)))
    bits = np.cumsum(np.cumsum(differences, dtype=np.uint32), dtype=np.uint32)
    flat = (bits << np.uint32(DROPPED)).view(np.float32).astype(np.float64)
    ends = np.cumsum(sizes)
    return [flat[end - size:end].reshape(shape)
            for end, size, shape in zip(ends, sizes, shapes, strict=True)], offset + 4 * total


def _fill(skeleton, columns: list[list], state: int):
    """The skeleton with its holes filled for one state."""
    if isinstance(skeleton, dict) and _HOLE in skeleton:
        return _fill(skeleton["forms"][skeleton[_HOLE][state]], columns, state)
    if isinstance(skeleton, dict):
        return {key: _fill(entry, columns, state) for key, entry in skeleton.items()}
    if isinstance(skeleton, list):
        return [_fill(entry, columns, state) for entry in skeleton]
    if isinstance(skeleton, str) and skeleton.startswith(_HOLE):
        return columns[int(skeleton[1:])][state]
    return skeleton
