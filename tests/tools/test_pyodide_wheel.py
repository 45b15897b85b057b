"""NumPy's wheel for browsers is taken only if it is the one that Pyodide's lock file names."""

import atexit
import hashlib
import json
import urllib.request
from types import SimpleNamespace

import pytest

from book._extensions.in_page import run_page
from book._extensions.in_page.pyodide_wheel import fetch, lock_of, numpy_wheel

NAME = "numpy-2-wasm32.whl"


@pytest.fixture
def root(tmp_path):
    """A repository with the npm package, whose lock file wants a wheel of the bytes b"wheel"."""
    folder = tmp_path / "node_modules" / "pyodide"
    folder.mkdir(parents=True)
    numpy = {"file_name": NAME, "sha256": hashlib.sha256(b"wheel").hexdigest()}
    (folder / "pyodide-lock.json").write_text(json.dumps({
        "info": {"version": "0.1"}, "packages": {"numpy": numpy, "scipy": {}}}))
    return tmp_path


def test_the_wheel_comes_from_the_folder(root):
    (root / NAME).write_bytes(b"wheel")
    assert fetch(root, str(root)).read_bytes() == b"wheel" and numpy_wheel(root).is_file()
    assert list(lock_of(root)["packages"]) == ["numpy"]  # as the site has it


def test_another_file_is_refused(root):
    (root / NAME).write_bytes(b"other")
    with pytest.raises(ValueError, match=r"has the sha256 .* it is not used"):
        fetch(root, str(root))
    assert not numpy_wheel(root).exists()


def test_a_build_that_does_not_get_it_says_at_its_end_what_the_site_lacks(root, monkeypatch):
    def no_network(address, timeout):
        raise OSError(f"no way to {address}")

    words = []
    monkeypatch.setenv("PYODIDE_WHEELS", "/nowhere")
    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    monkeypatch.setattr(atexit, "register", lambda _, text: words.append(text))
    app = SimpleNamespace(confdir=root, npm=True)
    run_page.bundle_scripts(app)
    assert app.run_page is None
    assert "no way to" in words[0] and f"0.1/full/{NAME}" in words[0]
    assert "PYODIDE_WHEELS=FOLDER make book" in words[0]
