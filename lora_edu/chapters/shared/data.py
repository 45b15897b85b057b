"""Where a chapter's big data lie, which come in a wheel of their own. Imports nothing."""

from pathlib import Path


def folder(package: str) -> Path:
    """The folder ``data`` beside a chapter's file; ModuleNotFoundError, with what to install, where
    there is none."""
    found = Path(package).with_name("data")
    if not found.is_dir():
        raise ModuleNotFoundError(
            f"the data of {found.parent.name} are not installed: they come in a wheel of their "
            "own, lora_edu_data, or in a copy of the book's repository, from which "
            "pip install ./packaging/data  installs them")
    return found
