"""Two files of a folder: which second one counts, and who waits for whom."""

import os

import pytest

from lora_edu.nn import folder
from lora_edu.nn.folder import NEXT, locked, made, second_of

fcntl = pytest.importorskip("fcntl")


@pytest.mark.parametrize(("there", "ready", "counts"), [
    ("right", None, "right"), ("wrong", None, "wrong"), ("wrong", "right", "right"),
    ("right", "wrong", "right"), ("wrong", "wrong too", "wrong"), (None, "right", "right"),
    ("right, old", "right, new", "right, old")])
def test_the_file_laid_ready_counts_where_it_alone_belongs(tmp_path, there, ready, counts):
    for name, text in (("second", there), (NEXT + "second", ready)):
        if text:
            (tmp_path / name).write_text(text)
    assert second_of(tmp_path, "second", lambda text: text.startswith("right")) == counts


def can_be_had(folder, kind):
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


@pytest.mark.parametrize("to_write", [True, False])
def test_a_writer_keeps_all_out_and_a_reader_the_writers(tmp_path, to_write):
    with locked(tmp_path, to_write=to_write):
        assert not can_be_had(tmp_path, fcntl.LOCK_EX)
        assert can_be_had(tmp_path, fcntl.LOCK_SH) is not to_write
    assert can_be_had(tmp_path, fcntl.LOCK_EX)


def test_without_locks_the_folder_is_open_to_all(tmp_path, monkeypatch):
    """As on Windows."""
    monkeypatch.setattr(folder, "fcntl", None)
    with locked(tmp_path, to_write=True):
        assert can_be_had(tmp_path, fcntl.LOCK_EX)


def test_only_folders_that_were_made_are_taken_away_again(tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    for new in (there, there / "new", there / "new" / "newer"):
        with pytest.raises(ValueError), made(new):
            raise ValueError("nothing can be put into it")
        assert list(tmp_path.rglob("*")) == [there]
    with made(there / "new" / "newer"):
        pass
    assert (there / "new" / "newer").is_dir()
