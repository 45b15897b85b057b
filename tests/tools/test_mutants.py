"""The mutants: each kind of change is made, what is no code is left alone, the lists are no older
than the code, and a mutant is what the tests meet."""

import ast
import subprocess
import sys

import pytest
import yaml

from tests.book import REPOSITORY
from tests.mutants.__main__ import PARTS, TABLE, equivalent, modules, read
from tests.mutants.changed import HandedOut
from tests.mutants.operators import mutants


def changes(source):
    return [mutant.change for mutant in mutants(ast.parse(source))]


@pytest.mark.parametrize(("source", "expected"), [
    ("a < b", ["a < b → a <= b", "a < b → a >= b"]),
    ("a < b < c", ["a < b < c → a <= b < c", "a < b < c → a < b <= c"]),
    ("a is not b", ["a is not b → a is b"]), ("a not in b", ["a not in b → a in b"]),
    ("a + b", ["a + b → a - b"]), ("a @ b", ["a @ b → b @ a"]),
    ("a *= b", ["a *= b → a /= b", "a *= b → pass"]),
    ("x = 3", ["3 → 4"]), ("x = True", ["True → False"]), ("x = 0.0", ["0.0 → 1.0"]),
    ("a and b", ["a and b → a or b", "a and b → b", "a and b → a"]),
    ("not a", ["not a → a"]), ("-a", ["-a → a"]),
    ("x = f(a, b, k=c)", ["f(a, b, k=c) → f(a, b)", "f(a, b, k=c) → f(b, a, k=c)"]),
    ("x = f(a, a)", []), ("x = math.isclose(a, b)", []), ("zip(a, b, strict=True)", [
        "zip(a, b, strict=True) → pass", "zip(a, b, strict=True) → zip(b, a, strict=True)"]),
    ("x = sorted(a)", ["sorted(a) → a"]),
    ("f()", ["f() → pass"]), ("raise ValueError(1)", ["raise ValueError(1) → pass"]),
    ("a.b = c", ["a.b = c → pass"]), ("return a", ["return a → return None"]),
    ("return", []), ("a = b", []), ("x = range(a, b)", ["range(a, b) → range(a, b - 1)",
                                                     "range(a, b) → range(b, a)"]),
    ("x[:n]", ["n → n + 1"]), ("if a: b", ["a → True", "a → False"]),
    ("[x for x in y if x]", ["x → True"]),
    ('"""A docstring of 3."""', []), ("def f(a: 1 < 2) -> 3: ...", []),
    ('x = f"{a + b}"', []), ('if __name__ == "__main__": f(1)', []),
])
def test_every_kind_of_change_is_made_and_no_other(source, expected):
    assert sorted(changes(source)) == sorted(expected)


def test_a_mutant_changes_its_place_alone():
    source = "def f(a):\n    return a < 1 and a < 1\n"
    tree = ast.parse(source)
    found = mutants(tree)
    assert [m.change for m in found if "<= 1" in m.change] == ["a < 1 → a <= 1",
                                                               "a < 1 → a <= 1 (2)"]
    second = next(m for m in found if m.change.endswith("<= 1 (2)"))
    assert (second.where, second.line) == ("f", 2)
    second.apply()
    assert ast.unparse(tree) == "def f(a):\n    return a < 1 and a <= 1"


def test_every_mutant_that_is_called_equivalent_exists():
    exist = {(module.name, mutant.where, mutant.change)
             for module in modules([]) for mutant in module.mutants}
    assert equivalent() - exist == set()
    assert all(len(why) > 20 for entries in read("equivalent.yml").values()
               for by_change in entries.values() for why in by_change.values())


def test_every_module_has_tests_that_exist():
    chosen = modules([])
    assert {module.part for module in chosen} == set(PARTS)
    assert [module.name for module in chosen if not module.tests] == []
    assert [name for module in chosen for name in module.tests
            if not (REPOSITORY / name).is_file()] == []
    names = {name for module in chosen for name in (module.name, module.name.split("/")[0])}
    assert set(yaml.safe_load((REPOSITORY / "tests/mutants/tests.yml").read_text())) <= names


def test_a_sample_is_drawn_by_its_seed_and_of_every_kind():
    module, = modules(["core/optim"])
    first, again, other = (module.sample(12, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert {mutant.operator for mutant in first} == {mutant.operator for mutant in module.mutants}


@pytest.mark.thorough
def test_the_tests_of_a_module_meet_its_mutant():
    """One that every gradient would notice: a loss twice as large."""
    code = ("import sys, tests.mutants.__main__ as m; m.LIBRARIES = (\"torch\",); "
            "sys.exit(m.main())")
    done = subprocess.run(
        [sys.executable, "-c", code, "core/problems", "--change", "0.5 → 1.0"],
        cwd=REPOSITORY, text=True, capture_output=True, timeout=600)
    assert "| core/problems | 1 | 1 | 0 | 0 | 0 | 100.0 % |" in done.stdout
    assert done.returncode == 0


def test_a_python_that_a_test_starts_meets_the_mutant_too(monkeypatch, tmp_path):
    module, = modules(["explore/words"])
    tree = ast.parse(module.file.read_text(encoding="utf-8") + "answer = 42")
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setenv("PYTHONPATH", "")
    HandedOut(module.imported_as, module.file, tree, tmp_path / "0").pytest_sessionstart()
    done = subprocess.run(
        [sys.executable, "-c", "from lora_edu.explore import words; print(words.answer, "
         "words.__file__)"], cwd=REPOSITORY, text=True, capture_output=True, check=True)
    assert done.stdout.strip() == f"42 {module.file}"


@pytest.mark.skipif(not TABLE.is_file(), reason="make mutants writes it")
def test_the_last_count_has_every_part_and_95_per_cent_of_each_noticed():
    """If not: make mutants"""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]]
            for line in TABLE.read_text(encoding="utf-8").splitlines()[2:]]
    assert [part for part, *_ in rows] == [*PARTS, "**all**"]
    assert [row for row in rows if float(row[-1].removesuffix(" %")) < 95] == []
