"""Files that belong together, replaced together.

Imports the standard library. Readers and writers of a folder wait for each other where the system
has locks on folders (not on Windows); a lock ends with its process, however that ends.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

NEXT = ".next."  # before the name of a file that completes a replacement
WORKSHOP = ".saving."  # before the name of the folder in which files are made


@contextmanager
def locked(folder: Path, *, to_write: bool):
    """Hold a folder against others that replace its files, and, ``to_write``, that read them."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX if to_write else fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def replace_both(folder: Path, first: str, write_first: Callable[[Path], None], second: str,
                 second_text: str, belongs: Callable[[str], bool]) -> None:
    """Replace two files of ``folder``, both or neither, wherever the process is stopped.

    write_first: writes the first file to a path. belongs: whether a text belongs to the first file
    that is there. The second one is laid ready before the first is replaced. A process that is
    stopped in between leaves it there, where ``second_of`` finds it, and the next call puts it into
    its place before it does anything else.
    """
    with locked(folder, to_write=True):
        ready = folder / f"{NEXT}{second}"
        if ready.is_file() and second_of(folder, second, belongs) == ready.read_text("utf-8"):
            os.replace(ready, folder / second)
        ready.unlink(missing_ok=True)
        for leftover in folder.glob(f"{WORKSHOP}*") if fcntl else ():  # of a stopped process
            shutil.rmtree(leftover, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=WORKSHOP, dir=folder) as workshop:
            made = [Path(workshop) / name for name in (first, second)]
            write_first(made[0])
            made[1].write_bytes(second_text.encode())
            made[0].chmod(made[1].stat().st_mode)  # the rights of an ordinary file
            for file in made:
                with open(file, "rb+") as written:
                    os.fsync(written.fileno())
            os.replace(made[1], ready)
            os.replace(made[0], folder / first)
            os.replace(ready, folder / second)


def second_of(folder: Path, name: str, belongs: Callable[[str], bool],
              read: Callable[[Path], str] = Path.read_text) -> str:
    """The text of the second file; the one laid ready, if that is the one that belongs."""
    there, ready = folder / name, folder / f"{NEXT}{name}"
    if ready.is_file() and belongs(read(ready)) and not (there.is_file() and belongs(read(there))):
        return read(ready)
    return read(there)


@contextmanager
def made(directory: Path):
    """Make a folder; where the block fails, say in which, and take away the folders just made."""
    new = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException as error:
        for folder in new:
            with suppress(OSError):  # somebody else has put something there
                folder.rmdir()
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(directory)  # a full disk names no file
        raise


def path_of(directory: str | os.PathLike) -> Path:
    """A folder's path; TypeError or ValueError for what is none."""
    if not isinstance(directory, (str, os.PathLike)):
        raise TypeError(f"directory must be the path of a folder, got {directory!r}")
    if not os.fspath(directory):
        raise ValueError(f"directory must be the path of a folder, got {directory!r}")
    return Path(directory)
