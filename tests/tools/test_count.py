"""The counts of the last test run, as the book prints them."""

from tests import count
from tests.book import REPOSITORY


def test_pytests_last_line_is_read():
    assert count.counted(".s [100%]\n2 passed, 1 skipped in 3.10s\n") == {"passed": 2, "skipped": 1}
    assert count.counted("1 failed, 2 passed in 5s") == {"failed": 1, "passed": 2}
    assert count.counted("2 passed, 1 error in 5s")["error"] == 1
    assert count.counted("3 errors in 5s")["error"] == 3
    assert count.counted("no tests ran in 0.01s") == count.counted("") == {"error": 1}


def test_a_group_that_is_run_again_replaces_its_line(tmp_path, monkeypatch):
    monkeypatch.setattr(count, "TABLE", tmp_path / "tests.txt")
    monkeypatch.setattr(count, "run", lambda group: count.Counter(passed=len(group), skipped=1))
    for groups in (["nn", "core"], ["nn"], ["site"]):
        monkeypatch.setattr("sys.argv", ["count", *groups])
        try:
            count.main()
        except SystemExit as end:
            assert not end.code
    assert count.read() == {"the NumPy core": (5, 4), "the PyTorch layer": (3, 2),
                            "the built site, in a browser": (5, 4)}
    assert list(count.read()) == [w for w in count.GROUPS.values() if w in count.read()]


def test_every_folder_of_tests_is_a_group():
    folders = {file.parent.name for file in (REPOSITORY / "tests").glob("*/test_*.py")}
    assert folders == set(count.GROUPS)


def test_the_book_prints_counts_of_groups_that_passed():
    """If not: python -m tests.count"""
    table = count.read()
    assert {count.GROUPS[group] for group in ("core", "nn", "explore", "chapters")
            } <= table.keys() <= set(count.GROUPS.values())
    assert count.TABLE.read_text(encoding="utf-8") == count.written(table)
    assert all(0 < passed <= tests for tests, passed in table.values())
