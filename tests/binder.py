"""Binder's postBuild, run as far as it can be had: in a copy of the repository, on one processor,
and, where root runs it, as a user who may write nowhere else. Imports nothing of the book."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
NOBODY = 65534
READER = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


@cache
def python() -> str:
    """A Python of this version that this user can run: this one, or the system's."""
    for found in (sys.executable, "/usr/bin/python{}.{}".format(*sys.version_info)):
        try:
            subprocess.run([found, "-c", ""], check=True, cwd="/", **READER)
            return found
        except OSError:
            pass
    raise RuntimeError("no Python of this version outside root's own folders")


def copy_repository(folder: Path) -> Path:
    """Copy the repository, as git would have it, into ``folder``, which becomes that user's."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    copy = folder / "repository"
    for name in filter(None, listed.split("\0")):
        file = REPOSITORY / name
        if file.is_file():  # not one that has just been deleted
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy / name)
    if READER:
        for place in (folder, *folder.rglob("*")):
            shutil.chown(place, NOBODY, NOBODY)
    return copy


def as_reader(command: list, folder: Path, **environ) -> None:
    """Run a command in ``folder``, its user's home, and raise CalledProcessError if it fails."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(command, check=True, cwd=folder, env={**own, "HOME": str(folder), **environ},
                   preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
                   **READER)


def post_build(copy: Path, prefix: Path, **environ) -> None:
    """Run postBuild in a copy of the repository for the environment at ``prefix``."""
    as_reader([copy / ".binder" / "postBuild"], copy.parent, NB_PYTHON_PREFIX=str(prefix),
              **environ)
