"""How many small faults in the package would its tests find: python -m tests.mutants [MODULE …]

Changes one place of a module at a time (see operators.py) and runs the module's tests. The mutants
are drawn by seed, the same number for each module, spread over the kinds of change. Those listed in
equivalent.yml, which change nothing that is promised, are counted apart, each for the reason stated
there. Writes the table that the book includes, book/measured/mutants.txt; with modules as arguments
("nn" or "core/adapter"), prints their lines only.

The libraries are imported once. Every mutant is tested in a fork of that process in which an import
hook hands out the changed module, so no file is touched; a Python that a test starts meets it too.
All tests of the module run until one fails, those first that enter the changed function.
"""

from __future__ import annotations

import argparse
import ast
import gc
import importlib
import multiprocessing
import multiprocessing.connection
import os
import pickle
import random
import resource
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.mutants.changed import HandedOut
from tests.mutants.operators import Mutant, mutants

REPOSITORY = Path(__file__).parents[2]
TABLE = REPOSITORY / "book" / "measured" / "mutants.txt"
LIBRARIES = ("numpy", "hypothesis", "torch", "safetensors.torch", "plotly.graph_objects", "peft",
             "jupytext", "sphinx.application", "ipywidgets", "anywidget")
PYTEST = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--assert=plain"]
KILLED, TIMED_OUT, SURVIVED, EQUIVALENT = OUTCOMES = (
    "killed", "timed out", "survived", "equivalent")
PARTS = ("core", "nn", "explore", "exercise checks")
ENOUGH = 95  # % of the mutants of a part, without the equivalent ones


@dataclass
class Module:
    """A module of the package: its name as "nn/layer", its file, its tests, its mutants."""

    name: str
    file: Path
    tests: list[str]

    def __post_init__(self):
        self.tree = ast.parse(self.file.read_text(encoding="utf-8"))
        self.mutants = mutants(self.tree)
        self.seconds = 0.0  # of processor time that the tests take
        self.entered = {}  # test → (what of the package it enters, its seconds)

    @property
    def part(self) -> str:
        """The part of the package that the module's row in the table stands for."""
        return self.name.split("/")[0].replace("chapters", "exercise checks")

    @property
    def imported_as(self) -> str:
        return ".".join(self.file.relative_to(REPOSITORY).with_suffix("").parts)

    def sample(self, count: int, seed: int, text: str = "") -> list[Mutant]:
        """``count`` mutants or fewer, one of each kind in turn, of those with a text."""
        rng, kinds = random.Random(f"{seed} {self.name}"), defaultdict(list)
        wanted = [mutant for mutant in self.mutants if text in f"{mutant.where}: {mutant.change}"]
        for mutant in rng.sample(wanted, len(wanted)):
            kinds[mutant.operator].append(mutant)
        turns = sorted((turn, kind) for kind in kinds for turn in range(len(kinds[kind])))
        return [kinds[kind][turn] for turn, kind in turns[:count]]


def equivalent() -> set[tuple[str, str, str]]:
    """(module, function, change) of the mutants judged to change nothing that is promised."""
    return {(module, where, change)
            for module, entries in read("equivalent.yml").items()
            for where, changes in entries.items() for change in changes}


def read(name: str):
    """One of the lists beside this file."""
    return yaml.safe_load((REPOSITORY / "tests" / "mutants" / name).read_text(encoding="utf-8"))


def modules(names: list[str]) -> list[Module]:
    """The core, nn, explore and the checks, or those of them whose names begin with ``names``.

    A module's tests are those of its mirror, tests/nn/test_layer.py for lora_edu/nn/layer.py, and
    those that tests.yml adds for it and for its part.
    """
    tests, found = read("tests.yml"), []
    for file in sorted((REPOSITORY / "lora_edu").rglob("*.py")):
        inner = file.relative_to(REPOSITORY / "lora_edu").with_suffix("")
        name = str(inner if len(inner.parts) > 1 else Path("core") / inner)
        if name.startswith("chapters/") and not name.endswith(("/check", "/verdict")):
            continue
        if file.name == "__init__.py" or (names and not any(name.startswith(n) for n in names)):
            continue
        own = REPOSITORY / "tests" / Path(name).parent / f"test_{file.stem.lstrip('_')}.py"
        files = [str(own.relative_to(REPOSITORY))] if own.is_file() else []
        files += [file for key in (name, name.split("/")[0]) for file in tests.get(key, [])]
        found.append(Module(name, file, list(dict.fromkeys(files))))
    return found


class Entered:
    """Writes down which functions of the package each test enters; a plugin of pytest."""

    def __init__(self, notes: Path):
        self.notes, self.tests = notes, {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        entered, start = set(), time.process_time()

        def enter(frame, event, argument):
            if "lora_edu" in frame.f_code.co_filename:
                entered.add((Path(frame.f_code.co_filename).name,
                             frame.f_code.co_qualname.replace(".<locals>", "")))

        threading.settrace(enter)
        sys.settrace(enter)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)
            self.tests[item.nodeid] = entered, time.process_time() - start

    def pytest_sessionfinish(self):
        self.notes.write_bytes(pickle.dumps(self.tests))


class Order:
    """Tests that enter the changed function first, the fastest first; a plugin of pytest. The tests
    of a file stay together, for they share fixtures."""

    def __init__(self, module: Module, mutant: Mutant):
        self.tests, self.where = module.entered, (module.file.name, mutant.where)

    def pytest_collection_modifyitems(self, items):
        keys = {}
        for item in items:
            entered, seconds = self.tests.get(item.nodeid, ((), 0.0))
            keys[item] = self.where not in entered, seconds
        best = defaultdict(lambda: (True, 1e9))
        for item, key in keys.items():
            best[item.path] = min(best[item.path], key)
        items.sort(key=lambda item: (best[item.path], str(item.path), keys[item]))


def run_tests(tests: list[str], plugins: list, seconds: float, mutant: Mutant | None) -> None:
    """Run tests in this process, with a mutant or without, and end it with their status."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 1))
    if mutant:
        mutant.apply()
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    os._exit(pytest.main([*PYTEST, *tests], plugins=plugins))


def start(*arguments) -> multiprocessing.Process:
    process = multiprocessing.get_context("fork").Process(target=run_tests, args=arguments)
    process.start()
    return process


def outcome(process: multiprocessing.Process) -> str:
    if process.exitcode == 0:
        return SURVIVED
    return TIMED_OUT if process.exitcode in (-9, -24) else KILLED  # SIGKILL, SIGXCPU


def check_unchanged(chosen: list[Module], notes: Path) -> None:
    """Run the tests of all modules once, which have to pass; note what each takes and enters."""
    tests = dict.fromkeys(name for module in chosen for name in (*module.tests, str(module.file)))
    process = start(list(tests), [Entered(notes)], 10_000, None)
    process.join()
    if process.exitcode:
        sys.exit(f"without any change, pytest -x {' '.join(tests)} fails")
    entered = pickle.loads(notes.read_bytes())
    for module in chosen:
        module.entered = entered
        module.seconds = sum(seconds for test, (_, seconds) in entered.items()
                             if test.partition("::")[0] in module.tests)
        print(f"{module.name:32} {len(module.mutants):4} mutants, "
              f"tests {module.seconds:5.1f} s", flush=True)


def run(todo: list[tuple[Module, Mutant]], jobs: int, until: float, folder: Path):
    """(module, mutant, outcome) of one mutant after the other, ``jobs`` at a time."""
    same, todo, running = equivalent(), enumerate(todo), {}
    try:
        while True:
            while len(running) < jobs and time.monotonic() < until and (entry := next(todo, None)):
                number, pair = entry
                module, mutant = pair
                if (module.name, mutant.where, mutant.change) in same:
                    yield *pair, EQUIVALENT
                    continue
                limit = 20 + 4 * module.seconds
                process = start([*module.tests, str(module.file)],
                                [HandedOut(module.imported_as, module.file, module.tree,
                                           folder / f"{number}"), Order(module, mutant)],
                                limit, mutant)
                running[process.sentinel] = process, pair, time.monotonic() + 10 * limit
            if not running:
                return
            multiprocessing.connection.wait(list(running), timeout=1)
            for key, (process, pair, deadline) in list(running.items()):
                if process.is_alive() and time.monotonic() > deadline:
                    os.killpg(process.pid, 9)
                elif not process.is_alive():
                    process.join()
                    del running[key]
                    yield *pair, outcome(process)
    finally:
        for process, *_ in running.values():
            os.killpg(process.pid, 9)


def table(title: str, counts: dict[str, Counter]) -> str:
    """One line for each key of ``counts`` and one for all, as Markdown."""
    lines = [f"| {title} | mutants | {' | '.join(OUTCOMES)} | noticed |", "|---" + "|--:" * 6 + "|"]
    for name, count in [*counts.items(), ("**all**", sum(counts.values(), Counter()))]:
        lines.append(f"| {name} | {count.total()} | {' | '.join(str(count[o]) for o in OUTCOMES)} "
                     f"| {noticed(count):.1f} % |")
    return "\n".join(lines) + "\n"


def noticed(count: Counter) -> float:
    """% of the mutants with an effect that the tests fail on, or never end."""
    with_effect = count.total() - count[EQUIVALENT]
    return 100 * (1 - count[SURVIVED] / with_effect) if with_effect else 100.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("modules", nargs="*", help='such as "nn" or "core/adapter"; default: all')
    parser.add_argument("--sample", type=int, default=16, help="mutants a module (%(default)s)")
    parser.add_argument("--change", default="", help="only those whose description has this text")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (%(default)s)")
    parser.add_argument("--minutes", type=float, default=120, help="no new mutant after that time")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at a time (%(default)s)")
    asked = parser.parse_args()
    until = time.monotonic() + 60 * asked.minutes
    chosen = modules(asked.modules)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.chdir(REPOSITORY)
        os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
                       "HYPOTHESIS_STORAGE_DIRECTORY": folder}
        for library in LIBRARIES:
            importlib.import_module(library)
        gc.freeze()  # pytest collects garbage several times a run: not among all of this
        check_unchanged(chosen, Path(folder, "entered"))
        drawn = [(turn, module, mutant) for module in chosen for turn, mutant in enumerate(
            module.sample(asked.sample, asked.seed, asked.change))]
        by_module = {module.name: Counter() for module in chosen}
        # In rounds, so that every module loses as many where the time is short.
        todo = [pair for _, *pair in sorted(drawn, key=lambda entry: entry[0])]
        for module, mutant, end in run(todo, asked.jobs, until, Path(folder)):
            by_module[module.name][end] += 1
            if end == SURVIVED:
                print(f"{module.name}:{mutant.line}: {mutant.where}: {mutant.change}", flush=True)
    by_part = {part: sum((by_module[module.name] for module in chosen if module.part == part),
                         Counter())
               for part in PARTS if any(module.part == part for module in chosen)}
    print(table("module", by_module), table("part", by_part), sep="\n")
    if not asked.modules:
        TABLE.write_text(table("part", by_part), encoding="utf-8")
    low = [part for part, count in by_part.items() if noticed(count) < ENOUGH]
    sys.exit(f"less than {ENOUGH} % noticed in {', '.join(low)}" if low else 0)


if __name__ == "__main__":
    main()
