"""The instrument's engine asked in Node, and the runs of Python's that it is held to."""

import json
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np

from book._extensions.node import esbuild, node_binary
from lora_book.instrument import task
from lora_book.instrument.settings import TABLE, checked
from lora_edu import train
from tests.book import REPOSITORY

SCRIPT = Path(__file__).with_suffix(".mjs")
READ = """
import * as asked from {script};
import {{ readFileSync }} from "node:fs";
const input = readFileSync(0);
const end = input.indexOf("\\n");
const start = input.byteOffset + end + 1;
const bytes = input.buffer.slice(start, input.byteOffset + input.length);
const answer = asked[{name}](JSON.parse(input.toString("utf8", 0, end)), bytes);
console.log(JSON.stringify(await answer));
"""
STARTS = TABLE["settings"]["start"]["allowed"]
OPTIMISERS = TABLE["settings"]["optimiser"]["allowed"]
FOLLOWS = ["alpha", "rate", "start", "eps", "decay"]  # of a twin
EVERY_KIND = [{"optimiser": optimiser, "start": start, "rule": rule, "r": r}
              for optimiser in OPTIMISERS
              for start, rule, r in ((STARTS[0], "alpha/sqrt(r)", 8), (STARTS[3], "alpha/r", 3))]


def in_node(name: str, given: list, data: bytes = b""):
    """What a function of parity.mjs answers."""
    script = READ.format(script=json.dumps(SCRIPT.as_uri()), name=json.dumps(name))
    command = [node_binary(), "--no-warnings", "--input-type=module", "-e", script]
    done = subprocess.run(command, input=json.dumps(given).encode() + b"\n" + data,
                          capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def write_page(folder: Path) -> None:
    """Write parity.html, in which the functions of parity.mjs are ``parity``'s."""
    esbuild(REPOSITORY, "--bundle", "--minify", "--format=iife", "--global-name=parity",
            f"--outfile={folder / 'parity.js'}", str(SCRIPT))
    (folder / "parity.html").write_text('<!doctype html><script src="parity.js"></script>')


def wild(rng: np.random.Generator) -> dict:
    """Settings drawn from all that is allowed."""
    settings = {name: rng.choice(np.array(rule["allowed"], object))
                for name, rule in TABLE["settings"].items() if rule["kind"] == "choice"}
    return settings | {"r": int(rng.choice([2, 3, 4, 8, 16])),
                       "seed": int(rng.integers(10_000)),
                       "bits": "".join(rng.choice(list("AZgw_-"), int(rng.integers(172)))),
                       "decay": float(rng.choice([0.0, 0.01, 0.3, 1.0])),
                       "eps": 10 ** float(rng.uniform(-12, 0)),
                       "momentum": float(rng.uniform(0, 0.99))}


@dataclass
class Python:
    """Runs of Python's. cases, data: for parity.mjs. runs: themselves."""

    cases: list[dict]
    data: bytes
    runs: list[task.Run]


def recorded(settings: dict, steps: int) -> list:
    """The norms that train records at each step, in the engine's order."""
    with np.errstate(over="ignore", invalid="ignore"):
        history = train(task.task(settings), task.start(settings), task.optimiser(settings), steps,
                        allow_divergence=True)
    return np.column_stack([history.delta_norm, history.grad_A_norm, history.grad_B_norm,
                            history.loss, history.useful]).tolist()


@cache
def by_python(count: int, steps: int) -> Python:
    """Runs in wild settings, of so many steps."""
    rng = np.random.default_rng(count)
    settings = [wild(rng) for _ in range(count)]
    with mock.patch.object(task, "STEPS", steps):
        runs = [task.run(**each) for each in settings]
        norms = [recorded(checked(each), steps) for each in settings]
    buffers = [run.buffer() for run in runs]
    cases = [{"settings": each, "length": len(buffer), "last": len(run.A) - 1, "norms": rows}
             for each, buffer, run, rows in zip(settings, buffers, runs, norms, strict=True)]
    return Python(cases, b"".join(buffers), runs)


def sensitivity(run: task.Run, settings: dict) -> float:
    """How far Python's own run moves when the last bits of ΔW − T change: W0 is then zero."""
    with mock.patch.object(task, "picture", lambda name: np.zeros((64, 64))):
        other = task.run(**settings)
    if len(other.A) < len(run.A):
        return np.inf
    return max(abs(other.A[:len(run.A)] - run.A).max() / (abs(run.A).max() or 1),
               abs(other.B[:len(run.B)] - run.B).max() / (abs(run.B).max() or 1))


def check_single_steps(answers: list[dict]) -> None:
    """Each step within 1e-12 of Python's, and the draws in every bit."""
    for answer in answers:
        assert answer["sameStart"] and answer["error"] < 1e-12, answer


def check_whole_runs(answers: list[dict], python: Python) -> None:
    """All end at Python's step. Where rounding does not grow in Python, all quantities agree, and
    what is zero is zero."""
    settled = 0
    for answer, case, run in zip(answers, python.cases, python.runs, strict=True):
        assert answer["last"] == case["last"], case
        if sensitivity(run, case["settings"]) < 1e-11:
            settled += 1
            assert answer["error"] < 1e-9 and not answer["zeros"], (case, answer)
    assert settled > len(python.runs) / 2
