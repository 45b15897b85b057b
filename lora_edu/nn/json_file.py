"""A file of settings, which a stranger may have written, as text and as what it says.

Imports the standard library.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

LARGEST = 2**20  # bytes


def text_of(file: Path) -> str:
    """The text of a file of settings. ValueError for one that is too large to be one."""
    size = file.stat().st_size
    if size > LARGEST:
        raise ValueError(f"a config must have at most {LARGEST:,} bytes, got {size:,}")
    return file.read_text(encoding="utf-8")


def parsed(text: str) -> Any:
    """What a text says in JSON. ValueError for a text that is not JSON, or nested too deep."""
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"this is not JSON: {error}") from None
