"""Read safetensors in NumPy: eight bytes with a length, a header of that length in JSON, numbers.

The library of that name is compiled, so it cannot run in a browser. A file is mapped into memory,
or in a browser left where it is, and nothing is copied before its numbers are asked for.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CAN_MAP = sys.platform != "emscripten"  # a browser cannot map a file into memory
LONGEST_HEADER = 25_000_000  # bytes; that of a model with 500 layers has a twentieth
RAW = {  # NumPy's type for the bytes of each of the format's
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "F8_E4M3": "u1", "F8_E5M2": "u1",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U64": "<u8", "U32": "<u4", "U16": "<u2",
    "U8": "u1", "BOOL": "?"}
FLOATS = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")
PICKLE = ("a pickle or an archive with some (.bin, .pt, .ckpt, .npz), which could run code, so it "
          "is not opened. If you trust it, write torch.load(file, 'cpu', weights_only=True) as a "
          ".safetensors with safetensors.torch.save_file, or, of a .npz, dict(numpy.load(file)) "
          "with safetensors.numpy.save_file")
NOT_SAFETENSORS = {  # how a file begins, and what it is then
    b"PK": PICKLE,
    b"\x80": PICKLE,
    b"version https://git-lfs": "a pointer of Git LFS: git lfs pull brings the file itself",
    b"{": "JSON, such as settings: give its folder, or the .safetensors next to it",
    b"GGUF": "a GGUF: examine the file that it was converted from",
    b"<": "a web page: the download failed"}


class File:
    """The bytes of a file that cannot be mapped; a slice of it is read when it is asked for."""

    def __init__(self, path: Path):
        self.path = path
        self.size = path.stat().st_size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, part: slice) -> np.ndarray:
        start, stop, _ = part.indices(self.size)
        return np.fromfile(self.path, np.uint8, stop - start, offset=start)


@dataclass(frozen=True)
class Tensor:
    """One tensor of a file. dtype: the format's word for it. place: of its bytes in the content."""

    dtype: str
    shape: tuple[int, ...]
    content: np.ndarray | File
    place: slice

    def raw(self) -> np.ndarray:
        """Its numbers as they lie in the file, without a copy where it is mapped; see :func:`wide`.
        """
        return self.content[self.place].view(RAW[self.dtype]).reshape(self.shape)


def wide(raw: np.ndarray, dtype: str) -> np.ndarray:
    """Numbers of a file in float64, which has each of them."""
    if dtype == "BF16":  # the upper half of a float32
        raw = (raw.astype(np.uint32) << 16).view(np.float32)
    elif dtype == "F8_E5M2":  # the upper half of a float16
        raw = (raw.astype(np.uint16) << 8).view(np.float16)
    elif dtype == "F8_E4M3":
        raw = E4M3[raw]
    return raw.astype(np.float64)


def to_bfloat16(numbers: np.ndarray) -> np.ndarray:
    """Finite numbers rounded to bfloat16, half to even, in float64."""
    bits = numbers.astype(np.float32).view(np.uint32)
    odd = (bits >> 16) & 1
    upper = (bits + 0x7FFF + odd) >> 16
    return wide(upper.astype(np.uint16), "BF16")


def _e4m3() -> np.ndarray:
    """The 256 numbers of F8_E4M3: one bit sign, four exponent, three fraction, no infinity."""
    codes = np.arange(128)
    exponents, fractions = np.divmod(codes, 8)
    numbers = np.where(exponents > 0, (8 + fractions) * 2.0**(exponents - 10), fractions * 2.0**-9)
    numbers[127] = np.nan
    return np.concatenate([numbers, -numbers])


E4M3 = _e4m3()


def read(source: str | os.PathLike | bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file, or of its bytes, and its metadata.

    Raises:
        OSError: For a file that cannot be read.
        ValueError: For what is no safetensors file, says which, and for a header that does not fit.
    """
    if isinstance(source, (str, os.PathLike)):
        content = _content(Path(source))
    else:
        content = np.frombuffer(source, np.uint8)
    start = content[:64].tobytes()
    kind = next((kind for begin, kind in NOT_SAFETENSORS.items() if start.startswith(begin)), None)
    if kind is not None and not _may_be_header(start):
        raise ValueError(f"this must be a safetensors file, but it is {kind}")
    if not start:
        raise ValueError("this must be a safetensors file, but it is empty")

    length = int.from_bytes(start[:8], "little")
    if length > LONGEST_HEADER:
        raise ValueError("this must be a safetensors file, whose first 8 bytes are its header's "
                         f"length, at most {LONGEST_HEADER}, got {length}")
    if len(start) < 8 or 8 + length > len(content):
        raise ValueError("the file is incomplete or not a safetensors file: its header would end "
                         f"at byte {8 + length}, but it has {len(content)}")
    header = _parsed(content[8:8 + length].tobytes())
    metadata = header.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict) or not all(isinstance(x, str) for x in metadata.values()):
        raise ValueError("the header's metadata must map names to text")
    return dict(_tensors(header, content, 8 + length)), metadata


def _content(path: Path) -> np.ndarray | File:
    """The bytes of a file, mapped where that can be: not where there are none."""
    file = File(path)
    return np.memmap(path, np.uint8, "r") if CAN_MAP and file.size > 0 else file


def _may_be_header(start: bytes) -> bool:
    """Whether eight bytes of a length and a brace stand at the start."""
    return start[5:9] == b"\0\0\0{"


def _parsed(text: bytes) -> dict:
    """The header's JSON, in which no name may occur twice."""
    try:
        header = json.loads(text.decode(), object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the header must be JSON: {error}") from None
    if not isinstance(header, dict):
        raise ValueError("the header must be an object of JSON, with tensors by name")
    return header


def _without_repetition(pairs: list[tuple]) -> dict:
    names = dict(pairs)
    if len(names) < len(pairs):
        raise ValueError("a name occurs twice")
    "".join(names).encode()  # half a pair of surrogates is no text, and no file could hold it
    return names


def _tensors(header: dict, content: np.ndarray | File, first: int) -> Iterator[tuple[str, Tensor]]:
    """(name, tensor), checked: together they have each byte of the content from the first on once.
    """
    size = len(content) - first
    places = []
    for name, entry in header.items():
        try:
            dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
            width = np.dtype(RAW[dtype]).itemsize
            whole = all(type(number) is int and number >= 0 for number in (*shape, begin, end))
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"{name!r} must have a dtype of {', '.join(RAW)}, a shape and two "
                             f"data_offsets in the header, got {entry!r:.200}") from None
        if not whole or end - begin != width * math.prod(shape):
            raise ValueError(f"{name!r} must have as many bytes as {dtype} of shape {shape} needs, "
                             f"got those from {begin} to {end}")
        places.append((begin, end, name))

    reached = 0
    for begin, end, name in sorted(places):
        if begin != reached or end > size:
            raise ValueError(f"{name!r} must begin where the tensor before it ends, at {reached}, "
                             f"and end by {size}, where the file does, got {begin} to "
                             f"{end}: the file is incomplete, or its header is wrong")
        reached = end
        entry = header[name]
        yield name, Tensor(entry["dtype"], tuple(entry["shape"]), content,
                           slice(first + begin, first + end))
    if reached != size:
        raise ValueError("the file must end where its last tensor ends, but it has "
                         f"{size - reached} more bytes")
