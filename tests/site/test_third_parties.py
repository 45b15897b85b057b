"""Nothing of others is on the site without its licence."""

import hashlib
import json
from importlib.metadata import distributions
from pathlib import Path

import pytest

from book._extensions.node import package_of
from tests.book import REPOSITORY
from tests.site.pages import HTML

NPM = REPOSITORY / "node_modules"
SUFFIXES = {".js", ".mjs", ".css", ".woff2", ".svg", ".png", ".wasm", ".zip"}
NOT_SHIPPED = {"purgecss", "argparse", "commander", "ws"}  # builds and commands run them
OURS = {"lora_edu", "lora_book"}


@pytest.fixture(scope="module")
def text():
    return (HTML / "third-parties.txt").read_text(encoding="utf-8")


def installed():
    """(Package, file) of every such file that npm and pip have brought."""
    for file in NPM.rglob("*.*"):
        if file.suffix in SUFFIXES and file.is_file():
            yield package_of(file.as_posix()), file
    for package in distributions():
        if package.metadata["Name"] in OURS:
            continue
        for name in package.files or ():
            file = Path(package.locate_file(name))
            if file.suffix in SUFFIXES and file.is_file():
                yield package.metadata["Name"], file


def test_each_file_that_a_package_brought_is_listed(text):
    shipped = {}
    for file in (HTML / "_static").rglob("*"):
        if file.suffix in SUFFIXES and file.stat().st_size:
            shipped[hashlib.sha256(file.read_bytes()).digest()] = file
    sizes = {file.stat().st_size for file in shipped.values()}
    owners = {}
    for package, file in installed():
        if file.stat().st_size in sizes:
            digest = hashlib.sha256(file.read_bytes()).digest()
            owners.setdefault(shipped.get(digest), set()).add(package)
    del owners[None]
    assert len(owners) > 10
    assert [(file, names) for file, names in owners.items()
            if not any(f"\n{name} " in text for name in names)] == []


def test_each_package_that_a_bundle_may_hold_is_listed(text):
    lock = json.loads((REPOSITORY / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    unread = set(lock[""]["dependencies"]) - NOT_SHIPPED
    packages = set()
    while unread:
        name = unread.pop()
        packages.add(name)
        unread |= set(lock[f"node_modules/{name}"].get("dependencies", ())) - NOT_SHIPPED - packages
    runs_python = "Run this page" in (HTML / "book/part1/step-zero.html").read_text("utf-8")
    assert not runs_python or [name for name in packages if f"\n{name} " not in text] == []
