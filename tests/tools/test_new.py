"""A chapter that is begun is complete: its page is a notebook, its figure drawn, its test runs."""

import shutil
import subprocess
import sys

import pytest

from book.new import begin
from tests.book import REPOSITORY, in_toc, notebook


def test_a_new_chapter_has_its_page_its_lines_and_a_test_that_passes(tmp_path):
    for file in ("_toc.yml", "README.md"):
        shutil.copy(REPOSITORY / file, tmp_path)
    for package in ("lora_edu", "lora_edu/chapters"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    files = begin("part2/new-thing", tmp_path)
    assert all((tmp_path / file).is_file() for file in files)
    last = in_toc().index([page for page in in_toc() if "/part2/" in page][-1])
    assert in_toc(tmp_path) == [*in_toc()[:last + 1], "book/part2/new-thing", *in_toc()[last + 1:]]
    assert "| [New thing](book/part2/new-thing.md) |" in (tmp_path / "README.md").read_text("utf-8")
    (cell,) = [cell for cell in notebook("book/part2/new-thing", tmp_path).cells
               if cell.cell_type == "code"]
    assert "figures.new_thing" in cell.source
    subprocess.run([sys.executable, "-m", "pytest", "-q", tmp_path / files[-3]], check=True,
                   cwd=tmp_path)
    with pytest.raises(FileExistsError):
        begin("part2/new-thing", tmp_path)


def test_a_place_that_is_none_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"place is .*; give a part and a name"):
        begin("part5/name", tmp_path)
