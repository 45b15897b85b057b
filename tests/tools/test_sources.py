"""A page is built again when lora_edu or what it imports of lora_book changes."""

from types import SimpleNamespace

import pytest

from book._extensions import imports, sources
from tests.small_book import cell, write


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A folder with lora_edu in it and three pages; what is written there."""
    files = {"lora_edu/core.py": "", "book/lora_book/shared/style.py": "",
             "book/lora_book/alpha/figures.py": "import lora_book.shared.style",
             "book/lora_book/alpha/data/runs.npz": "",
             "book/lora_book/beta/figures.py": "from . import runs\nfrom .. import gamma",
             "book/lora_book/beta/runs.py": "", "book/lora_book/gamma/__init__.py": "",
             "lora_edu/explore/looks.css": "",
             "book/alpha.md": cell("from lora_book.alpha import figures"),
             "book/beta.md": cell("from lora_book.beta.figures import one"),
             "book/waves.md": "no chapter"}
    write(tmp_path, files)
    monkeypatch.setattr(imports, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize("file, pages", [
    ("lora_edu/core.py", {"alpha", "beta", "waves"}),
    ("book/lora_book/alpha/figures.py", {"alpha"}),
    ("book/lora_book/alpha/data/runs.npz", {"alpha"}),
    ("book/lora_book/shared/style.py", {"alpha"}),  # by way of alpha's figures
    ("book/lora_book/beta/figures.py", {"beta"}),
    ("book/lora_book/gamma/__init__.py", {"beta"}),  # by a relative import
    ("lora_edu/explore/looks.css", set())])
def test_a_changed_file_changes_the_pages_that_it_stands_behind(book, file, pages):
    env = SimpleNamespace(found_docs={"alpha", "beta", "waves", "gone"},
                          doc2path=lambda page: book / f"book/{page}.md")

    def outdated():
        return set(sources.pages_with_old_code(None, env, set(), set(), {"gone"}))

    assert outdated() == set()
    (book / file).write_text((book / file).read_text() + "\n# changed", encoding="utf-8")
    assert outdated() == pages
    assert outdated() == set()
